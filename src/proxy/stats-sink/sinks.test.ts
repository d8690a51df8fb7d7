import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Histogram } from '../../lib/histogram.ts';
import { HistogramEmitMode } from '../../xds/gen/envoy/config/metrics/v3/metrics_service_pb.ts';
import type { StreamMetricsMessage } from '../../xds/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { nameTagger } from '../admin/statistic-tags.ts';
import { ALL_DEFAULTS } from '../bootstrap/stats-tags.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import type { RawHandler } from '../client/raw-connection.ts';
import { MetricsServiceSink } from './metrics-service.ts';
import type { Report } from './reporter.ts';
import { StatsdTcpSink } from './statsd-tcp.ts';

const tagger = nameTagger(ALL_DEFAULTS);
const recorded = new Histogram();
recorded.record(3);

function report(delta: number): Report {
  return {
    counters: [{ name: 'cluster.a.upstream_rq_total', value: 10, delta }],
    gauges: [['server.live', 1]],
    histograms: [],
    intervals: [['cluster.a.upstream_rq_time', recorded]],
    at: 1_000,
    since: 0,
  };
}

/** Remembers what is written; `full` bytes wait. */
function wireOf() {
  const wire = { text: '', full: 0 };
  const socket = {
    get writableLength() {
      return wire.full;
    },
    write(text: string) {
      wire.text += text;
    },
    resume: () => undefined,
  } as unknown as Socket;
  return { wire, socket };
}

function tcp() {
  const state = { handlers: [] as RawHandler[], ended: 0 };
  const client = {
    connect(_cluster: string, handler: RawHandler) {
      state.handlers.push(handler);
      return () => {
        state.ended += 1;
        handler.onClosed();
      };
    },
  };
  return { state, sink: new StatsdTcpSink({ kind: 'statsd-tcp', cluster: 'c', prefix: 'p' }, client, tagger) };
}

test('statsd over TCP: figures wait for the connection, and go on over the next when it is lost', () => {
  const { state, sink } = tcp();
  sink.send(report(1));
  sink.send(report(2));
  expect(state.handlers).toHaveLength(1);
  const { wire, socket } = wireOf();
  state.handlers[0]!.onConnected(socket);
  const lines = (delta: number) => `p.cluster.a.upstream_rq_total:${delta}|c\np.server.live:1|g\n`;
  expect(wire.text).toBe(lines(1) + lines(2));
  sink.send(report(3));
  expect(wire.text).toBe(lines(1) + lines(2) + lines(3));
  state.handlers[0]!.onClosed();
  sink.send(report(4));
  const next = wireOf();
  state.handlers[1]!.onConnected(next.socket);
  expect(next.wire.text).toBe(lines(4));
});

test('statsd over TCP: a collector that does not read costs bounded memory', () => {
  const { state, sink } = tcp();
  sink.send(report(1));
  const { wire, socket } = wireOf();
  state.handlers[0]!.onConnected(socket);
  wire.full = 17 * 1024 * 1024;
  sink.send(report(2));
  expect(state.ended).toBe(1);
  sink.close();
});

function service(emit: HistogramEmitMode, more: { counterDeltas?: boolean; batchSize?: number } = {}) {
  const state = { sent: [] as StreamMetricsMessage[], break: (): void => undefined, congested: false };
  const client = {
    stream(_method: unknown, _target: unknown, handler: { onClosed(status: object): void }) {
      state.break = () => handler.onClosed({ code: 14, message: '' });
      return {
        get congested() {
          return state.congested;
        },
        send: (message: StreamMetricsMessage) => void state.sent.push(message),
        close: () => undefined,
        cancel: () => undefined,
      };
    },
  } as unknown as Pick<ClusterClient, 'stream'>;
  const config = {
    kind: 'metrics-service' as const,
    target: { cluster: 'c', authority: '', timeout: 0, metadata: null, maxMessage: null },
    counterDeltas: false,
    tagLabels: true,
    emit,
    batchSize: 0,
    ...more,
  };
  return { state, sink: new MetricsServiceSink(config, client, { id: 'n', cluster: 'k' }, tagger, () => [1, 5]) };
}

test('a metrics service hears who speaks once per stream', () => {
  const { state, sink } = service(HistogramEmitMode.SUMMARY, { batchSize: 2 });
  sink.send(report(1));
  state.break();
  sink.send(report(1));
  state.congested = true;
  sink.send(report(1));
  expect(state.sent.map(({ identifier }) => identifier?.node?.id ?? '')).toEqual(['n', '', 'n', '']);
});

test.each([
  [HistogramEmitMode.SUMMARY, ['COUNTER', 'GAUGE', 'SUMMARY']],
  [HistogramEmitMode.HISTOGRAM, ['COUNTER', 'GAUGE', 'HISTOGRAM']],
  [HistogramEmitMode.SUMMARY_AND_HISTOGRAM, ['COUNTER', 'GAUGE', 'SUMMARY', 'HISTOGRAM']],
])('histograms of a metrics service: mode %s', (mode, types) => {
  const { state, sink } = service(mode, { counterDeltas: true });
  sink.send(report(4));
  const families = state.sent[0]!.envoyMetrics;
  const names = ['COUNTER', 'GAUGE', 'SUMMARY', 'UNTYPED', 'HISTOGRAM'];
  expect(families.map(({ type }) => names[type])).toEqual(types);
  expect(families[0]).toMatchObject({
    name: 'cluster.upstream_rq_total',
    metric: [{ counter: { value: 4 }, label: [{ name: 'envoy.cluster_name', value: 'a' }], timestampMs: 1_000n }],
  });
  const { summary, histogram } = families.at(-1)!.metric[0]!;
  if (histogram !== undefined) expect(histogram.bucket.map((one) => one.cumulativeCount)).toEqual([0n, 1n]);
  else expect(summary).toMatchObject({ sampleCount: 1n, sampleSum: 3 });
});
