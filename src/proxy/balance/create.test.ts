import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { xxHash64 } from '../../lib/hash.ts';
import type { PolicyConfig } from '../config/cluster-types.ts';
import { type BalancerChange, balancer, endpoint } from '../testing/balancing.ts';
import { anyEndpoint, type Balancer, type Endpoint, type PickContext } from './balancer.ts';
import { unfit } from './health.ts';
import '../../../test/support/same-cases.ts';

type Balancing = PolicyConfig;

const roundRobin: Balancing = { kind: 'round-robin', slowStart: null };
const leastRequest: Balancing = {
  kind: 'least-request',
  choices: 2,
  bias: 1,
  biasKey: '',
  fullScan: false,
  slowStart: null,
};
const ring: Balancing = {
  kind: 'ring-hash',
  minimumRingSize: 1024,
  maximumRingSize: 8_388_608,
  hash: 'xx',
  key: 'address',
  balanceFactor: 0,
};
const maglev: Balancing = { kind: 'maglev', tableSize: 65_537, key: 'address', balanceFactor: 0 };
const policies: readonly Balancing[] = [
  roundRobin,
  { kind: 'random' },
  leastRequest,
  { kind: 'peak-ewma', decay: 10_000, defaultRtt: 30 },
  { ...ring, hash: 'murmur2' },
  ring,
  maglev,
];
const hashing = policies.slice(4);

const anyRequest: PickContext = { ...anyEndpoint, now: 1000 };

type Options = BalancerChange & { picks?: number; request?: (i: number) => Partial<PickContext> };

/** How often each endpoint is picked. */
function counts(balancing: Balancing, endpoints: readonly Endpoint[], options: Options = {}): Record<string, number> {
  const balancer = make(balancing, endpoints, options);
  const found: Record<string, number> = {};
  for (let i = 0; i < (options.picks ?? 1000); i++) {
    const name = balancer.pick({ ...anyRequest, ...options.request?.(i) })?.name ?? 'none';
    found[name] = (found[name] ?? 0) + 1;
  }
  return found;
}

function make(balancing: Balancing, endpoints: readonly Endpoint[], change: BalancerChange = {}): Balancer {
  return balancer(endpoints, { balancing, ...change });
}

describe('every policy', () => {
  test.each(policies)('$kind picks nobody from an empty cluster', (balancing) => {
    expect(make(balancing, []).pick(anyRequest)).toBe(null);
  });

  test.each(policies)('$kind never picks the unhealthy or ejected while most are fit', (balancing) => {
    const endpoints = [
      endpoint('a'),
      endpoint('b'),
      endpoint('c'),
      endpoint('sick', { health: unfit.failedEds }),
      endpoint('out', { health: unfit.failedOutlierCheck }),
    ];
    expect(Object.keys(counts(balancing, endpoints)).sort()).toEqual(['a', 'b', 'c']);
  });

  test.each(policies)('$kind takes an ejected endpoint back when it hears of it', (balancing) => {
    const out = endpoint('b', { health: unfit.failedOutlierCheck });
    const picks = make(balancing, [endpoint('a'), out], { panicThreshold: 0 });
    const picked = () => new Set(Array.from({ length: 200 }, () => picks.pick(anyRequest)?.name));
    expect(picked()).toEqual(new Set(['a']));
    Object.assign(out, { health: 0 });
    picks.invalidate();
    expect(picked()).toEqual(new Set(['a', 'b']));
  });

  test.each(policies)('$kind avoids what was tried while others are left', (balancing) => {
    const [a, b] = [endpoint('a'), endpoint('b')];
    const balancer = make(balancing, [a, b]);
    for (let high = 0; high < 2 ** 32; high += 2 ** 27) {
      const hash = { high, low: 0 };
      expect(balancer.pick({ ...anyRequest, hash, tried: [a], reselect: 100 })).toBe(b);
      expect(balancer.pick({ ...anyRequest, hash, rejects: (it) => it === b, reselect: 100 })).toBe(a);
    }
    expect(balancer.pick({ ...anyRequest, tried: [a, b], reselect: 1 })).not.toBe(null);
  });

  test('always answers with one of the endpoints, whatever their state', () => {
    const anyEndpoint = fc.record({
      weight: fc.integer({ min: 1, max: 9 }),
      health: fc.constantFrom(
        0,
        unfit.failedEds,
        unfit.degradedEds,
        unfit.failedActiveCheck | unfit.pendingActiveCheck,
      ),
      priority: fc.integer({ min: 0, max: 2 }),
      activeRequests: fc.nat(3),
    });
    fc.assert(
      fc.property(
        fc.array(anyEndpoint, { minLength: 1, maxLength: 9 }),
        fc.nat(policies.length - 1),
        fc.nat(),
        (states, which, seed) => {
          const endpoints = states.map((state, i) => endpoint(`${i}`, state));
          const picks = make(policies[which]!, endpoints, { seed: seed + 1 });
          // Rings and tables know nothing of degraded endpoints, as in Envoy.
          expect([...endpoints, ...(which < 4 ? [] : [null])]).toContain(picks.pick(anyRequest));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('priorities and panic', () => {
  const level = (prefix: string, priority: number, healthy: number, sick: number) => [
    ...Array.from({ length: healthy }, (_, i) => endpoint(`${prefix}${i}`, { priority })),
    ...Array.from({ length: sick }, (_, i) => endpoint(`${prefix}sick${i}`, { priority, health: unfit.failedEds })),
  ];
  const share = (found: Record<string, number>, prefix: string) =>
    Object.entries(found).reduce((sum, [name, count]) => (name.startsWith(prefix) ? sum + count : sum), 0) / 10_000;
  // Rows of Envoy's table "Priority levels" (load balancing documentation).
  test.each([
    ['all healthy: the first level takes everything', 100, 100, 1, 0],
    ['72 %: still full', 72, 100, 1, 0],
    ['71 %: one percent over', 71, 100, 0.99, 0.01],
    ['50 %: 70 to 30', 50, 100, 0.7, 0.3],
    ['none: the second level', 0, 100, 0, 1],
    ['25 % and 25 %: shares are normalised', 25, 25, 0.5, 0.5],
  ])('%s', (_name, first, second, wantFirst, wantSecond) => {
    const endpoints = [...level('p', 0, first, 100 - first), ...level('q', 1, second, 100 - second)];
    const found = counts(roundRobin, endpoints, { picks: 10_000, panicThreshold: 0 });
    expect(share(found, 'p')).toBeCloseTo(wantFirst, 1);
    expect(share(found, 'q')).toBeCloseTo(wantSecond, 1);
  });

  test.each([
    ['half healthy is no panic', 2, 2, 50, ['p0', 'p1']],
    ['under the threshold: everyone', 1, 3, 50, ['p0', 'psick0', 'psick1', 'psick2']],
    ['none healthy: everyone', 0, 2, 50, ['psick0', 'psick1']],
    ['panic switched off', 1, 3, 0, ['p0']],
    ['panic switched off and none healthy', 0, 2, 0, ['none']],
  ])('%s', (_name, healthy, sick, panic, wants) => {
    expect(Object.keys(counts(roundRobin, level('p', 0, healthy, sick), { panicThreshold: panic })).sort()).toEqual(
      wants,
    );
  });
});

describe('shares', () => {
  const even = [endpoint('a'), endpoint('b'), endpoint('c'), endpoint('d')];
  const weighted = [endpoint('a', { weight: 1 }), endpoint('b', { weight: 3 })];

  test('round robin is exactly even', () => {
    expect(counts(roundRobin, even)).toEqual({ a: 250, b: 250, c: 250, d: 250 });
  });

  test('weighted round robin keeps to the weights', () => {
    expect(counts(roundRobin, weighted)).toEqual({ a: 250, b: 750 });
  });

  test.each<[Balancing, number]>([
    [{ kind: 'random' }, 0.5],
    [leastRequest, 0.75],
    [ring, 0.75],
    [maglev, 0.75],
  ])('$kind: b of weight 3 gets its share beside a of weight 1', (balancing, wants) => {
    const found = counts(balancing, weighted, { picks: 4000 });
    expect(Math.abs(found['b']! / 4000 - wants)).toBeLessThan(0.05);
  });

  test('least request prefers the idle', () => {
    const found = counts(leastRequest, [endpoint('busy', { activeRequests: 9 }), endpoint('idle')]);
    expect(found['idle']!).toBeGreaterThan(700);
  });

  test('weighted least request counts requests in flight', () => {
    const busy = [endpoint('a', { weight: 1 }), endpoint('b', { weight: 3, activeRequests: 11 })];
    expect(counts(leastRequest, busy)).toEqual({ a: 800, b: 200 });
  });
});

describe('hashing', () => {
  const endpoints = Array.from({ length: 10 }, (_, i) => endpoint(`10.0.0.${i}:80`));
  const hashes = Array.from({ length: 500 }, (_, i) => xxHash64(`${i}`));
  const owners = (balancing: Balancing, among: readonly Endpoint[]) => {
    const balancer = make(balancing, among);
    return hashes.map((hash) => balancer.pick({ ...anyRequest, hash })!.name);
  };

  test.each(hashing)('$kind gives a hash the same endpoint, also after a restart', (balancing) => {
    expect(owners(balancing, endpoints)).toEqual(owners(balancing, endpoints));
  });

  test.each(hashing)('$kind moves little when one of ten endpoints goes', (balancing) => {
    const before = owners(balancing, endpoints);
    const after = owners(balancing, endpoints.slice(1));
    const moved = before.filter((name, i) => name !== after[i] && name !== endpoints[0]!.name).length;
    expect(moved / hashes.length).toBeLessThan(0.1);
  });
});
