// Balancers against what they are defined by, whatever the weights: shares over long runs, and what an endpoint that goes takes along.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { xxHash64 } from '../../lib/hash.ts';
import type { PolicyConfig } from '../config/cluster-types.ts';
import { balancer, endpoint } from '../testing/balancing.ts';
import { anyEndpoint, type Balancer, type Endpoint } from './balancer.ts';
import '../../../test/support/same-cases.ts';

const KEYS = Array.from({ length: 2_000 }, (_, i) => xxHash64(`key ${i}`));
const request = { ...anyEndpoint, now: 1000 };
const weights = (most: number) => fc.array(fc.integer({ min: 1, max: most }), { minLength: 2, maxLength: 8 });

const named = (list: readonly number[]): Endpoint[] =>
  list.map((weight, i) => endpoint(`10.0.0.${i}:80`, { weight, healthySince: -1e9 }));

function countsOf(chosen: Balancer, endpoints: readonly Endpoint[], picks: number): number[] {
  const counts = new Map<unknown, number>();
  for (let i = 0; i < picks; i++) {
    const picked = chosen.pick(request);
    counts.set(picked, (counts.get(picked) ?? 0) + 1);
  }
  return endpoints.map((one) => counts.get(one) ?? 0);
}

describe('shares', () => {
  const inTurn: PolicyConfig = { kind: 'round-robin', slowStart: null };

  test('in turn: after whole rounds each has had its weight, but for one request', () => {
    fc.assert(
      fc.property(
        weights(20),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 1e6 }),
        (list, rounds, seed) => {
          const endpoints = named(list);
          const total = list.reduce((sum, weight) => sum + weight, 0);
          const counts = countsOf(balancer(endpoints, { balancing: inTurn, seed }), endpoints, total * rounds);
          for (const [i, weight] of list.entries())
            expect(Math.abs(counts[i]! - weight * rounds)).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each<[string, PolicyConfig]>([
    ['maglev', { kind: 'maglev', tableSize: 65_537, key: 'address', balanceFactor: 0 }],
  ])('%s: by weight', (_name, balancing) => {
    fc.assert(
      fc.property(weights(5), (list) => {
        const endpoints = named(list);
        const total = list.reduce((sum, weight) => sum + weight, 0);
        const owners = ownersOf(balancer(endpoints, { balancing }));
        for (const [i, one] of endpoints.entries()) {
          const share = owners.filter((owner) => owner === one).length / KEYS.length;
          // Five standard deviations of a count of that many keys.
          const expected = list[i]! / total;
          const far = 5 * Math.sqrt((expected * (1 - expected)) / KEYS.length);
          expect(Math.abs(share - expected)).toBeLessThanOrEqual(far);
        }
      }),
      { numRuns: 15 },
    );
  });
});

describe('an endpoint that goes', () => {
  const ring = (size: number): PolicyConfig => ({
    ...{ kind: 'ring-hash', minimumRingSize: size, maximumRingSize: 8_388_608 },
    ...{ hash: 'xx', key: 'address', balanceFactor: 0 },
  });

  /** Share of the keys that stay with nobody who went, and move all the same. */
  function moved(count: number, balancing: PolicyConfig): number {
    const endpoints = named(Array.from({ length: count }, () => 1));
    const gone = endpoints[count >> 1]!;
    const before = ownersOf(balancer(endpoints, { balancing }));
    const after = ownersOf(
      balancer(
        endpoints.filter((one) => one !== gone),
        { balancing },
      ),
    );
    return before.filter((owner, i) => owner !== gone && owner !== after[i]).length / KEYS.length;
  }

  test.each([3, 5, 10, 30])('a ring of %d: others give keys only to points that are new', (count) => {
    // The ring keeps its size: each of the others gets 1/(n-1) of it instead of 1/n, so 1/n of the points are new.
    expect(moved(count, ring(1024 * 8))).toBeLessThanOrEqual(1 / count + 0.05);
  });

  test.each([3, 5, 10, 30])('a table of %d: few of the others move', (count) => {
    expect(moved(count, { kind: 'maglev', tableSize: 65_537, key: 'address', balanceFactor: 0 })).toBeLessThan(0.1);
  });

  test('keys of an endpoint that stays are not spread otherwise than by these', () => {
    const endpoints = named([1, 1, 1, 1]);
    const shuffled = [endpoints[2]!, endpoints[0]!, endpoints[3]!, endpoints[1]!];
    expect(ownersOf(balancer(shuffled, { balancing: ring(1024) }))).toEqual(
      ownersOf(balancer(endpoints, { balancing: ring(1024) })),
    );
  });
});

function ownersOf(chosen: Balancer): unknown[] {
  return KEYS.map((hash) => chosen.pick({ ...request, hash }));
}
