import { expect, test } from 'vitest';
import { Counts, SharedCounts } from './shared-counts.ts';

function threads(count: number) {
  const memory = SharedCounts.allocate();
  return Array.from({ length: count }, () => new SharedCounts(memory));
}

test('threads count in the same counts', () => {
  const [a, b] = threads(2).map((shared) => shared.of('host'));
  expect([a!.increment(1), b!.increment(1), a!.increment(1), b!.increment(2)]).toEqual([1, 2, 3, 1]);
  a!.clear(1);
  expect([b!.get(1), b!.take(2), a!.get(2)]).toEqual([0, 1, 0]);
});

test('one that found less than there is now adds nothing', () => {
  const [a, b] = threads(2).map((shared) => shared.of('host'));
  expect([a!.incrementFrom(1, 0), b!.incrementFrom(1, 0), b!.incrementFrom(1, 1), a!.get(1)]).toEqual([
    true,
    false,
    true,
    2,
  ]);
});

test('names are kept apart', () => {
  const [a, b] = threads(2);
  const names = Array.from({ length: 2_000 }, (_, i) => `größe-${i}`);
  for (const [i, name] of names.entries()) a!.of(name).set(15, i + 1);
  expect(names.map((name) => b!.of(name).get(15))).toEqual(names.map((_, i) => i + 1));
});

test('a name that is forgotten makes room for another, which begins anew', () => {
  const [a, b] = threads(2);
  for (let i = 0; i < 16_384; i++) a!.of(`n${i}`).set(0, 7);
  const alone = b!.of('one more');
  alone.increment(0);
  expect(a!.of('one more').get(0)).toBe(0);
  b!.forget('n5');
  a!.of('one more').increment(0);
  expect([b!.of('one more').get(0), b!.of('n4').get(0)]).toEqual([1, 7]);
});

test('of one thread alone', () => {
  const counts = new Counts();
  expect([counts.increment(3), counts.increment(3), counts.take(3), counts.get(3)]).toEqual([1, 2, 2, 0]);
});
