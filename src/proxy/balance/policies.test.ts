import { describe, expect, test } from 'vitest';
import { xxHash64 } from '../../lib/hash.ts';
import type { PolicyConfig } from '../config/cluster-types.ts';
import { balancer, endpoint, seeded } from '../testing/balancing.ts';
import { anyEndpoint, type Endpoint } from './balancer.ts';
import { PeakEwma } from './peak-ewma.ts';
import { oneOf } from './picker.ts';

const request = { ...anyEndpoint, now: 1000 };
const hash = (text: string) => ({ ...request, hash: xxHash64(text) });
const maglev: PolicyConfig = { kind: 'maglev', tableSize: 65_537, key: 'address', balanceFactor: 0 };

function countsOf(endpoints: readonly Endpoint[], balancing: PolicyConfig, picks: number, now = 1000) {
  const chosen = balancer(endpoints, { balancing });
  const counts: Record<string, number> = Object.fromEntries(endpoints.map(({ name }) => [name, 0]));
  for (let i = 0; i < picks; i++) counts[chosen.pick({ ...request, now })!.name]! += 1;
  return counts;
}

describe('slow start', () => {
  const slowStart = { window: 10_000, aggression: 1, aggressionKey: '', minWeightPercent: 10 };
  test.each([
    ['at once: the least share', 1000, 1, 0.1],
    ['half way', 6000, 1, 0.5],
    ['half way, eager', 6000, 2, Math.SQRT1_2],
    ['afterwards', 11_000, 1, 1],
  ])('%s', (_name, now, aggression, factor) => {
    const endpoints = [endpoint('old', { healthySince: -1e6 }), endpoint('new', { healthySince: 1000 })];
    const policy: PolicyConfig = { kind: 'round-robin', slowStart: { ...slowStart, aggression } };
    const { old, new: fresh } = countsOf(endpoints, policy, 3000, now);
    expect(fresh! / old!).toBeCloseTo(factor, 1);
  });
});

describe('least request', () => {
  const config = { kind: 'least-request', choices: 2, bias: 1, biasKey: '', fullScan: false, slowStart: null } as const;
  test('a full scan finds the only idle one of many', () => {
    const endpoints = Array.from({ length: 50 }, (_, i) => endpoint(`${i}`, { activeRequests: i === 33 ? 0 : 1 }));
    expect(countsOf(endpoints, { ...config, fullScan: true }, 20)['33']).toBe(20);
  });

  test('a full scan spreads over equals', () => {
    const endpoints = [endpoint('a'), endpoint('b'), endpoint('c', { activeRequests: 1 })];
    const { a, b, c } = countsOf(endpoints, { ...config, fullScan: true }, 1000);
    expect(c).toBe(0);
    expect(Math.abs(a! - b!)).toBeLessThan(100);
  });

  test.each([
    [0, 0.75],
    [1, 0.6],
    [2, 3 / 7],
  ])('bias %d', (bias, share) => {
    const endpoints = [endpoint('a'), endpoint('b', { weight: 3, activeRequests: 1 })];
    expect(countsOf(endpoints, { ...config, bias }, 4000)['b']! / 4000).toBeCloseTo(share, 2);
  });
});

describe('bounded loads', () => {
  const bounded: PolicyConfig = { ...maglev, balanceFactor: 100 };
  const names = ['a', 'b', 'c', 'd'];

  test('who has its share passes requests on, the same hash to the same one', () => {
    const owner = balancer(
      names.map((name) => endpoint(name)),
      { balancing: maglev },
    ).pick(hash('x'))!.name;
    const endpoints = names.map((name) => endpoint(name, { activeRequests: name === owner ? 5 : 0 }));
    const chosen = balancer(endpoints, { balancing: bounded, active: () => 5 });
    const other = chosen.pick(hash('x'))!.name;
    expect(other).not.toBe(owner);
    expect(chosen.pick(hash('x'))!.name).toBe(other);
  });

  test('when all have more than theirs, the least loaded', () => {
    const endpoints = names.map((name, i) => endpoint(name, { activeRequests: 10 + i }));
    const chosen = balancer(endpoints, { balancing: bounded, active: () => 4 });
    expect(new Set(['x', 'y', 'z'].map((text) => chosen.pick(hash(text))!.name))).toEqual(new Set(['a']));
  });
});

describe('keys of rings and tables', () => {
  const owner = (endpoints: readonly Endpoint[], change: object = {}) =>
    balancer(endpoints, { balancing: { ...maglev, ...change } }).pick(hash('x'))!.name;

  test('hostnames stand for addresses where that is wanted', () => {
    const before = ['a', 'b', 'c'].map((name) => endpoint(name, { hostname: name }));
    const after = ['1', '2', '3'].map((name, i) => endpoint(name, { hostname: before[i]!.name }));
    const hostOf = (name: string, of: readonly Endpoint[]) => of.find((it) => it.name === name)!.hostname;
    const key = { key: 'hostname' };
    expect(hostOf(owner(after, key), after)).toBe(owner(before, key));
  });

  test('metadata says otherwise', () => {
    const labelled = ['1', '2', '3'].map((name, i) => {
      const hash_key = ['a', 'b', 'c'][i];
      return endpoint(name, { metadata: { 'envoy.lb': { hash_key } } });
    });
    const plain = ['a', 'b', 'c'].map((name) => endpoint(name));
    expect(labelled.findIndex(({ name }) => name === owner(labelled))).toBe(
      plain.findIndex(({ name }) => name === owner(plain)),
    );
  });
});

describe('peak EWMA', () => {
  const config = { kind: 'peak-ewma', decay: 10_000, defaultRtt: 30 } as const;
  const measured = (...samples: readonly (readonly [rtt: number, now: number])[]) => {
    const latency = new PeakEwma(config, 0);
    for (const [rtt, now] of samples) {
      latency.begin();
      latency.end(rtt, now);
    }
    return latency;
  };

  test.each([
    ['nothing yet: the default, fading', [], 10_000, 30 / Math.E],
    ['a peak counts at once', [[100, 0]], 0, 100],
    [
      'a fast answer counts by the time since the last',
      [
        [100, 0],
        [10, 10_000],
      ],
      10_000,
      100 / Math.E + 10 * (1 - 1 / Math.E),
    ],
    [
      'in the same moment it counts for nothing',
      [
        [100, 0],
        [10, 0],
      ],
      0,
      100,
    ],
    [
      'slower than the faded estimate is a peak',
      [
        [100, 0],
        [50, 10_000],
      ],
      10_000,
      50,
    ],
  ] as const)('%s', (_name, samples, now, wants) => {
    expect(measured(...samples).estimate(now)).toBeCloseTo(wants, 6);
  });

  test('a request that was given up leaves the estimate alone', () => {
    const latency = measured([100, 0]);
    latency.begin();
    expect(latency.pending).toBe(1);
    latency.end(null, 5);
    expect([latency.pending, latency.estimate(0)]).toEqual([0, 100]);
  });

  test('the faster, and the one with fewer requests waiting, is preferred', () => {
    const [slow, fast] = [measured([100, 1000]), measured([1, 1000])];
    const endpoints = [endpoint('slow', { latency: slow }), endpoint('fast', { latency: fast })];
    expect(countsOf(endpoints, config, 100)).toEqual({ slow: 0, fast: 100 });
    fast.pending = 200;
    expect(countsOf(endpoints, config, 100)).toEqual({ slow: 100, fast: 0 });
  });

  test('keeps traffic off an endpoint that slows down, and off a crowd', () => {
    const random = seeded();
    const endpoints = ['a', 'b', 'c'].map((name) => endpoint(name, { latency: new PeakEwma(config, 0) }));
    const chosen = balancer(endpoints, { balancing: config });
    const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let now = 0; now < 3000; now++) {
      const { name, latency } = chosen.pick({ ...request, now })!;
      counts[name]! += 1;
      latency!.begin();
      latency!.end(name === 'a' ? 200 : oneOf([4, 5, 6], random), now);
    }
    expect(counts['a']!).toBeLessThan(150);
  });
});
