import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { IdleMemory } from './idle-memory.ts';

const MB = 1 << 20;

/** What there is in megabytes, and what there is after a release, if one comes. */
type Look = readonly [what: string, busy: number, before: number, after: number, releases: string];

const looks: readonly Look[] = [
  ['after the start', 0.001, 40, 30, 'T'],
  ['nothing grew', 0, 31, 0, 'T'],
  ['under load', 0.9, 90, 0, 'T'],
  ['quiet again', 0.05, 90, 60, 'Tr'],
  ['what gave much may give more', 0.05, 60, 38, 'Trr'],
  ['and more', 0.001, 38, 38, 'TrrT'],
  ['nothing grew again', 0.05, 49, 0, 'TrrT'],
  ['less by itself', 0.05, 32, 0, 'TrrT'],
  ['grown', 0.05, 44, 33, 'TrrTr'],
];

test('memory is given back when the process is idle and has grown', () => {
  const clock = new ManualClock();
  let [, busy, anonymous, after] = looks[0]!;
  let releases = '';
  const release = (thorough: boolean) => {
    releases += thorough ? 'T' : 'r';
    anonymous = after;
  };
  const idle = new IdleMemory(clock, { busy: () => busy, anonymous: () => anonymous * MB, release });
  idle.start();
  const seen = looks.map((look): Look => {
    [, busy, anonymous, after] = look;
    clock.advance(2_000);
    return [look[0], busy, look[2], look[3], releases];
  });
  expect(seen).toEqual(looks);
  idle.stop();
  clock.advance(10_000);
  expect(releases).toBe('TrrTr');
});

test('a process without descriptors is looked at again later', () => {
  const clock = new ManualClock();
  let looks = 0;
  const anonymous = () => {
    looks += 1;
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  };
  const idle = new IdleMemory(clock, { busy: () => 0, anonymous, release: () => undefined });
  idle.start();
  clock.advance(4_000);
  expect(looks).toBe(2);
  idle.stop();
});
