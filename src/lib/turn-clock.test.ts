import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';
import { turnClock } from './turn-clock.ts';

function busy(milliseconds: number): void {
  const end = systemClock.now() + milliseconds;
  while (systemClock.now() < end);
}

test('one time within a turn, the next turn has its own', async () => {
  await nextTurn();
  const [now, epoch] = [turnClock.now(), turnClock.epoch()];
  busy(3);
  expect([turnClock.now(), turnClock.epoch()]).toEqual([now, epoch]);
  await nextTurn();
  expect(turnClock.now()).toBeGreaterThanOrEqual(now + 3);
  expect(turnClock.epoch()).toBeGreaterThan(epoch);
});
