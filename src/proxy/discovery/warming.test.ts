import { expect, it } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { Warming } from './warming.ts';

function start(waitsFor: () => readonly number[]) {
  const clock = new ManualClock();
  const used: string[] = [];
  const warming = new Warming<string>({ waitsFor, activate: (item) => void used.push(item), clock });
  return { clock, used, warming };
}

it('waits for each thing as long as its own source says', () => {
  let missing = [1_000, 5_000];
  const { clock, used, warming } = start(() => missing);
  void warming.add('a', 'a');
  clock.advance(1_000);
  expect(used).toEqual([]);
  missing = [1_000];
  warming.check();
  expect(used).toEqual(['a']);
});

it('goes on without what has not come in time', () => {
  const { clock, used, warming } = start(() => [1_000, 5_000]);
  void warming.add('a', 'a');
  clock.advance(4_999);
  expect(used).toEqual([]);
  clock.advance(1);
  expect(used).toEqual(['a']);
});

it('waits for ever where the time-out is zero', () => {
  let missing = [0];
  const { clock, used, warming } = start(() => missing);
  void warming.add('a', 'a');
  clock.advance(1_000_000);
  expect(used).toEqual([]);
  missing = [];
  warming.check();
  expect(used).toEqual(['a']);
});
