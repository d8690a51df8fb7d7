import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { Counts } from '../../lib/shared-counts.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { FailureAccrual } from './failure-accrual.ts';

/** A tick of the timer wheel, and a little more. */
const TICK = 20;

function make(jitter = 0) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => expect.unreachable(String(error)));
  const heard: boolean[] = [];
  const config = { maxFailures: 3, minPenalty: 1_000, maxPenalty: 4_000, jitterRatio: 0.5 };
  const accrual = new FailureAccrual(config, {
    wheel,
    random: () => jitter,
    counts: new Counts(),
    onChange: (available) => heard.push(available),
  });
  const fail = (times: number) => {
    for (let i = 0; i < times; i++) accrual.onFailure();
  };
  return { clock, accrual, heard, fail };
}

test('opens after so many failures in a row, not before', () => {
  const { accrual, heard, fail } = make();
  fail(2);
  accrual.onSuccess();
  fail(2);
  expect([accrual.state, heard]).toEqual(['closed', []]);
  fail(1);
  expect([accrual.state, heard]).toEqual(['open', [false]]);
});

test('one request tries after the penalty; when it succeeds all follow', () => {
  const { clock, accrual, heard, fail } = make();
  fail(3);
  clock.advance(990);
  expect(accrual.state).toBe('open');
  clock.advance(10 + TICK);
  expect([accrual.state, heard]).toEqual(['probation', [false, true]]);
  accrual.onPicked();
  expect([accrual.state, heard]).toEqual(['probing', [false, true, false]]);
  accrual.onPicked();
  accrual.onSuccess();
  expect([accrual.state, heard]).toEqual(['closed', [false, true, false, true]]);
});

test('the penalty doubles with every try that fails, up to the longest', () => {
  const { clock, accrual, fail } = make();
  fail(3);
  for (const penalty of [1_000, 2_000, 4_000, 4_000]) {
    clock.advance(penalty - 10);
    expect(accrual.state).toBe('open');
    clock.advance(10 + TICK);
    accrual.onPicked();
    accrual.onFailure();
  }
  expect(accrual.state).toBe('open');
});

test('jitter lengthens the penalty', () => {
  const { clock, accrual, fail } = make(0.5);
  fail(3);
  clock.advance(1_240);
  expect(accrual.state).toBe('open');
  clock.advance(10 + TICK);
  expect(accrual.state).toBe('probation');
});

test('a try of which nothing is heard is followed by another', () => {
  const { clock, accrual, fail } = make();
  fail(3);
  clock.advance(1_000 + TICK);
  accrual.onPicked();
  clock.advance(4_000 + TICK);
  expect(accrual.state).toBe('probation');
});
