// The configuration in use, as the changes that make it: what a worker that starts late is told, and how a refused change is taken back.
import type { Change } from './messages.ts';

/** What something needs comes before it. */
const ORDER = ['secret', 'endpoints', 'cluster', 'routes', 'listener'] as const;

type Kept = Extract<Change, { readonly kind: (typeof ORDER)[number] }>;

export class Replica {
  readonly #kept: Readonly<Record<Kept['kind'], Map<string, Kept>>> = {
    secret: new Map(),
    endpoints: new Map(),
    cluster: new Map(),
    routes: new Map(),
    listener: new Map(),
  };

  /** The result takes it back, unless something newer has taken its place; it returns what workers are then told. */
  record(change: Change): () => Change | null {
    if (isGone(change)) {
      this.#kept[keptKind(change.kind)].delete(change.name);
      return () => null;
    }
    const kept = this.#kept[change.kind];
    const key = change.kind === 'secret' ? `${change.source}\n${change.name}` : change.name;
    const before = kept.get(key);
    kept.set(key, change);
    return () => {
      if (kept.get(key) !== change) return null;
      if (before !== undefined) kept.set(key, before);
      else kept.delete(key);
      return before ?? goneOf(change);
    };
  }

  /** All of it, in an order in which it can be applied. */
  changes(): readonly Change[] {
    return ORDER.flatMap((kind) => [...this.#kept[kind].values()]);
  }
}

type Gone = Exclude<Change, Kept>;

function isGone(change: Change): change is Gone {
  return change.kind.endsWith(' gone');
}

function keptKind(kind: Gone['kind']): Exclude<Kept['kind'], 'secret'> {
  return kind.replace(' gone', '') as Exclude<Kept['kind'], 'secret'>;
}

/** A secret harms nobody while nothing uses it. */
function goneOf({ kind, name }: Kept): Gone | null {
  return kind === 'secret' ? null : { kind: `${kind} gone`, name };
}
