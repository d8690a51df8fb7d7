// Statistics that are sent on connections and streams: statsd over TCP, OTLP metrics over HTTP, and a metrics service.
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type DescMethod, fromBinary } from '@bufbuild/protobuf';
import type { handleClientStreamingCall } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import {
  MetricsService,
  type StreamMetricsMessage,
  StreamMetricsMessageSchema,
} from '../../src/xds/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { type Metric, MetricType } from '../../src/xds/gen/io/prometheus/client/metrics_pb.ts';
import { grpcCluster, startGrpcServer } from '../support/grpc-server.ts';
import { waitFor } from '../support/wait-for.ts';
import { get, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import { fieldsOf, messages, textOf } from './harness/otlp.ts';
import { metricsOf, summed } from './harness/sink-figures.ts';

/** What came, by the connection it came on. */
type Received<T> = Map<string, T[]>;

function note<T>(received: Received<T>, from: string, what: T): void {
  received.set(from, [...(received.get(from) ?? []), what]);
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterAll(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const lines: Received<string> = new Map();
const statsd = await listen(
  createServer((socket) => {
    let rest = '';
    socket.on('data', (bytes) => {
      const parts = (rest + bytes.toString('latin1')).split('\n');
      rest = parts.pop()!;
      for (const line of parts) note(lines, String(socket.remotePort), line);
    });
    socket.on('error', () => socket.destroy());
  }),
);

type Post = { readonly head: string; readonly body: Buffer };
const posts: Received<Post> = new Map();
const otlp = await listen(
  createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      const head = `${method} ${url} ${headers['content-type']} ${headers['x-key']}`;
      note(posts, String(request.socket.remotePort), { head, body: Buffer.concat(chunks) });
      response.end();
    });
  }),
);

const streamed: Received<StreamMetricsMessage> = new Map();
const handler: handleClientStreamingCall<Buffer, Buffer> = (call) => {
  call.on('data', (bytes: Buffer) => note(streamed, call.getPeer(), fromBinary(StreamMetricsMessageSchema, bytes)));
  call.on('error', () => undefined);
};
const service = await startGrpcServer([{ method: MetricsService.method.streamMetrics as DescMethod, handler }]);
afterAll(() => service.stop());

const TYPE = 'type.googleapis.com/envoy';
const plain = (name: string, port: number) => `
- {name: ${name}, type: STATIC, connect_timeout: 1s, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}}`;
const suite: Suite = {
  name: 'stats sinks on streams',
  bootstrap: `
stats_flush_interval: 0.1s
stats_sinks:
- {name: envoy.stat_sinks.statsd, typed_config: {'@type': ${TYPE}.config.metrics.v3.StatsdSink, tcp_cluster_name: collector_statsd, prefix: mine}}
- {name: otel, typed_config: {'@type': ${TYPE}.extensions.stat_sinks.open_telemetry.v3.SinkConfig, report_histograms_as_deltas: true, resource_detectors: [{name: fixed, typed_config: {'@type': ${TYPE}.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig, attributes: {key: value}}}], http_service: {http_uri: {uri: 'http://127.0.0.1:${otlp}/v1/metrics', cluster: collector_otlp, timeout: 1s}, request_headers_to_add: [{header: {key: x-key, value: secret}}]}}}
- {name: metrics, typed_config: {'@type': ${TYPE}.config.metrics.v3.MetricsServiceConfig, transport_api_version: V3, report_counters_as_deltas: true, emit_tags_as_labels: true, batch_size: 40, grpc_service: {envoy_grpc: {cluster_name: collector_service}}}}
`,
  listeners: { front: { manager: 'stat_prefix: ingress' } },
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - {match: {prefix: /direct}, direct_response: {status: 204}}
  - {match: {prefix: /refused}, route: {cluster: refused}}
  - {match: {prefix: /}, route: {cluster: a}}
`,
  clusters: `${plain('collector_statsd', statsd)}${plain('collector_otlp', otlp)}${grpcCluster('collector_service', service.port)}`,
  cases: [],
};

compareWithEnvoy(suite, (pair) => {
  test('statsd over TCP', async () => {
    await ask(pair());
    const [theirs, mine] = await alike(lines, summed);
    expect(Object.keys(theirs!).length).toBeGreaterThan(10);
    expect(mine).toEqual(theirs);
  });

  test('OTLP metrics over HTTP', async () => {
    const [theirs, mine] = await alike(posts, (all) => ({
      head: all[0]!.head,
      resource: resourceOf(all[0]!.body),
      records: recordsOf(all.map(({ body }) => body)),
      ...withoutTimes(metricsOf(all.at(-1)!.body)),
    }));
    expect(theirs).toMatchObject({ head: 'POST /v1/metrics application/x-protobuf secret', records: 2 });
    expect(mine).toEqual(theirs);
  });

  test('a metrics service', async () => {
    const [theirs, mine] = await alike(streamed, figuresOf);
    expect(theirs).toMatchObject({ 'cluster.upstream_rq_total COUNTER envoy.cluster_name:a': 2 });
    expect(mine).toEqual(theirs);
  });
});

async function ask({ reference, ours }: Pair): Promise<void> {
  for (const [nth, path] of ['/a', '/b', '/direct', '/refused'].entries()) {
    const one = { name: '', send: get(path), wants: { status: 0 } };
    await Promise.all([reference, ours].map((stand) => observe(stand, one, `s${nth}`)));
  }
}

/** Of both senders, once they say the same, or no more comes of it. */
async function alike<T>(received: Received<T>, read: (all: readonly T[]) => object): Promise<object[]> {
  let seen: object[] = [];
  await waitFor('the same figures of two', () => {
    seen = [...received.values()].map(read).filter((one) => Object.keys(one).length > 10);
    return seen.length === 2 && JSON.stringify(seen[0]) === JSON.stringify(seen[1]);
  }).catch(() => undefined);
  return seen;
}

/** Of the last interval, in which there was nothing to time. */
function withoutTimes(figures: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).filter(([name]) => !name.includes(' histogram ')));
}

/** Keys of what the resource is described by; ours says no version. */
function resourceOf(request: Uint8Array): string[] {
  const resources = messages(request, 1).flatMap((one) => messages(one, 1));
  const attributes = resources.flatMap((resource) => messages(resource, 1));
  const keys = attributes.map((pair) => textOf(messages(pair, 1)[0]));
  return keys.filter((key) => key !== 'telemetry.sdk.version').sort();
}

/** Of upstream_rq_time of a, in all requests: each has what came since the one before. */
function recordsOf(requests: readonly Uint8Array[]): number {
  const metrics = requests
    .flatMap((request) => messages(request, 1))
    .flatMap((resource) => messages(resource, 2))
    .flatMap((scope) => messages(scope, 2))
    .filter((metric) => textOf(messages(metric, 1)[0]) === 'cluster.upstream_rq_time');
  const points = metrics
    .flatMap((metric) => messages(metric, 9))
    .flatMap((histogram) => messages(histogram, 1))
    .filter((point) => messages(point, 9).some((pair) => textOf(messages(messages(pair, 2)[0]!, 1)[0]) === 'a'));
  return points.reduce((sum, point) => sum + Number(fieldsOf(point).get(4)?.[0] ?? 0n), 0);
}

const SHOWN =
  /^(?:cluster\.upstream_rq_(?:total|completed|time|xx)|cluster\.membership_total|http\.downstream_rq_(?:total|xx))$/;

const TYPES = ['COUNTER', 'GAUGE', 'SUMMARY', 'UNTYPED', 'HISTOGRAM'];

function figuresOf(all: readonly StreamMetricsMessage[]): object {
  const sums = new Map<string, number>();
  for (const { name, type, metric } of all.flatMap(({ envoyMetrics }) => envoyMetrics)) {
    const labels = metric[0]!.label
      .map((label) => `${label.name}:${label.value}`)
      .sort()
      .join(',');
    if (!SHOWN.test(name) || /collector|admin/.test(labels)) continue;
    const key = `${name} ${TYPES[type]} ${labels}`;
    const before = type === MetricType.GAUGE ? 0 : (sums.get(key) ?? 0);
    sums.set(key, before + figureOf(metric[0]!));
  }
  const { id, cluster } = all[0]!.identifier!.node!;
  const largest = Math.max(...all.map(({ envoyMetrics }) => envoyMetrics.length));
  return { id, cluster, largest, ...Object.fromEntries([...sums].filter(([, value]) => value > 0).sort()) };
}

function figureOf({ counter, gauge, summary, histogram }: Metric): number {
  return counter?.value ?? gauge?.value ?? Number(summary?.sampleCount ?? histogram?.sampleCount ?? 0n);
}
