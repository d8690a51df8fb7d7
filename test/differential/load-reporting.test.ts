// What a load reporting service (LRS) is told of the same requests.
import { create } from '@bufbuild/protobuf';
import { afterAll, expect, test } from 'vitest';
import type { ClusterStats } from '../../src/xds/gen/envoy/config/endpoint/v3/load_report_pb.ts';
import {
  LoadReportingService,
  type LoadStatsRequest,
  type LoadStatsResponse,
  LoadStatsResponseSchema,
} from '../../src/xds/gen/envoy/service/load_stats/v3/lrs_pb.ts';
import { grpcCluster, startGrpcServer, stream } from '../support/grpc-server.ts';
import { respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import type { Stand } from './harness/stand.ts';

type Client = { readonly requests: LoadStatsRequest[]; ask: (response: LoadStatsResponse) => void };
const clients: Record<'envoy' | 'tulle', Client> = {
  envoy: { requests: [], ask: () => undefined },
  tulle: { requests: [], ask: () => undefined },
};
const service = await startGrpcServer([
  stream(LoadReportingService.method.streamLoadStats, (request, send) => {
    const client = clients[request.node?.userAgentName === 'envoy' ? 'envoy' : 'tulle'];
    client.requests.push(request);
    client.ask = send;
  }),
]);
afterAll(() => service.stop());

const endpoint = (port: string): string =>
  `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`;
const cluster = (name: string, endpoints: string, fields = ''): string =>
  `\n- { name: ${name}, type: STATIC, connect_timeout: 1s, load_assignment: { cluster_name: ${name}, endpoints: [${endpoints}]${fields} } }`;

const ask = (name: string, status: number, more: Partial<Case> = {}): Case => ({
  name,
  send: get(`/${name}`),
  wants: { status },
  ...more,
});
const REQUESTS: readonly Case[] = [
  ask('near', 200),
  ask('near', 404, { script: { a: [respond({ status: 404 })] } }),
  ask('near', 503, { script: { a: [respond({ status: 503 })] } }),
  ask('far', 200),
  ask('over', 503),
  ask('over', 503),
  ask('dropped', 503),
];

compareWithEnvoy(
  {
    name: 'load reports to a service',
    bootstrap: `cluster_manager: { load_stats_config: { api_type: GRPC, transport_api_version: V3, grpc_services: [{ envoy_grpc: { cluster_name: lrs } }] } }`,
    virtualHosts: `[{ name: all, domains: ["*"], routes: [${['near', 'far', 'over', 'dropped']
      .map((name) => `{ match: { path: /${name} }, route: { cluster: ${name} } }`)
      .join(', ')}] }]`,
    clusters: [
      grpcCluster('lrs', service.port),
      cluster('near', `{ locality: { region: r, zone: z1, sub_zone: s }, lb_endpoints: [${endpoint('a')}] }`),
      cluster(
        'far',
        `{ locality: { zone: z1 }, lb_endpoints: [] }, { locality: { zone: z2 }, priority: 1, lb_endpoints: [${endpoint('c')}] }`,
      ),
      cluster(
        'dropped',
        `{ lb_endpoints: [${endpoint('a')}] }`,
        ', policy: { drop_overloads: [{ category: much, drop_percentage: { numerator: 100 } }] }',
      ),
      cluster('over', `{ lb_endpoints: [${endpoint('a')}] }`).replace(
        'load_assignment',
        'circuit_breakers: { thresholds: [{ max_requests: 0, max_pending_requests: 0, max_connections: 0 }] }, load_assignment',
      ),
    ].join(''),
    cases: [],
  },
  (pair) => {
    test.each([
      { name: 'by locality', sendAllClusters: false, reportEndpointGranularity: false },
      { name: 'of every cluster, by endpoint', sendAllClusters: true, reportEndpointGranularity: true },
    ])('$name', async ({ name: _, ...wanted }) => {
      const { reference, ours } = pair();
      const [envoy, tulle] = await Promise.all([
        told(reference, clients.envoy, wanted),
        told(ours, clients.tulle, wanted),
      ]);
      expect(envoy).toMatchObject({ dropped: { dropped: 1, much: 1 }, over: { dropped: 2 } });
      expect(tulle).toEqual(envoy);
    });
  },
);

/** The sums of all that is reported of the requests, from a report that comes before any. */
async function told(
  stand: Stand,
  client: Client,
  wanted: Pick<LoadStatsResponse, 'sendAllClusters' | 'reportEndpointGranularity'>,
) {
  await waitFor(`${stand.subject} to open its stream`, () => client.requests.length > 0);
  const clusters = wanted.sendAllClusters ? [] : ['near', 'far', 'over', 'dropped', 'none'];
  client.requests.length = 0;
  client.ask(create(LoadStatsResponseSchema, { ...wanted, clusters, loadReportingInterval: { nanos: 2e8 } }));
  const isComplete = () => client.requests.some(({ clusterStats }) => clusterStats.length >= 4);
  await waitFor(`a first report of ${stand.subject}`, isComplete);
  for (const one of REQUESTS) await observe(stand, one, 'told');
  return waitFor(`reports of ${stand.subject}`, () => {
    const sums = summed(stand, client.requests);
    return sums.over?.dropped === 2 && sums.dropped?.dropped === 1 && sums.far?.['z2 1 issued'] === 1 && sums;
  });
}

type Sums = Record<string, Record<string, number>>;

/** Names of clusters, then of what was counted; the stream to the service itself is not compared. */
function summed(stand: Stand, requests: readonly LoadStatsRequest[]): Sums {
  const sums: Sums = {};
  for (const stats of requests.flatMap(({ clusterStats }) => clusterStats)) {
    if (stats.clusterName === 'lrs') continue;
    const sum = sums[stats.clusterName] ?? {};
    sums[stats.clusterName] = sum;
    for (const [name, count] of figuresOf(stats)) {
      const key = stand.withoutPorts(name);
      if (count > 0n) sum[key] = (sum[key] ?? 0) + Number(count);
    }
  }
  return sums;
}

function* figuresOf(stats: ClusterStats): Iterable<[name: string, count: bigint]> {
  yield ['dropped', stats.totalDroppedRequests];
  for (const { category, droppedCount } of stats.droppedRequests) yield [category, droppedCount];
  for (const { locality, priority, upstreamEndpointStats, ...load } of stats.upstreamLocalityStats) {
    const place = [locality?.region, locality?.zone, locality?.subZone].filter(Boolean).join('/');
    yield* loadOf(`${place} ${priority}`, load);
    for (const { address, ...one } of upstreamEndpointStats) {
      const socket = address?.address.case === 'socketAddress' ? address.address.value : undefined;
      yield* loadOf(`${socket?.address}:${socket?.portSpecifier.value}`, one);
    }
  }
}

type Load = Record<'totalSuccessfulRequests' | 'totalErrorRequests' | 'totalIssuedRequests', bigint>;

function* loadOf(of: string, load: Load): Iterable<[name: string, count: bigint]> {
  yield [`${of} successful`, load.totalSuccessfulRequests];
  yield [`${of} failed`, load.totalErrorRequests];
  yield [`${of} issued`, load.totalIssuedRequests];
}
