import { afterEach, describe, expect, test, vi } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { anyEndpoint } from '../balance/balancer.ts';
import type { Assignment } from '../config/cluster-types.ts';
import { adsSource } from '../config/config-source.ts';
import { plainAssignment } from '../config/endpoints.ts';
import type { ClusterConfig } from '../config/types.ts';
import { HeaderMap } from '../http/headers.ts';
import { cluster as configOf, endpoint, limits, outlierDetection } from '../testing/configs.ts';
import { testExchange } from '../testing/exchange.ts';
import { silentLog } from '../testing/harness.ts';
import { Cluster } from './cluster.ts';
import { hearLoad } from './load-report.ts';

const open: Cluster[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

const eds = { discovery: { kind: 'eds', serviceName: 'c', source: adsSource } } as const;
const request = { ...anyEndpoint, now: 0 };

function make(change: Partial<ClusterConfig> = {}, assignment: Partial<Assignment> = {}, random = () => 0.5) {
  const clock = new ManualClock();
  const log = silentLog([]);
  const wheel = new TimerWheel(clock, (error) => expect.unreachable(String(error)));
  const config = configOf('c', [], { ...eds, ...change });
  const cluster = new Cluster(config, {
    ...{ clock, wheel, log, random },
    tlsConnector: () => expect.unreachable('no TLS here'),
    judgement: null,
    outlierLog: null,
    resolve: () => expect.unreachable('no names here'),
    watchHealth: () => expect.unreachable('no checks here'),
    tally: () => null,
    cluster: () => undefined,
    dnsCaches: null as never,
    local: () => null,
  });
  open.push(cluster);
  cluster.setEndpoints({ ...plainAssignment([endpoint(1), endpoint(2)]), ...assignment });
  return { clock, cluster, config };
}

describe('an update', () => {
  test('of the very same configuration and endpoints changes nothing', () => {
    const { cluster, config } = make();
    const { version, hosts } = cluster;
    const same = plainAssignment([endpoint(1)]);
    cluster.update(config);
    expect([cluster.version, cluster.hosts]).toEqual([version, hosts]);
    cluster.setEndpoints(same);
    const after = cluster.version;
    cluster.setEndpoints(same);
    expect(cluster.version).toBe(after);
  });

  test('of endpoints: weights by what they say of their load, anew with every period', () => {
    const timing = { blackout: 0, expiration: 10_000, updatePeriod: 1000, streamPeriod: null };
    const policy = { kind: 'reported-load', ...timing, errorPenalty: 0, metrics: [], slowStart: null } as const;
    const { clock, cluster, config } = make({ balancing: policy });
    const weights = () => cluster.hosts.map(({ weight }) => weight);
    const fields = ['endpoint-load-metrics', 'TEXT rps_fractional: 10, cpu_utilization: 0.5'];
    expect(hearLoad(cluster.hosts[0]!, new HeaderMap(fields))).toBe(true);
    expect(weights()).toEqual([1, 1]);
    clock.advance(1100);
    expect(weights()).toEqual([20, 20]);
    expect(hearLoad(cluster.hosts[1]!, new HeaderMap(['endpoint-load-metrics', fields[1]!.replace('10', '2')]))).toBe(
      true,
    );
    clock.advance(1100);
    expect(weights()).toEqual([20, 4]);
    cluster.update({ ...config, balancing: { kind: 'random' } });
    expect(cluster.hosts[0]!.load).toBe(null);
  });

  test('of another policy keeps the endpoints, and measures them where it is to', () => {
    const { cluster, config } = make();
    const before = cluster.hosts;
    cluster.update({ ...config, balancing: { kind: 'peak-ewma', decay: 10_000, defaultRtt: 30 } });
    expect(cluster.hosts).toBe(before);
    expect(cluster.hosts[0]!.latency).not.toBe(null);
    cluster.update({ ...config, balancing: { kind: 'random' } });
    expect(cluster.hosts[0]!.latency).toBe(null);
  });

  test('of outlier detection forgives what the old one held against endpoints', () => {
    const first = { count: 1, enforcing: 100 };
    const outlier = outlierDetection({ consecutive5xx: first, maxEjectionPercent: 100 });
    const { cluster, config } = make({ outlierDetection: outlier });
    cluster.observe(cluster.hosts[0]!, 500);
    expect(cluster.stats.outlier_detection.ejections_active).toBe(1);
    cluster.update({ ...config, outlierDetection: { ...outlier, interval: 1 } });
    expect(cluster.stats.outlier_detection.ejections_active).toBe(0);
    expect(cluster.hosts[0]!.health).toBe(0);
  });

  test('a thousand endpoints that stay are the same thousand', () => {
    const many = (count: number) => plainAssignment(Array.from({ length: count }, (_, i) => endpoint(i + 1)));
    const { cluster } = make();
    cluster.setEndpoints(many(1_000));
    const before = new Set(cluster.hosts);
    cluster.setEndpoints(many(1_001));
    expect(cluster.hosts.filter((host) => !before.has(host))).toHaveLength(1);
  });
});

describe('the endpoint a session belongs to', () => {
  const override = (name: string, strict: boolean) => ({ ...request, override: { name, strict } });
  test('is taken, whatever the balancer says', () => {
    const { cluster } = make();
    for (const name of ['127.0.0.1:1', '127.0.0.1:2']) expect(cluster.pick(override(name, false))?.name).toBe(name);
  });

  test.each([
    ['gone', '127.0.0.1:9', []],
    ['said to be ill', '127.0.0.1:1', ['unknown', 'healthy']],
  ] as const)('another will do unless it is strict: %s', (_name, name, overrideHealths) => {
    const { cluster } = make({ overrideHealths }, { endpoints: [endpoint(1, { health: 'unhealthy' }), endpoint(2)] });
    expect(cluster.pick(override(name, false))?.name).toBe('127.0.0.1:2');
    expect(cluster.pick(override(name, true))).toBe(null);
  });
});

test('endpoints that nobody confirms are not trusted for ever', () => {
  const assignment = { ...plainAssignment([endpoint(1)]), staleAfter: 5_000 };
  const { clock, cluster } = make({}, assignment);
  clock.advance(4_000);
  cluster.setEndpoints({ ...assignment });
  clock.advance(4_000);
  expect(cluster.hosts).toHaveLength(1);
  clock.advance(1_100);
  expect([cluster.hosts.length, cluster.stats.assignment_stale]).toEqual([0, 1]);
});

test.each([
  [0.4, 0.5, 'none'],
  [0.6, 0.5, 'some'],
  [1, 0.99, 'all'],
])('a share of %d of requests is to be dropped', (share, chance, wants) => {
  const { cluster } = make({}, { drops: [{ category: 'c', share }] }, () => chance);
  expect(cluster.drop()).toBe(wants);
  expect(cluster.stats.upstream_rq_drop_overload).toBe(wants === 'none' ? 0 : 1);
});

test('Linkerd’s circuit breaker lets a single request try an endpoint that failed', () => {
  const accrual = { maxFailures: 2, minPenalty: 1_000, maxPenalty: 8_000, jitterRatio: 0 };
  const never = { count: 5, enforcing: 0 };
  const config = outlierDetection({ accrual, consecutive5xx: never });
  const { clock, cluster } = make({ outlierDetection: config, panicThreshold: 0 });
  const [first, second] = cluster.hosts;
  const picked = () => new Set(Array.from({ length: 8 }, () => cluster.pick(request)));
  for (let i = 0; i < 2; i++) cluster.observeFailure(first!, 503);
  expect(picked()).toEqual(new Set([second]));
  clock.advance(1_100);
  const picks = Array.from({ length: 8 }, () => cluster.pick(request));
  expect(picks.filter((host) => host === first)).toHaveLength(1);
  cluster.observe(first!, 200);
  expect(picked()).toEqual(new Set([first, second]));
});

test('pools of somebody in particular go with their last request, also where it was refused', () => {
  const refusing = limits({ maxPendingRequests: 0 });
  const tls = [{ name: 'default', when: {}, tls: null, proxyHeader: null }];
  const { cluster } = make({ tls, poolPerConnection: true, limits: { default: refusing, high: refusing } });
  const { pools } = cluster.hosts[0]!;
  const onFailure = vi.fn();
  const waiter = {
    onReady: () => expect.unreachable(),
    onFailure,
    onBug: (error: unknown) => expect.fail(String(error)),
  };
  pools.for('HTTP/1.1', 'default', testExchange()).acquire(waiter);
  expect(onFailure).toHaveBeenCalledWith('overflow', '');
  expect(pools.used).toBe(false);
});
