import { expect, test } from 'vitest';
import { BusyRest } from './busy-rest.ts';

test('a busy thread rests until it is far from busy', () => {
  let now = 0;
  let used = 0;
  let rests = 0;
  const rest = new BusyRest({ now: () => now, used: () => used, sleep: () => (rests += 1) });
  const turns = (share: number): number => {
    const before = rests;
    for (let i = 0; i < 256; i++) {
      now += 1;
      used += share;
      rest.turn();
    }
    // The last turn of a round decides for itself and those after it.
    return rests - before;
  };
  expect([0.5, 0.9, 0.9, 0.5, 0.4, 0.3, 0.5, 0.2].map(turns)).toEqual([0, 1, 256, 256, 256, 255, 0, 0]);
});
