import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type LoadStatsRequest,
  type LoadStatsResponse,
  LoadStatsResponseSchema,
} from '../../xds/gen/envoy/service/load_stats/v3/lrs_pb.ts';
import type { ClusterView, HostView } from '../admin/cluster-status.ts';
import type { GrpcHandler } from '../client/grpc-call.ts';
import { cluster } from '../testing/configs.ts';
import { LoadReporter } from './reporter.ts';

const NO_STATS = {
  ...{ cx_active: 0, cx_connect_fail: 0, cx_total: 0 },
  ...{ rq_error: 0, rq_pending_active: 0, rq_success: 0, rq_timeout: 0, rq_total: 0 },
};
type Stats = { -readonly [Name in keyof HostView['stats']]: number };

function host(name: string, locality: string, priority = 0): HostView & { stats: Stats; activeRequests: number } {
  return {
    ...{ name, locality, priority, address: '127.0.0.1', port: 80, hostname: '', activeRequests: 0, health: 0 },
    ...{ weight: 1, canary: false, stats: { ...NO_STATS }, successRates: { external: -1, local: -1 } },
  };
}

function start() {
  const clock = new ManualClock();
  const sent: LoadStatsRequest[] = [];
  const streams: GrpcHandler<typeof LoadStatsResponseSchema>[] = [];
  const hosts = [host('a', 'r/z1'), host('b', 'r/z1'), host('c', 'r/z2', 1)] as const;
  const clusters: ClusterView[] = [{ config: cluster('web', [1]), hosts }];
  const statistics = new Map<string, number>();
  const reporter = new LoadReporter({
    client: {
      stream: (_, __, handler) => {
        streams.push(handler as never);
        const send = (message: unknown) => void sent.push(message as LoadStatsRequest);
        return { send, congested: false, close: () => undefined, cancel: () => undefined };
      },
    },
    target: { cluster: 'lrs', authority: '', timeout: 0, metadata: null, maxMessage: null },
    node: create(NodeSchema, { id: 'n' }),
    source: { collect: () => null, clusters: () => clusters, statistics: () => statistics, dropCategory: () => 'much' },
    backoff: { next: () => 500, reset: () => undefined },
    clock,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  reporter.start();
  /** Lets what waits for figures go on. */
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const ask = async (response: Partial<Omit<LoadStatsResponse, '$typeName' | '$unknown'>>) => {
    const loadReportingInterval = durationFromMs(1_000);
    streams.at(-1)!.onMessage(create(LoadStatsResponseSchema, { loadReportingInterval, ...response }));
    await turn();
  };
  const pass = async (time: number) => {
    clock.advance(time);
    await turn();
    return sent.at(-1)!;
  };
  return { clock, sent, streams, hosts, clusters, statistics, reporter, ask, pass };
}

test('who we are comes first, and nothing else until the service asks', async () => {
  const t = start();
  t.hosts[0].stats.rq_success = 5;
  await t.pass(10_000);
  expect(t.sent.map(({ node, clusterStats }) => [node?.id, node?.clientFeatures, clusterStats])).toEqual([
    ['n', ['envoy.lrs.supports_send_all_clusters'], []],
  ]);
});

test('what was counted since the last report, by locality', async () => {
  const t = start();
  t.hosts[0].stats.rq_success = 5;
  await t.ask({ clusters: ['web', 'absent'] });
  Object.assign(t.hosts[0].stats, { rq_success: 7, rq_total: 3 });
  Object.assign(t.hosts[1].stats, { rq_error: 1, rq_total: 1 });
  t.hosts[1].activeRequests = 2;
  t.statistics.set('cluster.web.upstream_rq_pending_overflow', 3);
  t.statistics.set('cluster.web.upstream_rq_drop_overload', 4);
  const { clusterStats } = await t.pass(1_000);
  expect(clusterStats).toMatchObject([
    {
      clusterName: 'web',
      clusterServiceName: '',
      totalDroppedRequests: 7n,
      droppedRequests: [{ category: 'much', droppedCount: 4n }],
      loadReportInterval: { seconds: 1n },
      upstreamLocalityStats: [
        {
          locality: { region: 'r', zone: 'z1' },
          totalSuccessfulRequests: 2n,
          totalErrorRequests: 1n,
          totalIssuedRequests: 4n,
          totalRequestsInProgress: 2n,
          upstreamEndpointStats: [],
        },
      ],
    },
  ]);
  expect(clusterStats[0]!.upstreamLocalityStats).toHaveLength(1);
  t.hosts[1].activeRequests = 0;
  const next = await t.pass(1_000);
  expect(next.clusterStats).toMatchObject([
    { upstreamLocalityStats: [], totalDroppedRequests: 0n, droppedRequests: [] },
  ]);
});

test('of every cluster, by endpoint; counters that began anew', async () => {
  const t = start();
  t.hosts[2].stats.rq_success = 9;
  await t.ask({ sendAllClusters: true, reportEndpointGranularity: true });
  t.hosts[2].stats.rq_success = 2;
  const { clusterStats } = await t.pass(1_000);
  expect(clusterStats[0]!.upstreamLocalityStats).toMatchObject([
    {
      priority: 1,
      totalSuccessfulRequests: 2n,
      upstreamEndpointStats: [
        { address: { address: { value: { address: '127.0.0.1' } } }, totalSuccessfulRequests: 2n },
      ],
    },
  ]);
});

test('a stream that is lost is opened again, and nothing is reported before it asks', async () => {
  const t = start();
  await t.ask({ clusters: ['web'] });
  t.streams[0]!.onClosed({ code: 14, message: 'gone' });
  await t.pass(400);
  expect(t.streams).toHaveLength(1);
  await t.pass(5_000);
  expect(t.streams).toHaveLength(2);
  expect(t.sent.flatMap(({ clusterStats }) => clusterStats)).toEqual([]);
  t.reporter.close();
});
