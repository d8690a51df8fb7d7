import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import type { ConnectionManager } from '../router/connection-manager.ts';
import { HttpStats } from '../router/stats.ts';
import { limitDuration } from './connection-limits.ts';

function limited(drawn: number, jitter: number, safeMaxDuration = false) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const retired: number[] = [];
  const closing: number[] = [];
  const served = { retire: () => retired.push(clock.now()) > 0, closeAfter: () => void closing.push(clock.now()) };
  const stats = new HttpStats();
  const config = { maxConnectionDuration: 1_000, maxConnectionJitter: jitter, safeMaxDuration };
  const manager = { stats, config } as unknown as ConnectionManager;
  const began = clock.now();
  const forget = limitDuration(served, manager, { wheel, random: () => drawn });
  return { clock, stats, forget, retired: () => retired.map((at) => at - began), closing };
}

test.each([
  ['without jitter', 0.9, 0, 1_000],
  ['the shortest that can be drawn', 0, 0.5, 1_000],
  ['in the middle', 0.5, 0.5, 1_250],
])('a connection lives as long as it may: %s', (_name, drawn, jitter, after) => {
  const { clock, stats, retired } = limited(drawn, jitter);
  clock.advance(after - 50);
  expect(retired()).toEqual([]);
  clock.advance(100);
  expect(retired()).toHaveLength(1);
  expect(stats.downstream_cx_max_duration_reached).toBe(1);
});

test('a connection that went before its time is forgotten', () => {
  const { clock, forget, retired } = limited(0, 0);
  forget();
  clock.advance(5_000);
  expect(retired()).toEqual([]);
});

test('a connection that must not be closed under a request goes with its next answer', () => {
  const { clock, retired, closing } = limited(0, 0, true);
  clock.advance(1_100);
  expect([retired(), closing.length]).toEqual([[], 1]);
});
