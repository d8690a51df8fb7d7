// Objects of counters, as every room keeps them (fields are names; nested objects are scopes), read and reset by name.
import { Histogram } from '../../lib/histogram.ts';
import { StatusCodes } from './status-codes.ts';

/** Where what is called so is counted: `cluster.web`. Names have no colons there, as in Envoy. */
export function statScope(kind: 'cluster' | 'listener', name: string): string {
  return `${kind}.${name.replaceAll(/:\/\/|:\/?|\0/g, '_')}`;
}

/** What several objects count under one name counts together. */
export function* sumByName(
  numbers: Iterable<readonly [name: string, value: number]>,
): IterableIterator<readonly [string, number]> {
  const sums = new Map<string, number>();
  for (const [name, value] of numbers) sums.set(name, (sums.get(name) ?? 0) + value);
  yield* sums;
}

export function* mergeByName(
  histograms: Iterable<readonly [name: string, Histogram]>,
): IterableIterator<readonly [string, Histogram]> {
  const merged = new Map<string, Histogram>();
  for (const [name, histogram] of histograms) {
    const known = merged.get(name);
    if (known === undefined) {
      merged.set(name, histogram);
      continue;
    }
    const sum = new Histogram();
    sum.add(known.state());
    sum.add(histogram.state());
    merged.set(name, sum);
  }
  yield* merged;
}

/** Counters and gauges, as in `cluster.web.upstream_rq_total`. */
export function* numbersOf(scope: string, stats: object): IterableIterator<readonly [name: string, value: number]> {
  for (const [field, value] of Object.entries(stats)) {
    if (typeof value === 'number') yield [`${scope}.${field}`, value];
    else if (value instanceof StatusCodes) for (const [name, count] of value.named()) yield [`${scope}.${name}`, count];
    else if (isScope(value)) yield* numbersOf(`${scope}.${field}`, value);
  }
}

export function* histogramsOf(scope: string, stats: object): IterableIterator<readonly [name: string, Histogram]> {
  for (const [field, value] of Object.entries(stats)) {
    if (value instanceof Histogram) yield [`${scope}.${field}`, value];
    else if (isScope(value)) yield* histogramsOf(`${scope}.${field}`, value);
  }
}

/** Zeroes everything but gauges, which say what is, not what was. */
export function resetCounters(scope: string, stats: object, isGauge: (name: string) => boolean): void {
  for (const [field, value] of Object.entries(stats)) {
    const name = `${scope}.${field}`;
    if (typeof value === 'number' && !isGauge(name)) Reflect.set(stats, field, 0);
    else if (value instanceof Histogram || value instanceof StatusCodes) value.reset();
    else if (isScope(value)) resetCounters(name, value, isGauge);
  }
}

function isScope(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && !(value instanceof Histogram) && !(value instanceof StatusCodes)
  );
}
