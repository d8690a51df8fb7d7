// Objects of counters, as every room keeps them (fields are names; nested objects are scopes), read and reset by name.
import { Histogram } from '../../lib/histogram.ts';
import { StatusCodes } from './status-codes.ts';

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
