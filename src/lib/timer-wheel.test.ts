import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from './manual-clock.ts';
import { type Timer, TimerWheel } from './timer-wheel.ts';
import '../../test/support/same-cases.ts';

const TICK = 8;

function make() {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  return { clock, errors, wheel: new TimerWheel(clock, (error) => errors.push(error)) };
}

test.each([
  ['within the first ring', 100],
  ['in the second', 5_000],
  ['in the third', 600_000],
  ['in the fourth', 10_000_000],
  ['at once', 0],
  ['beyond the horizon', 200_000_000],
])('fires once, not early, at most a tick late: %s', (_name, delay) => {
  const { clock, wheel } = make();
  let fired = 0;
  wheel.set(delay, () => {
    fired += 1;
  });
  clock.advance(delay - 1);
  expect(fired).toBe(0);
  clock.advance(2 * TICK);
  expect(fired).toBe(1);
  clock.advance(delay + 1_000);
  expect(fired).toBe(1);
});

test('a cancelled timer never fires, and cancelling again does nothing', () => {
  const { clock, wheel } = make();
  const timer = wheel.set(50, () => expect.unreachable());
  wheel.cancel(timer);
  wheel.cancel(timer);
  wheel.cancel(null);
  clock.advance(1_000);
});

test('an earlier timer wakes the wheel that waits for a later one', () => {
  const { clock, wheel } = make();
  const order: string[] = [];
  wheel.set(400, () => order.push('late'));
  wheel.set(20, () => order.push('early'));
  clock.advance(60);
  expect(order).toEqual(['early']);
  clock.advance(400);
  expect(order).toEqual(['early', 'late']);
});

test('a timer may set and cancel others, and set itself again', () => {
  const { clock, wheel } = make();
  let turns = 0;
  const victim: Timer = wheel.set(30, () => expect.unreachable());
  const again = () => {
    turns += 1;
    wheel.cancel(victim);
    if (turns < 5) wheel.set(10, again);
  };
  wheel.set(10, again);
  clock.advance(500);
  expect(turns).toBe(5);
});

test('an exception stops no other timer', () => {
  const { clock, wheel, errors } = make();
  let fired = false;
  wheel.set(10, () => {
    throw new Error('oops');
  });
  wheel.set(10, () => {
    fired = true;
  });
  clock.advance(50);
  expect(fired).toBe(true);
  expect(errors).toEqual([new Error('oops')]);
});

test('any mix of timers fires in its own time', () => {
  const timers = fc.array(fc.record({ delay: fc.nat(3_000_000), cancel: fc.boolean() }), { maxLength: 40 });
  fc.assert(
    fc.property(timers, fc.array(fc.integer({ min: 1, max: 400_000 }), { maxLength: 20 }), (specs, steps) => {
      const { clock, wheel } = make();
      const fired = new Map<number, number>();
      const start = clock.now();
      specs.forEach(({ delay, cancel }, i) => {
        const timer = wheel.set(delay, () => fired.set(i, clock.now() - start));
        if (cancel) wheel.cancel(timer);
      });
      for (const step of steps) clock.advance(step);
      const now = clock.now() - start;
      specs.forEach(({ delay, cancel }, i) => {
        const at = fired.get(i);
        if (cancel || delay > now) expect(at).toBeUndefined();
        else if (delay + 2 * TICK <= now) expect(at).toBeDefined();
        if (at !== undefined) expect(at).toBeGreaterThanOrEqual(delay);
        if (at !== undefined) expect(at).toBeLessThanOrEqual(delay + 2 * TICK);
      });
    }),
  );
});
