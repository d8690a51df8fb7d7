import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import type { EndpointConfig } from '../config/cluster-types.ts';
import { plainAssignment } from '../config/endpoints.ts';
import { endpoint } from '../testing/configs.ts';
import { silentLog } from '../testing/harness.ts';
import { systemResolve } from './dns.ts';
import { choose } from './dns-answers.ts';
import { type DnsAnswer, type DnsDiscovery, Resolver } from './resolver.ts';
import { ClusterStats } from './stats.ts';

const plain: DnsDiscovery = {
  kind: 'strict-dns',
  assignment: plainAssignment([endpoint(80, { address: 'shop' })]),
  refresh: 5_000,
  failureRefresh: null,
  respectTtl: false,
  waits: true,
  minimumRefresh: 0,
  resolver: null,
  jitter: 0,
  family: 'auto',
};
const found = (...addresses: string[]): DnsAnswer => ({ addresses, ttl: null });
const lost = 'lost';
const absent = 'absent';
type Answer = DnsAnswer | typeof lost | typeof absent;

/** Answers what the lists say, by name, one after the other; the last one stays. */
function make(answers: Record<string, Answer[]>, change: Partial<DnsDiscovery> = {}) {
  const clock = new ManualClock();
  const stats = new ClusterStats();
  const applied: (readonly EndpointConfig[])[] = [];
  const asked: number[] = [];
  const complaints: string[] = [];
  const resolver = new Resolver(
    { ...plain, ...change },
    {
      cluster: 'c',
      wheel: new TimerWheel(clock, (error) => expect.unreachable(String(error))),
      log: silentLog(complaints),
      random: () => 0.5,
      stats,
      async resolve(name) {
        asked.push(clock.now() - 1_000);
        const list = answers[name]!;
        const answer = list.length > 1 ? list.shift()! : list[0]!;
        if (answer === lost) throw new Error('nobody answers');
        if (answer === absent) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
        return answer;
      },
      apply: (endpoints) => applied.push(endpoints),
    },
  );
  resolver.start();
  const later = async (milliseconds: number) => {
    await settle();
    clock.advance(milliseconds);
    await settle();
  };
  const addresses = () => applied.map((list) => list.map(({ address }) => address).join(' '));
  return { resolver, stats, applied, asked, complaints, later, addresses };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

test('every address is an endpoint; only what changes is told', async () => {
  const { later, addresses, applied, stats } = make({ shop: [found('1', '2'), found('2', '1'), found('2', '3')] });
  await later(0);
  expect(addresses()).toEqual(['1 2']);
  expect(applied[0]![0]).toMatchObject({ address: '1', port: 80, hostname: 'shop', moreAddresses: [] });
  await later(5_100);
  expect(addresses()).toEqual(['1 2']);
  await later(5_100);
  expect(addresses()).toEqual(['1 2', '2 3']);
  expect([stats.update_attempt, stats.update_success, stats.update_no_rebuild]).toEqual([3, 3, 1]);
});

test('LOGICAL_DNS has one endpoint with all of its addresses', async () => {
  const { later, applied } = make({ shop: [found('1', '2', '3'), found('2', '3', '1')] }, { kind: 'logical-dns' });
  await later(0);
  await later(5_100);
  expect(applied).toHaveLength(1);
  const moreAddresses = [
    { address: '2', port: 80 },
    { address: '3', port: 80 },
  ];
  expect(applied[0]).toEqual([{ ...endpoint(80), address: '1', hostname: 'shop', moreAddresses }]);
});

test('a name that does not resolve keeps what it had, and holds nobody else up', async () => {
  const assignment = plainAssignment([endpoint(80, { address: 'a' }), endpoint(80, { address: 'b' })]);
  const { later, addresses, complaints, stats } = make({ a: [lost], b: [found('1'), lost] }, { assignment });
  await later(0);
  expect(addresses()).toEqual(['1']);
  await later(5_100);
  expect(addresses()).toEqual(['1']);
  expect([complaints.length, stats.update_failure]).toEqual([3, 3]);
});

test('a name that is gone takes its endpoints along', async () => {
  const { addresses, later, stats } = make({ shop: [found('1'), absent] });
  await later(5_100);
  expect(addresses()).toEqual(['1', '']);
  expect([stats.update_success, stats.update_failure]).toEqual([2, 0]);
});

describe('when it is asked again', () => {
  test.each<[string, Answer[], Partial<DnsDiscovery>, number[]]>([
    ['every so often', [found('1')], {}, [0, 5_000, 10_000]],
    ['by its TTL', [{ addresses: ['1'], ttl: 2 }], { respectTtl: true }, [0, 2_000, 4_000]],
    [
      'by its TTL, but not too often',
      [{ addresses: ['1'], ttl: 2 }],
      { respectTtl: true, minimumRefresh: 3_000 },
      [0, 3_000],
    ],
    ['its TTL does not matter', [{ addresses: ['1'], ttl: 2 }], {}, [0, 5_000]],
    ['without a TTL', [found('1')], { respectTtl: true }, [0, 5_000]],
    ['with jitter', [found('1')], { jitter: 1_000 }, [0, 5_500]],
    ['failures as often', [lost], {}, [0, 5_000]],
    [
      'failures less and less often',
      [lost],
      { failureRefresh: { base: 1_000, max: 4_000 } },
      [0, 500, 1_500, 3_500, 5_500],
    ],
  ])('%s', async (_name, answers, change, wants) => {
    const { later, asked } = make({ shop: [...answers] }, change);
    for (let i = 0; i < 120; i++) await later(100);
    wants.forEach((at, i) => {
      expect(asked[i]).toBeGreaterThanOrEqual(at);
      expect(asked[i]! - at).toBeLessThan(110 * (i + 1));
    });
  });

  test('not after it was stopped', async () => {
    const { later, asked, applied, resolver } = make({ shop: [found('1')] });
    resolver.stop();
    await later(60_000);
    expect([asked.length, applied.length]).toEqual([1, 0]);
  });
});

test.each([
  ['v4', ['4a', '4b']],
  ['v6', ['6a']],
  ['auto', ['6a']],
  ['v4-preferred', ['4a', '4b']],
  ['all', ['6a', '4a', '4b']],
] as const)('addresses of family %s', (family, wants) => {
  expect(choose(['4a', '4b'], ['6a'], family)).toEqual(wants);
});

test('auto takes the other kind where there is none', () => {
  expect([choose(['4'], [], 'auto'), choose([], ['6'], 'v4-preferred')]).toEqual([['4'], ['6']]);
});

test.each([
  ['an address is its own answer', '127.0.0.9', '127.0.0.9'],
  ['the hosts file knows this machine', 'localhost', '127.0.0.1'],
])('through the system: %s', async (_name, name, wants) => {
  expect(await systemResolve(name, 'v4', false)).toEqual({ addresses: [wants], ttl: null });
});

test('a name that nobody knows does not resolve', async () => {
  await expect(systemResolve('nowhere.invalid', 'auto', false)).rejects.toThrow();
});
