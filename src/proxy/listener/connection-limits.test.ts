import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import type { ConnectionManager } from '../router/connection-manager.ts';
import { HttpStats } from '../router/stats.ts';
import { limitDuration } from './connection-limits.ts';

function limited(drawn: number, jitter: number) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const drains: number[] = [];
  const served = { drain: () => void drains.push(clock.now()), destroy: () => undefined };
  const stats = new HttpStats();
  const config = { maxConnectionDuration: 1_000, maxConnectionJitter: jitter };
  const manager = { stats, config } as unknown as ConnectionManager;
  const began = clock.now();
  const forget = limitDuration(served, manager, { wheel, random: () => drawn });
  return { clock, stats, forget, drained: () => drains.map((at) => at - began) };
}

test.each([
  ['without jitter', 0.9, 0, 1_000],
  ['the shortest that can be drawn', 0, 0.5, 1_000],
  ['in the middle', 0.5, 0.5, 1_250],
])('a connection lives as long as it may: %s', (_name, drawn, jitter, after) => {
  const { clock, stats, drained } = limited(drawn, jitter);
  clock.advance(after - 50);
  expect(drained()).toEqual([]);
  clock.advance(100);
  expect(drained()).toHaveLength(1);
  expect(stats.downstream_cx_max_duration_reached).toBe(1);
});

test('a connection that went before its time is forgotten', () => {
  const { clock, forget, drained } = limited(0, 0);
  forget();
  clock.advance(5_000);
  expect(drained()).toEqual([]);
});
