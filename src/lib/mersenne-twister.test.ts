import { expect, test } from 'vitest';
import { MersenneTwister } from './mersenne-twister.ts';

test('the ten thousandth number of the default seed is the one the C++ standard names ([rand.predef])', () => {
  const random = new MersenneTwister(5489);
  for (let i = 1; i < 10_000; i++) random.next();
  expect(random.next()).toBe(4_123_659_995);
});
