// Objects that HTTP filters leave in filter state, as logs show them: what ext_authz was told and would have decided, messages of gRPC.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, expect, test } from 'vitest';
import { Authorization, CheckResponseSchema } from '../../src/xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import { grpcCluster, startGrpcServer, unary } from '../support/grpc-server.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { fileLog, linesOf } from './harness/log-file.ts';
import { observe } from './harness/observation.ts';

type Init = MessageInitShape<typeof CheckResponseSchema>;
const ANSWERS: Readonly<Record<string, () => Init>> = {
  ok: () => ({
    httpResponse: { case: 'okResponse', value: { headers: [{ header: { key: 'x-by', value: 'authz' } }] } },
  }),
  denied: () => ({
    status: { code: 7 },
    httpResponse: {
      case: 'deniedResponse',
      value: {
        status: { code: 401 },
        body: 'who are you',
        headers: [{ header: { key: 'x-why', value: 'so' } }, { header: { key: 'x-also', value: '2' } }],
      },
    },
  }),
  plain: () => ({ status: { code: 7 } }),
  crooked: () => ({
    httpResponse: { case: 'okResponse', value: { headers: [{ header: { key: 'x-a b', value: '1' } }] } },
  }),
  noted: () => ({ dynamicMetadata: { told: 'x' } }),
};
const server = await startGrpcServer([
  unary(Authorization.method.check, (told) => {
    const name = told.attributes!.request!.http!.path.split(/[/?]/)[1] ?? '';
    const answer = ANSWERS[name];
    if (answer === undefined) throw Object.assign(new Error('broken'), { code: 13 });
    return create(CheckResponseSchema, answer());
  }),
]);
afterAll(() => server.stop());

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';
const authz = (fields: string): string =>
  `[{ name: authz, typed_config: { "@type": ${TYPE}.ext_authz.v3.ExtAuthz, grpc_service: { envoy_grpc: { cluster_name: auth }, timeout: 5s }, ${fields} } }]`;
const grpcStats = `[{ name: counts, typed_config: { "@type": ${TYPE}.grpc_stats.v3.FilterConfig, emit_filter_state: true } }]`;
const FORMATS = [
  'authz',
  'authz:PLAIN',
  'authz.shadow',
  'authz.shadow:PLAIN',
  'envoy.filters.http.grpc_stats',
  'envoy.filters.http.grpc_stats:PLAIN',
  'authz.shadow:FIELD:check_result',
  'authz.shadow:FIELD:status_code',
  'authz.shadow:FIELD:response_headers',
  'envoy.filters.http.grpc_stats:FIELD:request_message_count',
].map((one) => `%FILTER_STATE(${one})%`);
const formats = [...FORMATS, '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:told)%'];
const LATENCY = 'latency: %FILTER_STATE(authz:FIELD:latency_us)%';
const logs =
  fileLog(
    'text',
    `{ text_format_source: { inline_string: "%REQ(X-CASE)%| ${formats.join(' | ')} | ${LATENCY}\\n" } }`,
  ) + fileLog('json', `{ json_format: { case: '|%REQ(X-CASE)%|', all: ${JSON.stringify([...formats, LATENCY])} } }`);
const virtualHosts = `
- name: all
  domains: ["*"]
  routes: [{ match: { prefix: / }, route: { cluster: a } }]
`;
const frame = '\0\0\0\0\x01x';
const call = request('POST', '/a.b/c', { headers: ['content-type: application/grpc'], body: frame + frame });
const passes = (name: string, listener: string, send: string): Case => ({
  name,
  listener,
  send,
  wants: { status: 200, reached: ['a'] },
});
const cases: Case[] = [
  passes('metadata for logs, which no log shows', 'front', get('/ok')),
  passes('shadow: allowed', 'shadow', get('/ok')),
  passes('shadow: refused', 'shadow', get('/denied')),
  passes('shadow: refused in a word', 'shadow', get('/plain')),
  passes('shadow: an error', 'shadow', get('/broken')),
  passes('shadow: an error that is allowed', 'open', get('/broken')),
  { name: 'shadow: an invalid change', listener: 'checked', send: get('/crooked'), wants: { status: 500 } },
  passes('shadow: metadata', 'shadow', get('/noted')),
  passes('metadata that is taken', 'front', get('/noted')),
  passes('metadata that is not', 'deaf', get('/noted')),
  passes('messages of gRPC', 'counted', call),
  passes(
    'a call without messages',
    'counted',
    request('POST', '/a.b/c', { headers: ['content-type: application/grpc'], body: '' }),
  ),
  passes('no gRPC', 'counted', get('/')),
  passes('shadow: off, which denies', 'off', get('/ok')),
  passes('how long it took', 'timed', get('/ok')),
  { name: 'how long a failure took', listener: 'timed', send: get('/broken'), wants: { status: 403 } },
];

/** Differs from run to run. */
const timeless = (line: string) => line.replace(/latency: [1-9]\d*/, 'latency: <microseconds>');

compareWithEnvoy(
  {
    name: 'filters-state',
    statistics: /ext_authz|^cluster\.a\.upstream_rq_[45]/,
    listeners: Object.fromEntries(
      Object.entries({
        off: authz(
          'shadow_mode: true, filter_enabled: { default_value: { numerator: 0 } }, deny_at_disable: { default_value: true, runtime_key: x }',
        ),
        timed: authz('emit_filter_state_stats: true'),
        front: authz('filter_metadata: { a: text, n: 1, deep: { b: [true] } }'),
        shadow: authz('shadow_mode: true'),
        checked: authz('shadow_mode: true, validate_mutations: true'),
        deaf: authz('enable_dynamic_metadata_ingestion: false'),
        open: authz('shadow_mode: true, failure_mode_allow: true, failure_mode_allow_header_add: true'),
        counted: grpcStats,
      }).map(([name, filters]) => [name, { filters, manager: `access_log:${logs}` }]),
    ),
    clusters: grpcCluster('auth', server.port),
    virtualHosts,
    cases,
  },
  (pair) => {
    test.each(cases)('logs: $name', async ({ name, ...one }) => {
      const mark = name.replaceAll(/\W/g, '');
      await Promise.all([pair().reference, pair().ours].map((stand) => observe(stand, { name, ...one }, mark)));
      for (const log of ['text', 'json']) {
        const [theirs, mine] = await linesOf(pair(), log, `${mark}|`);
        expect(mine!.map(timeless), log).toEqual(theirs!.map(timeless));
      }
    });
  },
);
