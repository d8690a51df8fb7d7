import { expect, test } from 'vitest';
import { ManualClock } from '../lib/manual-clock.ts';
import { RequestPace } from './request-pace.ts';

function start(burst: number, perSecond: number) {
  const clock = new ManualClock();
  const sent: number[] = [];
  const pace = new RequestPace({ burst, perSecond }, clock, ([number]) => sent.push(number!));
  const push = (...numbers: number[]) => {
    for (const number of numbers) pace.push(Uint8Array.of(number));
  };
  return { clock, sent, pace, push };
}

test('a burst goes out at once, the rest at the rate and in order', () => {
  const { clock, sent, push } = start(2, 8);
  push(1, 2, 3, 4);
  expect(sent).toEqual([1, 2]);
  clock.advance(125);
  expect(sent).toEqual([1, 2, 3]);
  push(5);
  expect(sent).toEqual([1, 2, 3]);
  clock.advance(250);
  expect(sent).toEqual([1, 2, 3, 4, 5]);
  clock.advance(10_000);
  push(6, 7, 8);
  expect(sent.slice(5)).toEqual([6, 7]);
});

test('what waits ends with its stream', () => {
  const { clock, sent, pace, push } = start(1, 1);
  push(1, 2);
  pace.clear();
  push(3);
  expect(sent).toEqual([1]);
  clock.advance(1_000);
  expect(sent).toEqual([1, 3]);
});
