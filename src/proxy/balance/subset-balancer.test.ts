import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { ClusterStats } from '../cluster/stats.ts';
import type { SubsetConfig, SubsetSelector } from '../config/cluster-types.ts';
import { balancer, endpoint } from '../testing/balancing.ts';
import { anyEndpoint, type SubsetCriteria } from './balancer.ts';
import { unfit } from './health.ts';

const plain: SubsetConfig = {
  fallback: 'none',
  selectors: [],
  defaultSubset: {},
  localityWeightAware: false,
  scaleLocalityWeight: false,
  panicModeAny: false,
  listAsAny: false,
  metadataFallback: false,
};
const selector = (keys: string[], change: Partial<SubsetSelector> = {}): SubsetSelector => ({
  keys,
  singleHost: false,
  fallback: null,
  ...change,
});
const labelled = (name: string, labels: object, health = 0) =>
  endpoint(name, { metadata: { 'envoy.lb': labels }, health });
const criteria = (wanted: object): SubsetCriteria =>
  Object.entries(wanted).map(([name, value]) => [name, canonicalJson(value)] as const);

const endpoints = [
  labelled('a', { version: '1', stage: 'prod' }),
  labelled('b', { version: '2', stage: 'prod' }),
  labelled('c', { version: '2', stage: 'test', zones: ['x', 'y'] }),
  labelled('d', { stage: 'dev', version: '2' }, unfit.failedEds),
];

/** Names of all that are ever picked, sorted. */
function picked(config: Partial<SubsetConfig>, wanted: object | null, stats = new ClusterStats()): string {
  const chosen = balancer(endpoints, { subsets: { ...plain, ...config }, panicThreshold: 0, stats });
  const subset = wanted === null ? null : criteria(wanted);
  const names = Array.from({ length: 40 }, () => chosen.pick({ ...anyEndpoint, now: 0, subset })?.name ?? 'none');
  return [...new Set(names)].sort().join(' ');
}

describe('which endpoints a request finds', () => {
  const byVersion = [selector(['version']), selector(['stage', 'version'])];
  test.each<[string, Partial<SubsetConfig>, object | null, string]>([
    ['one key', { selectors: byVersion }, { version: '2' }, 'b c'],
    ['two keys', { selectors: byVersion }, { stage: 'prod', version: '2' }, 'b'],
    ['keys of no selector', { selectors: byVersion }, { stage: 'prod' }, 'none'],
    ['a value nobody has', { selectors: byVersion }, { version: '3' }, 'none'],
    ['a number is no string', { selectors: byVersion }, { version: 2 }, 'none'],
    ['no criteria', { selectors: byVersion }, null, 'none'],
    ['no criteria, any will do', { selectors: byVersion, fallback: 'any' }, null, 'a b c'],
    ['nothing found, any will do', { selectors: byVersion, fallback: 'any' }, { version: '3' }, 'a b c'],
    [
      'the default subset',
      { selectors: byVersion, fallback: 'default', defaultSubset: { stage: 'prod' } },
      null,
      'a b',
    ],
    ['found, but nobody is fit', { selectors: [selector(['stage'])], fallback: 'any' }, { stage: 'dev' }, 'none'],
    [
      'panic goes anywhere',
      { selectors: byVersion, panicModeAny: true, fallback: 'default', defaultSubset: { stage: 'none' } },
      { version: '3' },
      'a b c',
    ],
    ['no panic without a fallback', { selectors: byVersion, panicModeAny: true }, { version: '3' }, 'none'],
    [
      'fallback of the selector',
      { selectors: [selector(['version'], { fallback: 'any' })] },
      { version: '3' },
      'a b c',
    ],
    [
      'none, where the whole has one',
      { selectors: [selector(['version'], { fallback: 'none' })], fallback: 'any' },
      { version: '3' },
      'none',
    ],
    [
      'fewer keys',
      { selectors: [selector(['stage', 'version'], { fallback: { keys: ['stage'] } }), selector(['stage'])] },
      { stage: 'prod', version: '3' },
      'a b',
    ],
    ['the first endpoint only', { selectors: [selector(['version'], { singleHost: true })] }, { version: '2' }, 'b'],
    ['an element of a list', { selectors: [selector(['zones'])], listAsAny: true }, { zones: 'y' }, 'c'],
    ['a list as it is', { selectors: [selector(['zones'])] }, { zones: ['x', 'y'] }, 'c'],
    [
      'alternatives in order',
      { selectors: byVersion, metadataFallback: true },
      { fallback_list: [{ version: '9' }, { version: '1' }] },
      'a',
    ],
    [
      'alternatives beside what all have in common',
      { selectors: byVersion, metadataFallback: true },
      { fallback_list: [{ version: '9' }, { version: '2' }], stage: 'test' },
      'c',
    ],
  ])('%s', (_name, config, wanted, wants) => {
    expect(picked(config, wanted)).toBe(wants);
  });
});

test('subsets are counted', () => {
  const stats = new ClusterStats();
  picked({ selectors: [selector(['version'])], fallback: 'any' }, { version: '2' }, stats);
  picked({ selectors: [selector(['version'])], fallback: 'any' }, { version: '3' }, stats);
  expect([stats.lb_subsets_active, stats.lb_subsets_created]).toEqual([2, 4]);
  expect([stats.lb_subsets_selected, stats.lb_subsets_fallback]).toEqual([40, 40]);
});

test('health that changes is seen in every subset', () => {
  const both = [labelled('a', { v: 1 }), labelled('b', { v: 1 })];
  const subsets = { ...plain, selectors: [selector(['v'])] };
  const chosen = balancer(both, { subsets, panicThreshold: 0 });
  const names = () =>
    new Set(Array.from({ length: 9 }, () => chosen.pick({ ...anyEndpoint, now: 0, subset: criteria({ v: 1 }) })?.name));
  expect(names()).toEqual(new Set(['a', 'b']));
  Object.assign(both[0]!, { health: unfit.failedOutlierCheck });
  chosen.invalidate();
  expect(names()).toEqual(new Set(['b']));
});
