// Statistics that are sent: to statsd and DogStatsD over UDP, and as OTLP metrics. Sums of what came are compared, name by name.
import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { grpcCluster } from '../support/grpc-server.ts';
import { waitFor } from '../support/wait-for.ts';
import { get, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import { startCollector } from './harness/otlp.ts';
import { metricsOf, summed } from './harness/sink-figures.ts';

/** By who sent it: both proxies send to the same place, and datagrams come from a port of each. */
type Received = ReadonlyMap<number, string[]>;

async function receiver(): Promise<{ readonly socket: Socket; readonly port: number; readonly received: Received }> {
  const received = new Map<number, string[]>();
  const socket = createSocket('udp4');
  socket.on('message', (bytes, { port }) => {
    const lines = received.get(port) ?? [];
    received.set(port, [...lines, ...bytes.toString().split('\n').filter(Boolean)]);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { socket, port: (socket.address() as AddressInfo).port, received };
}

const statsd = await receiver();
const dog = await receiver();
const collector = await startCollector('opentelemetry.proto.collector.metrics.v1.MetricsService');
afterAll(() => {
  collector.stop();
  statsd.socket.close();
  dog.socket.close();
});

const place = (port: number) => `address: {socket_address: {protocol: UDP, address: 127.0.0.1, port_value: ${port}}}`;
const suite: Suite = {
  name: 'stats sinks',
  // Datagrams that a busy machine does not take from its socket in time are lost: there are few.
  bootstrap: `
stats_flush_interval: 0.1s
stats_config: {stats_matcher: {inclusion_list: {patterns: [{contains: upstream_rq}, {contains: downstream_rq}, {contains: membership_total}]}}}
stats_sinks:
- {name: envoy.stat_sinks.statsd, typed_config: {'@type': type.googleapis.com/envoy.config.metrics.v3.StatsdSink, ${place(statsd.port)}, prefix: mine}}
- {name: envoy.stat_sinks.dog_statsd, typed_config: {'@type': type.googleapis.com/envoy.config.metrics.v3.DogStatsdSink, ${place(dog.port)}, max_bytes_per_datagram: 1000}}
- {name: otel, typed_config: {'@type': type.googleapis.com/envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig, prefix: mine, grpc_service: {envoy_grpc: {cluster_name: collector}}}}
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
  clusters: grpcCluster('collector', collector.port),
  cases: [],
};

const REQUESTS = ['/a', '/b', '/direct', '/refused'];
compareWithEnvoy(suite, (pair) => {
  test('statsd', async () => {
    await ask(pair());
    const [theirs, mine] = await settled(statsd.received);
    expect(Object.keys(theirs!).length).toBeGreaterThan(10);
    expect(mine).toEqual(theirs);
  });

  test('DogStatsD, with tags', async () => {
    const [theirs, mine] = await settled(dog.received);
    expect(Object.keys(theirs!).some((name) => name.includes('|#envoy.cluster_name:a'))).toBe(true);
    expect(mine).toEqual(theirs);
  });

  test('OTLP metrics', async () => {
    let seen: unknown[] = [];
    await waitFor('the same figures of two', () => {
      seen = [...collector.received.values()].map((requests) => metricsOf(requests.at(-1)!));
      return seen.length === 2 && JSON.stringify(seen[0]) === JSON.stringify(seen[1]);
    }).catch(() => undefined);
    const [theirs, mine] = seen as Record<string, number>[];
    expect(theirs?.['mine.cluster.upstream_rq_total sum envoy.cluster_name:a']).toBe(2);
    expect(mine).toEqual(theirs);
  });
});

async function ask({ reference, ours }: Pair): Promise<void> {
  for (const [nth, path] of REQUESTS.entries()) {
    const one = { name: '', send: get(path), wants: { status: 0 } };
    await Promise.all([reference, ours].map((stand) => observe(stand, one, `s${nth}`)));
  }
}

/** Of both senders, once they say the same, or no more comes of it. */
async function settled(received: Received): Promise<Record<string, number>[]> {
  let seen: Record<string, number>[] = [];
  await waitFor('the same figures of two', () => {
    // Envoy's workers send histograms from sockets of their own.
    seen = [...received.values()].map(summed).filter((sums) => Object.keys(sums).length > 0);
    return (
      seen.length === 2 && JSON.stringify(seen[0]) === JSON.stringify(seen[1]) && Object.keys(seen[0]!).length > 10
    );
  }).catch(() => undefined);
  return seen;
}
