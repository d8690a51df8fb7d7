import { describe, expect, test } from 'vitest';
import { endpoint } from '../testing/balancing.ts';
import { unfit } from './health.ts';
import { levelsOf } from './level.ts';
import { Levels } from './levels.ts';
import { PreviousPriorities } from './previous-priorities.ts';

const factors = { overprovisioning: 140, weightedHealth: false, localityWeights: [] };
const sick = { health: unfit.failedEds };

/** Loads of the healthy endpoints by priority, before each try of a request that goes to these priorities. */
function loads(frequency: number, goes: readonly number[], priorities: readonly ('well' | 'sick' | 'degraded')[]) {
  const endpoints = priorities.map((state, priority) => {
    const health = state === 'well' ? {} : state === 'sick' ? sick : { health: unfit.degradedEds };
    return endpoint(`p${priority}`, { priority, ...health });
  });
  const levels = new Levels(levelsOf(endpoints, factors), 0);
  const retry = new PreviousPriorities(frequency);
  return goes.map((priority) => {
    retry.note(endpoints[priority]!);
    const { healthy, degraded } = retry.reshare(levels);
    return [...healthy, ...(degraded.some((one) => one > 0) ? ['degraded', ...degraded] : [])];
  });
}

describe('retries keep away from priorities that were tried', () => {
  test.each([
    [
      'one after the other',
      1,
      [0, 1],
      ['well', 'well', 'well'],
      [
        [0, 100, 0],
        [0, 0, 100],
      ],
    ],
    [
      'from the start when none is left',
      1,
      [0, 1, 0],
      ['well', 'well'],
      [
        [0, 100],
        [100, 0],
        [0, 100],
      ],
    ],
    [
      'every other try',
      2,
      [0, 0, 1, 1],
      ['well', 'well', 'well'],
      [
        [100, 0, 0],
        [0, 100, 0],
        [0, 100, 0],
        [0, 0, 100],
      ],
    ],
    ['over those that have nobody', 1, [0], ['well', 'sick', 'well'], [[0, 0, 100]]],
    ['to what is degraded', 1, [0], ['well', 'degraded'], [[0, 0, 'degraded', 0, 100]]],
    ['not when all are out', 1, [0], ['sick', 'sick'], [[100]]],
  ] as const)('%s', (_name, frequency, goes, priorities, wants) => {
    expect(loads(frequency, goes, priorities)).toEqual(wants);
  });
});
