import { expect, test } from 'vitest';
import { SharedTallies } from './shared-tallies.ts';

function threads(count: number) {
  const memory = SharedTallies.allocate(count);
  return Array.from({ length: count }, (_, own) => new SharedTallies(memory, count, own));
}

test('each sees what the others have', () => {
  const [a, b, c] = threads(3).map((tallies) => tallies.of('cluster'));
  a!.add(0, 2);
  b!.add(0, 3);
  b!.add(1, 7);
  expect([a, b, c].map((tally) => tally!.others(0))).toEqual([3, 2, 5]);
  b!.add(0, -3);
  expect([a, b, c].map((tally) => [tally!.others(0), tally!.others(1)])).toEqual([
    [0, 7],
    [2, 0],
    [2, 7],
  ]);
});

test('names are kept apart', () => {
  const [a, b] = threads(2);
  const names = Array.from({ length: 2_000 }, (_, i) => `größe-${i}`);
  for (const [i, name] of names.entries()) a!.of(name)!.add(3, i + 1);
  expect(names.map((name) => b!.of(name)!.others(3))).toEqual(names.map((_, i) => i + 1));
});

test('what the dead had is taken away, and their successors begin anew', () => {
  const [a, b] = threads(2);
  const tally = b!.of('x')!;
  a!.of('x')!.add(0, 5);
  tally.add(0, 1);
  b!.clear(0);
  expect([tally.others(0), a!.of('x')!.others(0)]).toEqual([0, 1]);
});

test('too many names', () => {
  const [a] = threads(1);
  for (let i = 0; i < 16_384; i++) expect(a!.of(`n${i}`)).not.toBeNull();
  expect(a!.of('one more')).toBeNull();
  expect(a!.of('n0')).not.toBeNull();
});
