import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addLatency, type Latency, noLatency, quantile } from './latency.ts';
import '../../test/support/same-cases.ts';

const bounds = [1, 5, 10, Infinity];
const of = (...cumulative: number[]): Latency => ({ bounds, cumulative });

const quantiles: readonly [name: string, latency: Latency, q: number, expected: number | null][] = [
  ['nothing counted', of(0, 0, 0, 0), 0.5, null],
  ['no histogram', noLatency, 0.5, null],
  ['half way into the first bucket', of(10, 10, 10, 10), 0.5, 0.5],
  ['linear in the second', of(0, 10, 10, 10), 0.5, 3],
  ['at a bound', of(5, 10, 10, 10), 0.5, 1],
  ['above the last finite bound', of(0, 0, 0, 10), 0.99, 10],
  ['skips empty buckets', of(0, 0, 4, 4), 0, 5],
];

test.each(quantiles)('quantile: %s', (_name, latency, q, expected) => {
  expect(quantile(latency, q)).toBe(expected);
});

test('equal bounds add up', () => {
  expect(addLatency(of(1, 2, 3, 4), of(1, 1, 1, 1))).toEqual(of(2, 3, 4, 5));
  expect(addLatency(noLatency, of(1, 1, 1, 1))).toEqual(of(1, 1, 1, 1));
});

test('other bounds are spread over those of the first, and none is lost', () => {
  const other: Latency = { bounds: [3, Infinity], cumulative: [6, 8] };
  expect(addLatency(of(0, 0, 0, 0), other)).toEqual(of(2, 6, 6, 8));
});

test('quantiles grow with q and stay within the bounds', () => {
  const counts = fc.array(fc.nat(100), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(counts, fc.double({ min: 0, max: 1, noNaN: true }), (inside, q) => {
      const sums = inside.map((_, i) => inside.slice(0, i + 1).reduce((a, b) => a + b, 0));
      const low = quantile(of(...sums), q / 2);
      const high = quantile(of(...sums), q);
      if (low === null || high === null) return expect(sums.at(-1)).toBe(0);
      expect(low).toBeLessThanOrEqual(high);
      expect(high).toBeLessThanOrEqual(10);
    }),
  );
});
