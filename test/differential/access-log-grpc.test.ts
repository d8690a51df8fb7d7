// Access log service: entries of the same requests and connections, as Envoy and the proxy send them.
import { createRegistry, type DescMessage, type MessageShape, toJson } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, expect, test } from 'vitest';
import {
  type AccessLogCommon,
  HTTPAccessLogEntrySchema,
  TCPAccessLogEntrySchema,
} from '../../src/xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import { AccessLogService, type StreamAccessLogsMessage } from '../../src/xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import { grpcCluster, sink, startGrpcServer } from '../support/grpc-server.ts';
import { respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Case, type CertificateFiles, get, request, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';

type Entry = { readonly commonProperties?: AccessLogCommon | undefined };

const registry = createRegistry(StringValueSchema);
const received: StreamAccessLogsMessage[] = [];
const server = await startGrpcServer([
  sink(AccessLogService.method.streamAccessLogs, (message) => void received.push(message)),
]);
afterAll(() => server.stop());

const TYPE = 'type.googleapis.com/envoy.extensions';
const common = (name: string, more = '') =>
  `{log_name: ${name}, transport_api_version: V3, buffer_flush_interval: 0.05s, grpc_service: {envoy_grpc: {cluster_name: als}}${more}}`;
const log = (name: string, common_config: string, more = '', filter = '') => `
- name: ${name}
  ${filter}
  typed_config:
    '@type': ${TYPE}.access_loggers.grpc.v3.${name === 'tcp' ? 'Tcp' : 'Http'}GrpcAccessLogConfig
    common_config: ${common_config}
    ${more}`;
const TAGS =
  ', custom_tags: [{tag: literal, literal: {value: v}}, {tag: header, request_header: {name: x-a, default_value: none}}]';
const HEADERS = `additional_request_headers_to_log: [X-Case, x-a, x-none]
    additional_response_headers_to_log: [x-r, content-length]
    additional_response_trailers_to_log: [x-t]`;
const shown = (name: string) =>
  `tls_certificates: [{certificate_chain: {filename: <folder>/${name}.pem}, private_key: {filename: <folder>/${name}-key.pem}}]`;
/** One version and cipher: what is negotiated otherwise is the library's choice. */
const ONE =
  'tls_params: {tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_2, cipher_suites: [ECDHE-ECDSA-AES128-GCM-SHA256]}';

const suite: Suite = {
  name: 'access log service',
  certificates: true,
  listeners: {
    front: { manager: `access_log:${log('http', common('front', TAGS), HEADERS)}` },
    state: {
      manager: `access_log:${log('http', common('state', ', filter_state_objects_to_log: [tenant, user, none]'), HEADERS)}`,
      filters: `[{name: state, typed_config: {'@type': ${TYPE}.filters.http.set_filter_state.v3.Config, on_request_headers: [${['envoy.string', 'envoy.hashable_string'].map((key, nth) => `{object_key: ${['tenant', 'user'][nth]}, factory_key: ${key}, format_string: {text_format_source: {inline_string: '%REQ(X-A)%'}}}`).join(', ')}]}}]`,
    },
    tls: {
      manager: `access_log:${log('http', common('tls'), HEADERS)}`,
      listener: `listener_filters: [{name: tls, typed_config: {'@type': ${TYPE}.filters.listener.tls_inspector.v3.TlsInspector}}]`,
      chain: `transport_socket: {name: tls, typed_config: {'@type': ${TYPE}.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: {${shown('server')}, validation_context: {trusted_ca: {filename: <folder>/ca.pem}}, ${ONE}}}}`,
    },
    stream: {
      chain: `filters: [{name: tcp, typed_config: {'@type': ${TYPE}.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: a, access_log: [{name: tcp, typed_config: {'@type': ${TYPE}.access_loggers.grpc.v3.TcpGrpcAccessLogConfig, common_config: ${common('stream')}}}]}}]`,
    },
    filtered: {
      manager: `access_log:${log('http', common('filtered'), HEADERS, 'filter: {status_code_filter: {comparison: {op: GE, value: {default_value: 400, runtime_key: none}}}}')}`,
    },
  },
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - {name: direct, match: {prefix: /direct}, direct_response: {status: 200, body: {inline_string: hi}}}
  - {name: retried, match: {prefix: /refused}, route: {cluster: refused, retry_policy: {retry_on: connect-failure, num_retries: 1}}}
  - {name: rewritten, match: {prefix: /old}, route: {cluster: a, prefix_rewrite: /new}}
  - {name: plain, match: {prefix: /p}, route: {cluster: a}}
`,
  clusters: grpcCluster('als', server.port),
  cases: [],
};

const as = (name: string) => (files: CertificateFiles) => ({
  ca: files['ca'],
  servername: 'server.test',
  ...(name === '' ? {} : { cert: files[name], key: files[`${name}-key`] }),
});

const CASES: readonly Omit<Case, 'wants'>[] = [
  {
    name: 'a request with headers that are asked for',
    send: get('/p?q=1', 'x-a: one', 'x-a: two', 'user-agent: ua', 'referer: here', 'x-forwarded-for: 10.1.2.3'),
    script: { a: [respond({ headers: { 'x-r': 'yes' }, body: 'hello' })] },
  },
  { name: 'a body', send: request('POST', '/p', { body: 'abc' }) },
  { name: 'another method', send: request('PATCH', '/p') },
  { name: 'a rewritten path', send: get('/old/x') },
  { name: 'a direct answer', send: get('/direct') },
  { name: 'no route', send: get('/none') },
  { name: 'nobody listens', send: get('/refused') },
  { name: 'what filters left', listener: 'state', send: get('/p', 'x-a: one') },
  { name: 'both ends show certificates', listener: 'tls', tls: as('client'), send: get('/direct') },
  { name: 'a client that shows none', listener: 'tls', tls: as(''), send: get('/p') },
  { name: 'what a filter lets through', listener: 'filtered', send: get('/none') },
];

compareWithEnvoy(suite, (pair) => {
  test.each(CASES.map((one, index) => ({ ...one, id: `case-${index}` })))('$name', async ({ id, ...one }) => {
    const { reference, ours } = pair();
    const wants = { status: 0 };
    await Promise.all([reference, ours].map((stand) => observe(stand, { ...one, wants }, id)));
    const [theirs, mine] = await Promise.all(
      [reference, ours].map((stand) => entryOf(stand, one.listener ?? 'front', id)),
    );
    expect(mine).toEqual(theirs);
  });

  test('a connection without HTTP', async () => {
    const { reference, ours } = pair();
    const one = { name: '', listener: 'stream', send: get('/p'), wants: { status: 200 } };
    await Promise.all([reference, ours].map((stand) => observe(stand, one, 'tcp')));
    const [theirs, mine] = await Promise.all([reference, ours].map(connectionOf));
    expect(mine).toEqual(theirs);
  });

  test('the first message of a stream says who sends it', () => {
    const names = received.flatMap(({ identifier }) => (identifier === undefined ? [] : [identifier.logName]));
    expect(names.sort()).toEqual([
      'filtered',
      'filtered',
      'front',
      'front',
      'state',
      'state',
      'stream',
      'stream',
      'tls',
      'tls',
    ]);
  });
});

/** The entry of a case that a proxy sent: its listener's port tells whose it is. */
async function entryOf(stand: Pair['ours'], listener: string, mark: string): Promise<unknown> {
  const found = await waitFor(`entry of ${stand.subject}`, () =>
    received
      .flatMap(({ logEntries }) => (logEntries.case === 'httpLogs' ? logEntries.value.logEntry : []))
      .find((entry) => entry.request?.requestHeaders['x-case'] === mark && portOf(entry) === stand.portOf(listener)),
  );
  return comparable(stand, HTTPAccessLogEntrySchema, found);
}

async function connectionOf(stand: Pair['ours']): Promise<unknown> {
  const found = await waitFor(`entry of ${stand.subject}`, () =>
    received
      .flatMap(({ logEntries }) => (logEntries.case === 'tcpLogs' ? logEntries.value.logEntry : []))
      .find((entry) => portOf(entry) === stand.portOf('stream')),
  );
  return comparable(stand, TCPAccessLogEntrySchema, found);
}

function portOf({ commonProperties }: Entry): number {
  const address = commonProperties?.downstreamLocalAddress?.address;
  const port = address?.case === 'socketAddress' ? address.value.portSpecifier : undefined;
  return port?.case === 'portValue' ? port.value : 0;
}

/** Times, ports and ids by their form. */
function comparable<Schema extends DescMessage>(
  stand: Pair['ours'],
  schema: Schema,
  entry: MessageShape<Schema>,
): unknown {
  const known = new Set(['front', 'tls', 'filtered', 'state', 'stream'].map((name) => stand.portOf(name)));
  const text = JSON.stringify(toJson(schema, entry, { registry }), (key, value: unknown) => {
    if (key === 'portValue') return known.has(value as number) ? '<front>' : '<port>';
    if (/^timeTo|^duration$|^startTime$/.test(key)) return '<time>';
    // The answer says how long it took.
    if (/^downstream(Wire|Header)BytesSent$|^responseHeadersBytes$/.test(key)) return '<bytes>';
    if (key === 'requestId' || key === 'streamId') return String(value).replace(/[0-9a-f]/g, '0');
    return value;
  });
  return JSON.parse(text);
}
