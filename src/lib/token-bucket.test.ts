import { expect, test } from 'vitest';
import { SharedTallies } from './shared-tallies.ts';
import { TokenBucket } from './token-bucket.ts';

const TEN = { capacity: 10, rate: 0.01 };

function shared() {
  const memory = SharedTallies.allocate(2);
  const tallies = [0, 1].map((thread) => new SharedTallies(memory, 2, thread));
  const [one, other] = tallies.map((all) => new TokenBucket(TEN, 0, 1, all.of('b')));
  return { one: one!, other: other!, tallies };
}

test('what one thread takes is gone for the other', () => {
  const { one, other } = shared();
  expect([one.take(0, 4), other.remaining(0), other.takeUpTo(0, 9), one.remaining(0)]).toEqual([true, 6, 6, 0]);
  expect([one.take(100), other.take(100)]).toEqual([true, false]);
});

test('a thread that comes later has what comes in from then on', () => {
  const { one, tallies } = shared();
  one.take(0);
  const late = new TokenBucket(TEN, 0, 1, tallies[1]!.of('b'));
  expect([late.remaining(0), late.remaining(500)]).toEqual([0, 5]);
});

test('what is taken beyond what there is is waited for', () => {
  const { one, other, tallies } = shared();
  tallies[0]!.of('b')!.add(0, 12);
  expect([other.takeUpTo(0, 5), other.remaining(0), other.nextToken(0)]).toEqual([0, 0, 300]);
  expect([one.take(0, 10), other.remaining(2_000)]).toEqual([true, 8]);
});

test('what others took while this one did not look, they took of what came in meanwhile', () => {
  const { one, other } = shared();
  for (let second = 0; second < 100; second++) expect(one.takeUpTo(second * 1_000, 10)).toBe(10);
  expect(other.remaining(99_000)).toBe(0);
  expect(other.remaining(99_500)).toBe(5);
});

test('counts go on beyond 2^31, and a thread that ends costs the others a bucket at most', () => {
  const { other, tallies } = shared();
  const tally = tallies[0]!.of('b')!;
  tally.add(0, 2 ** 31 - 1);
  expect([other.remaining(0), other.remaining(2_000)]).toEqual([0, 10]);
  tally.add(0, 3);
  expect(other.remaining(2_000)).toBe(7);
  tallies[0]!.clear(0);
  expect([other.remaining(4_000), other.remaining(6_000)]).toEqual([0, 10]);
});
