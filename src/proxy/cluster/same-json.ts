// Whether two configurations are the same. Functions (matchers of names) count as different unless they are the same one: a changed
// validation must never keep an old connection. Resources that arrive unchanged are not decoded again (see discovery), so theirs are.

export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const left = Object.entries(members(a));
  const right = new Map(Object.entries(members(b)));
  return left.length === right.size && left.every(([key, value]) => right.has(key) && sameJson(value, right.get(key)));
}

function members(value: object): object {
  return value instanceof Set || value instanceof Map ? [...value] : value;
}
