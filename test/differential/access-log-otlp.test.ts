// Access logs to an OpenTelemetry collector over gRPC: bodies and attributes of text, lists and pairs.
import { afterAll, expect, test } from 'vitest';
import { grpcCluster } from '../support/grpc-server.ts';
import { waitFor } from '../support/wait-for.ts';
import { get, type Suite } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import { fieldsOf, messages, startCollector, textOf } from './harness/otlp.ts';

const collector = await startCollector('opentelemetry.proto.collector.logs.v1.LogsService');
afterAll(() => collector.stop());

const TYPE = 'type.googleapis.com/envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig';
const log = (fields: string) => `
access_log:
- name: otel
  typed_config:
    '@type': ${TYPE}
    common_config: {log_name: mine, transport_api_version: V3, buffer_flush_interval: 0.05s, grpc_service: {envoy_grpc: {cluster_name: collector}}}
    ${fields}`;
const text = (value: string) => `{string_value: '${value}'}`;

const suite: Suite = {
  name: 'access log to OpenTelemetry',
  bootstrap:
    'layered_runtime: {layers: [{name: base, static_layer: {tracing.opentelemetry.flush_interval_ms: 50, tracing.opentelemetry.min_flush_spans: 1}}]}',
  listeners: {
    front: {
      manager: log(`body: ${text('%REQ(X-CASE)% %RESPONSE_CODE% %REQ(NONE)%')}
    attributes: {values: [{key: path, value: ${text('%PATH%')}}, {key: fixed, value: ${text('x')}}]}
    resource_attributes: {values: [{key: service.name, value: ${text('shop')}}]}`),
    },
    structured: {
      manager:
        log(`body: {kvlist_value: {values: [{key: case, value: ${text('%REQ(X-CASE)%')}}, {key: list, value: {array_value: {values: [${text('%PROTOCOL%')}, ${text('b')}]}}}]}}
    attributes: {values: [{key: nested, value: {kvlist_value: {values: [{key: a, value: {kvlist_value: {values: [{key: b, value: ${text('%REQ(:METHOD)%')}}]}}}]}}}]}`),
    },
    bare: { manager: log('disable_builtin_labels: true') },
  },
  virtualHosts: `[{name: all, domains: ['*'], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]`,
  clusters: grpcCluster('collector', collector.port),
  cases: [],
};

compareWithEnvoy(suite, (pair) => {
  test.each(['front', 'structured', 'bare'])('%s', async (listener) => {
    const { reference, ours } = pair();
    const seen: unknown[] = [];
    // One after the other: which of the two sent a record is told by nothing else.
    for (const stand of [reference, ours]) {
      const before = collector.requests.length;
      await observe(stand, { name: '', listener, send: get(`/${listener}`), wants: { status: 200 } }, 'mark');
      await waitFor(`a record of ${stand.subject}`, () => collector.requests.length > before);
      seen.push(collector.requests.slice(before).map(recordsOf));
    }
    expect(seen[1]).toEqual(seen[0]);
  });
});

/** ExportLogsServiceRequest: its resource, and body and attributes of each record. */
function recordsOf(request: Uint8Array): unknown {
  return messages(request, 1).map((resource) => ({
    resource: messages(resource, 1)
      .flatMap((one) => pairsOf(messages(one, 1)))
      .sort(),
    records: messages(resource, 2)
      .flatMap((scope) => messages(scope, 2))
      .map((record) => ({
        timed: fieldsOf(record).has(1),
        body: messages(record, 5).map(readValue),
        attributes: pairsOf(messages(record, 6)),
        fields: [...fieldsOf(record).keys()].sort((a, b) => a - b),
      })),
  }));
}

function pairsOf(pairs: readonly Uint8Array[]): unknown[] {
  return pairs.map((pair) => [textOf(messages(pair, 1)[0]), messages(pair, 2).map(readValue)]);
}

function readValue(any: Uint8Array): unknown {
  const [field] = fieldsOf(any).keys();
  if (field === 5) return messages(any, 5).flatMap((list) => messages(list, 1).map(readValue));
  if (field === 6) return { pairs: messages(any, 6).flatMap((list) => pairsOf(messages(list, 1))) };
  return field === undefined ? null : textOf(messages(any, field)[0]);
}
