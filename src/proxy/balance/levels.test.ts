import { describe, expect, test } from 'vitest';
import { ClusterStats } from '../cluster/stats.ts';
import type { LocalityConfig, PolicyConfig } from '../config/cluster-types.ts';
import { type BalancerChange, balancer, endpoint } from '../testing/balancing.ts';
import { anyEndpoint, type Endpoint, type LocalCluster } from './balancer.ts';
import { unfit } from './health.ts';

const request = { ...anyEndpoint, now: 1000 };

/** Shares of picks in percent, by what of an endpoint `of` shows. */
function shares(endpoints: readonly Endpoint[], change: BalancerChange, of: (it: Endpoint) => string, picks = 4000) {
  const chosen = balancer(endpoints, change);
  const counts: Record<string, number> = {};
  for (let i = 0; i < picks; i++) {
    const picked = chosen.pick(request);
    const name = picked === null ? 'none' : of(picked);
    counts[name] = (counts[name] ?? 0) + 100 / picks;
  }
  return Object.fromEntries(Object.entries(counts).map(([name, percent]) => [name, Math.round(percent)]));
}

function expectNear(found: Record<string, number>, wants: Record<string, number>): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(wants).sort());
  for (const [name, percent] of Object.entries(wants)) expect(Math.abs(found[name]! - percent)).toBeLessThan(4);
}

const some = (prefix: string, count: number, change: Partial<Endpoint> = {}) =>
  Array.from({ length: count }, (_, i) => endpoint(`${prefix}${i}`, change));
const degraded = { health: unfit.degradedEds };
const sick = { health: unfit.failedEds };

describe('degraded endpoints take what the healthy of all priorities cannot', () => {
  const kind = ({ health, priority }: Endpoint) => `${health === 0 ? 'healthy' : 'degraded'} ${priority}`;
  // Rows of Envoy's table "Degraded endpoints" (load balancing documentation): percent healthy and degraded.
  test.each([
    ['100 and 0', 100, 0, { 'healthy 0': 100 }],
    ['71 and 0', 71, 0, { 'healthy 0': 100 }],
    ['70 and 30', 70, 30, { 'healthy 0': 98, 'degraded 0': 2 }],
    ['25 and 65', 25, 65, { 'healthy 0': 35, 'degraded 0': 65 }],
    ['5 and 95', 5, 95, { 'healthy 0': 7, 'degraded 0': 93 }],
  ])('%s', (_name, healthy, worse, wants) => {
    const rest = some('s', 100 - healthy - worse, sick);
    const endpoints = [...some('h', healthy), ...some('d', worse, degraded), ...rest];
    expectNear(shares(endpoints, { panicThreshold: 0 }, kind), wants);
  });
});

describe('what a priority is worth', () => {
  const priority = (it: Endpoint) => String(it.priority);
  const second = { priority: 1 };
  test('another overprovisioning factor', () => {
    const endpoints = [...some('a', 5), ...some('b', 5, sick), ...some('c', 4, second)];
    expectNear(shares(endpoints, { assignment: { overprovisioning: 100 } }, priority), { 0: 50, 1: 50 });
    expectNear(shares(endpoints, { assignment: { overprovisioning: 200 } }, priority), { 0: 100 });
  });

  test('health by weight', () => {
    const endpoints = [endpoint('a', { weight: 9 }), endpoint('b', { weight: 1, ...sick }), ...some('c', 1, second)];
    expectNear(shares(endpoints, {}, priority), { 0: 70, 1: 30 });
    expectNear(shares(endpoints, { assignment: { weightedHealth: true } }, priority), { 0: 100 });
  });

  test('endpoints that were never checked do not count', () => {
    const unchecked = { health: unfit.failedActiveCheck | unfit.pendingActiveCheck };
    const endpoints = [...some('a', 1), ...some('b', 9, unchecked), ...some('c', 4, second)];
    expectNear(shares(endpoints, {}, priority), { 0: 100 });
  });

  test('in total panic by the number of endpoints', () => {
    const endpoints = [...some('a', 3, sick), ...some('b', 1, { ...sick, ...second })];
    const stats = new ClusterStats();
    expectNear(shares(endpoints, { stats }, priority), { 0: 75, 1: 25 });
    expect(stats.lb_healthy_panic).toBe(4000);
  });
});

describe('localities by weight', () => {
  const weighted: LocalityConfig = { kind: 'weighted' };
  const place = (it: Endpoint) => it.locality;
  const localityWeights = [
    { priority: 0, locality: 'a', weight: 1 },
    { priority: 0, locality: 'b', weight: 3 },
  ];
  const policies: readonly PolicyConfig[] = [
    { kind: 'round-robin', slowStart: null },
    {
      kind: 'ring-hash',
      minimumRingSize: 4096,
      maximumRingSize: 8_388_608,
      hash: 'xx',
      key: 'address',
      balanceFactor: 0,
    },
    { kind: 'maglev', tableSize: 65_537, key: 'address', balanceFactor: 0 },
  ];
  const change = (balancing: PolicyConfig) => ({ balancing, localities: weighted, assignment: { localityWeights } });

  test.each(policies)('$kind: whatever the number of endpoints', (balancing) => {
    const endpoints = [...some('x', 6, { locality: 'a' }), ...some('y', 2, { locality: 'b' })];
    expectNear(shares(endpoints, change(balancing), place), { a: 25, b: 75 });
  });

  test('a locality gets less when more of it is unfit than overprovisioning makes up for', () => {
    const endpoints = [
      ...some('x', 2, { locality: 'a' }),
      ...some('y', 1, { locality: 'b' }),
      ...some('z', 1, { locality: 'b', ...sick }),
    ];
    expectNear(shares(endpoints, change(policies[0]!), place), { a: 32, b: 68 });
  });

  test('a locality without a weight gets nothing', () => {
    const endpoints = [...some('x', 1, { locality: 'a' }), ...some('y', 1, { locality: 'c' })];
    for (const balancing of policies) expectNear(shares(endpoints, change(balancing), place), { a: 100 });
  });

  test('without any weight, endpoints are taken as they are', () => {
    const endpoints = [...some('x', 3, { locality: 'a' }), ...some('y', 1, { locality: 'c' })];
    expectNear(shares(endpoints, { localities: weighted }, place), { a: 75, c: 25 });
  });
});

describe('zone-aware routing', () => {
  const zoneAware = {
    kind: 'zone-aware',
    minClusterSize: 3,
    routedPercent: 100,
    failOnPanic: false,
    forceDirect: false,
  } as const;
  const place = (it: Endpoint) => it.locality;
  const callers = (here: number, there: number, change: Partial<LocalCluster> = {}): LocalCluster => ({
    zone: 'a',
    version: 1,
    endpoints: [...some('l', here, { locality: 'a' }), ...some('m', there, { locality: 'b' })],
    panic: false,
    ...change,
  });
  const servers = (here: number, there: number) => [
    ...some('x', here, { locality: 'a' }),
    ...some('y', there, { locality: 'b' }),
  ];

  test.each<[string, LocalCluster, Endpoint[], Partial<typeof zoneAware>, Record<string, number>]>([
    ['all stay where there are as many', callers(1, 1), servers(2, 2), {}, { a: 100 }],
    ['half stay where there are half as many', callers(1, 1), servers(1, 3), {}, { a: 50, b: 50 }],
    ['none are here', callers(1, 1), servers(0, 4), {}, { b: 100 }],
    ['this proxy is in no zone of its cluster', callers(1, 1, { zone: 'z' }), servers(1, 3), {}, { a: 25, b: 75 }],
    ['the cluster is too small', callers(1, 1), servers(1, 1), {}, { a: 50, b: 50 }],
    ['callers in one zone only', callers(2, 0), servers(1, 3), {}, { a: 25, b: 75 }],
    ['callers are in panic', callers(1, 1, { panic: true }), servers(1, 3), {}, { a: 25, b: 75 }],
    [
      'half of the requests are routed by zone',
      callers(1, 1),
      servers(2, 2),
      { routedPercent: 50 } as never,
      { a: 75, b: 25 },
    ],
    ['forced to stay', callers(9, 1), servers(1, 3), { forceDirect: true } as never, { a: 100 }],
  ])('%s', (_name, local, endpoints, change, wants) => {
    expectNear(shares(endpoints, { local, localities: { ...zoneAware, ...change } }, place), wants);
  });

  test('panic may fail requests instead', () => {
    const endpoints = [...some('x', 1), ...some('y', 3, sick)];
    expect(shares(endpoints, { localities: { ...zoneAware, failOnPanic: true } }, place)).toEqual({ none: 100 });
  });
});
