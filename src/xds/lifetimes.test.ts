import { expect, test } from 'vitest';
import { ManualClock } from '../lib/manual-clock.ts';
import { Lifetimes } from './lifetimes.ts';

function start() {
  const clock = new ManualClock();
  const gone: string[] = [];
  const lifetimes = new Lifetimes(clock, (name) => gone.push(name));
  const one = (name: string) => ({ name, version: '1', bytes: new Uint8Array(), aliases: [] });
  const receive = (ttls: Readonly<Record<string, number>>, names: readonly string[] = [], removed: string[] = []) =>
    lifetimes.renew({ resources: names.map(one), removed, ttls: new Map(Object.entries(ttls)) });
  return { clock, gone, lifetimes, receive };
}

test('what is not renewed ends', () => {
  const { clock, gone, receive } = start();
  receive({ a: 100, b: 100 }, ['a', 'b']);
  clock.advance(60);
  receive({ b: 100 });
  clock.advance(60);
  expect(gone).toEqual(['a']);
  clock.advance(60);
  expect(gone).toEqual(['a', 'b']);
});

test.each([
  ['comes without a time', ['a'], []],
  ['is removed', [], ['a']],
])('what %s has none', (_, names, removed) => {
  const { clock, gone, receive } = start();
  receive({ a: 100 }, ['a']);
  receive({}, names, removed);
  clock.advance(1_000);
  expect(gone).toEqual([]);
});

test('nothing ends after the client', () => {
  const { clock, gone, lifetimes, receive } = start();
  receive({ a: 100 }, ['a']);
  lifetimes.close();
  clock.advance(1_000);
  expect(gone).toEqual([]);
});
