import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Histogram } from './histogram.ts';
import '../../test/support/same-cases.ts';

const filled = (...values: readonly number[]): Histogram => {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
};

describe('bounds', () => {
  test.each<[values: number[], bounds: number[], below: number[]]>([
    [[], [1, 10], [0, 0]],
    [
      [0, 0.05],
      [0.1, 1],
      [2, 2],
    ],
    [
      [0.3, 0.7, 1, 9.99, 10],
      [0.5, 1, 10, 25],
      [1, 2, 4, 5],
    ],
    [
      [4_699, 4_700, 4_799, 4_800],
      [4_700, 4_800],
      [1, 3],
    ],
    [[1e15], [1_000], [0]],
  ])('%j', (values, bounds, below) => {
    expect(filled(...values).below(bounds)).toEqual(below);
  });
});

test('count and sum', () => {
  const histogram = filled(1, 2, 3.5);
  expect([histogram.count, histogram.sum]).toEqual([3, 6.5]);
  histogram.reset();
  expect([histogram.count, histogram.sum, histogram.below([10])]).toEqual([0, 0, [0]]);
});

test('without records there are no quantiles', () => {
  expect(new Histogram().quantiles([0.5])).toEqual([Number.NaN]);
});

test('quantiles are within a tenth of the true ones', () => {
  const values = fc.array(fc.double({ min: 0.1, max: 1e8, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(values, (all) => {
      const sorted = [...all].sort((a, b) => a - b);
      const found = filled(...all).quantiles([0, 0.5, 0.99, 1]);
      for (const [i, share] of [0, 0.5, 0.99, 1].entries()) {
        const rank = Math.max(0, Math.ceil(share * sorted.length) - 1);
        expect(found[i]).toBeGreaterThanOrEqual(sorted[rank]! * 0.9);
        expect(found[i]).toBeLessThanOrEqual(sorted[rank]! * 1.11);
      }
    }),
  );
});

test('histograms of several threads are one', () => {
  const whole = new Histogram();
  const newer = filled(2, 2);
  newer.exemplify({ value: 2, label: 'newer', epoch: 9 });
  const older = filled(40);
  older.exemplify({ value: 40, label: 'older', epoch: 8 });
  for (const one of [newer, older, new Histogram()]) whole.add(one.state());
  expect([whole.count, whole.sum, whole.below([10, 100]), whole.exemplar?.label]).toEqual([3, 44, [2, 3], 'newer']);
});

test('of parts, all that is read is of wholes, also once it was added to another', () => {
  const millionths = new Histogram(1_000_000);
  for (const share of [0.000_25, 0.25, 2.5]) millionths.record(share * 1_000_000);
  const sum = new Histogram();
  sum.add(millionths.copy());
  for (const histogram of [millionths, sum, sum.since(null)]) {
    expect(histogram.sum).toBe(2.750_25);
    expect(histogram.below([0.000_1, 0.001, 0.25, 0.5, 5])).toEqual([0, 1, 1, 2, 3]);
    expect(histogram.filled()).toEqual([
      [0.000_25, 0.000_01, 1],
      [0.25, 0.01, 1],
      [2.5, 0.1, 1],
    ]);
    expect(histogram.quantiles([1])[0]).toBeCloseTo(2.6);
  }
});
