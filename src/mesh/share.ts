// Equal parts of two results become the same object, so that what is made from a part later (encoded bytes) is made once.

/** `next`, with every part that equals the part at the same place of `previous` replaced by it. Plain data only: no cycles, no functions. */
export function shareUnchanged<T>(previous: T, next: T): T {
  return share(previous, next, new WeakMap()) as T;
}

/** Parts shared inside `next` (one cluster in a hundred plans) are compared once per partner. */
type Seen = WeakMap<object, { readonly previous: object; readonly result: unknown }>;

function share(previous: unknown, next: unknown, seen: Seen): unknown {
  if (Object.is(previous, next) || !isObject(previous) || !isObject(next)) return next;
  const known = seen.get(next);
  if (known?.previous === previous) return known.result;
  const result = Array.isArray(next) ? shareArray(previous, next, seen) : shareObject(previous, next, seen);
  seen.set(next, { previous, result });
  return result;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Elements with a `name` meet the element of that name, wherever it moved; others meet the one at their index. */
function shareArray(previous: object, next: readonly unknown[], seen: Seen): unknown {
  if (!Array.isArray(previous)) return next;
  const old: readonly unknown[] = previous;
  const named = old.length === 0 || nameOf(old[0]) === null ? null : new Map(old.map((each) => [nameOf(each), each]));
  const merged = next.map((element, index) => {
    const partner = old[index];
    const name = nameOf(element);
    return share(name === null || name === nameOf(partner) ? partner : named?.get(name), element, seen);
  });
  return merged.length === old.length && merged.every((element, i) => Object.is(element, old[i])) ? old : merged;
}

function shareObject(previous: object, next: object, seen: Seen): unknown {
  if (Array.isArray(previous)) return next;
  const [old, fresh] = [previous as Record<string, unknown>, next as Record<string, unknown>];
  const keys = Object.keys(fresh);
  const merged = Object.fromEntries(keys.map((key) => [key, share(old[key], fresh[key], seen)]));
  const same =
    keys.length === Object.keys(old).length && keys.every((key) => key in old && Object.is(merged[key], old[key]));
  return same ? previous : merged;
}

function nameOf(value: unknown): string | null {
  if (!isObject(value)) return null;
  if ('name' in value && typeof value.name === 'string') return value.name;
  return 'proxy' in value && isObject(value.proxy) && 'id' in value.proxy ? String(value.proxy.id) : null;
}
