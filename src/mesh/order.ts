// Orders on model terms. The mesh sorts everything it merges by these, so that the order of the input never matters.
import type { Origin } from '../model/origin.ts';

type Aged = { readonly created: string; readonly origin: Origin };

/** Code unit order: the same on every machine, unlike a locale's. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Oldest first ('' sorts as oldest), then namespace, name, kind and place in the object: what every dialect breaks ties by. */
export function compareAge(a: Aged, b: Aged): number {
  return compareText(a.created, b.created) || compareOrigins(a.origin, b.origin);
}

export function compareOrigins(a: Origin, b: Origin): number {
  return (
    compareText(a.namespace, b.namespace) ||
    compareText(a.name, b.name) ||
    compareText(a.kind, b.kind) ||
    compareText(a.dialect, b.dialect) ||
    comparePaths(a.path, b.path) ||
    compareText(a.place?.file ?? '', b.place?.file ?? '') ||
    (a.place?.line ?? 0) - (b.place?.line ?? 0)
  );
}

/** `rules[2]` before `rules[10]`. */
export function comparePaths(a: string, b: string): number {
  const [left, right] = [a.split(/(\d+)/), b.split(/(\d+)/)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x, y] = [left[i] as string, right[i] as string];
    const order = i % 2 === 1 ? Number(x) - Number(y) : compareText(x, y);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Sorted, each once. */
export const distinct = <T extends string>(values: Iterable<T>): readonly T[] => [...new Set(values)].sort(compareText);
