// Asking an authorization server over gRPC: the server says in a header what it was told, so that what both proxies tell is compared too.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, expect, test } from 'vitest';
import { HeaderValueOption_HeaderAppendAction as Append } from '../../src/xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  Authorization,
  type CheckRequest,
  type CheckResponse,
  CheckResponseSchema,
} from '../../src/xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import { grpcCluster, startGrpcServer, unary } from '../support/grpc-server.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const header = (key: string, value: string, more: object = {}) => ({ header: { key, value }, ...more });
type Init = MessageInitShape<typeof CheckResponseSchema>;
const ok = (value: object): Init => ({ httpResponse: { case: 'okResponse', value } });
const denied = (value: object, code = 7): Init => ({
  status: { code },
  httpResponse: { case: 'deniedResponse', value },
});

const ACTIONS = [
  Append.APPEND_IF_EXISTS_OR_ADD,
  Append.ADD_IF_ABSENT,
  Append.OVERWRITE_IF_EXISTS_OR_ADD,
  Append.OVERWRITE_IF_EXISTS,
];
const byAction = [true, false].flatMap((append) => [
  header('x-there', `append ${append}`, { append }),
  header(`x-new-${append}`, 'v', { append }),
]);
const actions = ACTIONS.flatMap((appendAction) => [
  header(`x-action-${appendAction}`, 'there', { appendAction }),
  header(`x-fresh-${appendAction}`, 'fresh', { appendAction }),
]);

let failures = 0;

/** By the path's first segment. */
const ANSWERS: Readonly<Record<string, (told: CheckRequest) => Init | Promise<Init>>> = {
  ok: () => ({}),
  told: (told) => ok({ headers: [header('x-told', shown(told))] }),
  set: () => ok({ headers: byAction }),
  actions: () => ok({ headers: actions }),
  remove: () => ok({ headersToRemove: ['x-there', 'x-gone', ':path', 'host'] }),
  client: () =>
    ok({
      responseHeadersToAdd: [
        header('x-granted', '1'),
        header('x-upstream', 'mine', { appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD }),
        header('x-absent', '1', { appendAction: Append.ADD_IF_ABSENT }),
      ],
    }),
  query: () =>
    ok({
      queryParametersToSet: [
        { key: 'a', value: '9' },
        { key: 'new', value: 'n' },
      ],
      queryParametersToRemove: ['b'],
    }),
  denied: () => denied({}),
  unauthorized: () =>
    denied(
      {
        status: { code: 401 },
        body: 'who are you',
        headers: [header('www-authenticate', 'Basic'), header('x-a', '1'), header('x-a', '2')],
      },
      16,
    ),
  long: () => denied({ body: 'a refusal of many words' }),
  crooked: () => ok({ headers: [header('x-a b', '1')] }),
  control: () => ok({ headers: [header('x-a', '1\u0001')] }),
  sly: () => ok({ headersToRemove: ['x-\u0001'] }),
  wordless: () => ({ status: { code: 16 } }),
  failing: () => {
    throw Object.assign(new Error('broken'), { code: 13 });
  },
  /** As often as `failures` says. */
  flaky: () => {
    failures -= 1;
    if (failures >= 0) throw Object.assign(new Error('not yet'), { code: 14 });
    return {};
  },
  hanging: () => new Promise<Init>(() => undefined),
};

function shown({ attributes }: CheckRequest): string {
  const { source, destination, request: asked, contextExtensions } = attributes!;
  const { http } = asked!;
  const { 'x-request-id': _id, 'x-case': _case, ...headers } = http!.headers;
  const listed = http!.headerMap?.headers
    .filter(({ key }) => key !== 'x-request-id' && key !== 'x-case')
    .map(({ key, value, rawValue }) => `${key}=${value}${Buffer.from(rawValue).toString('latin1')}`)
    .sort();
  const { method, path, host, scheme, query, fragment, protocol, body, rawBody, size } = http!;
  const sizeOf = Number(size);
  return JSON.stringify({
    headers: Object.fromEntries(Object.entries(headers).sort()),
    ...{ method, path, host, scheme, query, fragment, protocol, body, raw: Buffer.from(rawBody).toString(), sizeOf },
    ...(listed === undefined ? {} : { listed }),
    ...(source?.certificate ? { certificates: [source.certificate, destination?.certificate] } : {}),
    labels: Object.entries(destination?.labels ?? {}).sort(),
    extensions: Object.entries(contextExtensions).sort(),
    ...{ principals: [source?.principal, destination?.principal], service: source?.service },
    address: source?.address?.address.case === 'socketAddress' ? source.address.address.value.address : '',
  });
}

const server = await startGrpcServer([
  unary(Authorization.method.check, async (told): Promise<CheckResponse> => {
    const name = told.attributes!.request!.http!.path.split(/[/?]/)[1] ?? '';
    return create(CheckResponseSchema, await (ANSWERS[name] ?? ANSWERS.ok!)(told));
  }),
]);
afterAll(() => server.stop());

const EXT_AUTHZ = 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3';
const filter = (fields = '', cluster = 'auth', timeout = '5s'): string =>
  `[{ name: authz, typed_config: { "@type": ${EXT_AUTHZ}.ExtAuthz, grpc_service: { envoy_grpc: { cluster_name: ${cluster} }, timeout: ${timeout} }, ${fields} } }]`;
const patient = `[{ name: authz, typed_config: { "@type": ${EXT_AUTHZ}.ExtAuthz, grpc_service: { envoy_grpc: { cluster_name: auth }, timeout: 2s, retry_policy: { retry_on: unavailable, num_retries: 2, retry_back_off: { base_interval: 0.01s, max_interval: 1s } } } } }]`;
const TLS = `
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
    require_client_certificate: true
    common_tls_context:
      tls_certificates: [{ certificate_chain: { filename: <folder>/server.pem }, private_key: { filename: <folder>/server-key.pem } }]
      validation_context: { trusted_ca: { filename: <folder>/ca.pem } }
`;
const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { prefix: /told/extended }, route: { cluster: a }, typed_per_filter_config: { authz: { "@type": ${EXT_AUTHZ}.ExtAuthzPerRoute, check_settings: { context_extensions: { a: b, c: d } } } } }
    - { match: { prefix: /told/elsewhere }, route: { cluster: a }, typed_per_filter_config: { authz: { "@type": ${EXT_AUTHZ}.ExtAuthzPerRoute, check_settings: { grpc_service: { envoy_grpc: { cluster_name: refused } } } } } }
    - { match: { prefix: / }, route: { cluster: a } }
`;
const passes = (name: string, send: string, listener = 'front'): Case => ({
  name,
  listener,
  send,
  wants: { status: 200, reached: ['a'] },
});
const refused = (name: string, status: number, send: string, listener = 'front'): Case => ({
  name,
  listener,
  send,
  wants: { status, reached: [] },
});
const there = ACTIONS.map((action) => `x-action-${action}: old`);
const post = (path: string, body: string): string => request('POST', path, { body });

compareWithEnvoy(
  {
    name: 'filters-authz-grpc',
    certificates: true,
    statistics: /ext_authz|^cluster\.a\.upstream_rq_[45]/,
    listeners: {
      front: { filters: filter() },
      chosen: {
        filters: filter(
          'allowed_headers: { patterns: [{ prefix: x- }, { exact: ":path" }] }, disallowed_headers: { patterns: [{ exact: x-no }] }',
        ),
      },
      body: { filters: filter('with_request_body: { max_request_bytes: 10, allow_partial_message: true }') },
      bytes: {
        filters: filter(
          'with_request_body: { max_request_bytes: 10, allow_partial_message: true, pack_as_bytes: true }',
        ),
      },
      raw: { filters: filter('encode_raw_headers: true') },
      valid: { filters: filter('validate_mutations: true') },
      ruled: {
        filters: filter('decoder_header_mutation_rules: { disallow_expression: { regex: "x-(there|new-true)" } }'),
      },
      strict: { filters: filter('decoder_header_mutation_rules: { disallow_all: true, disallow_is_error: true }') },
      brief: { filters: filter('max_denied_response_body_bytes: 9') },
      mutual: { filters: filter('include_peer_certificate: true, include_tls_session: true'), chain: TLS },
      patient: { filters: patient },
      labelled: { filters: filter('bootstrap_metadata_labels_key: labels') },
      open: { filters: filter('failure_mode_allow: true') },
      hasty: { filters: filter('', 'auth', '0.2s') },
      unreachable: { filters: filter('', 'refused') },
    },
    bootstrap:
      'node: { id: differential, cluster: differential, metadata: { labels: { app: web, version: "2", n: 1, deep: { a: b } } } }',
    clusters: grpcCluster('auth', server.port),
    virtualHosts,
    cases: [
      passes('granted', get('/ok')),
      passes(
        'what is told',
        get(
          '/told?a=b#c'.replace('#c', ''),
          'x-a: 1',
          'x-a: 2',
          'x-forwarded-for: 10.0.0.1',
          'x-envoy-downstream-service-cluster: web',
        ),
      ),
      passes('what is told of a body', post('/told', 'hello')),
      passes('context of a route', get('/told/extended')),
      passes('chosen headers', get('/told', 'x-yes: 1', 'x-no: 1', 'accept: */*'), 'chosen'),
      passes('headers by append', get('/set', 'x-there: old')),
      passes('headers by action', get('/actions', ...there)),
      passes('headers removed', get('/remove', 'x-there: 1', 'x-gone: 1')),
      passes('headers for the client', get('/client')),
      passes('query changed', get('/query?b=1&a=2&c=3')),
      passes('the body', post('/told', 'hello'), 'body'),
      passes('a part of the body', post('/told', '12345678901234'), 'body'),
      passes('the body as bytes', post('/told', 'hello'), 'bytes'),
      passes('no body', get('/told'), 'body'),
      refused('denied', 403, get('/denied')),
      refused('denied with everything', 401, get('/unauthorized')),
      refused('denied without words', 403, get('/wordless')),
      refused('a failure', 403, get('/failing')),
      refused('no answer in time', 403, get('/hanging'), 'hasty'),
      refused('a server that is not there', 403, get('/ok'), 'unreachable'),
      passes('what is told as it is', get('/told', 'x-a: 1', 'x-a: 2'), 'raw'),
      passes('valid changes', get('/actions', ...there), 'valid'),
      refused('a name that is none', 500, get('/crooked'), 'valid'),
      refused('a value that is none', 500, get('/control'), 'valid'),
      passes('a name to remove that is none', get('/sly'), 'valid'),
      passes('headers by rules', get('/set', 'x-there: old'), 'ruled'),
      passes('headers removed by rules', get('/remove', 'x-there: 1', 'x-gone: 1'), 'ruled'),
      refused('headers against rules', 500, get('/set'), 'strict'),
      refused('a part of a refusal', 403, get('/long'), 'brief'),
      {
        ...passes('a certificate', get('/told'), 'mutual'),
        tls: (files) => ({
          cert: files['client'],
          key: files['client-key'],
          ca: files['ca'],
          servername: 'server.test',
        }),
      },
      refused('another server for a route', 403, get('/told/elsewhere')),
      passes('labels of the proxy', get('/told'), 'labelled'),
      passes('open: a failure', get('/failing'), 'open'),
    ],
  },
  (pair) => {
    test.each<[name: string, failures: number, status: number]>([
      ['a failure that is tried again', 2, 200],
      ['a failure that is tried again too often', 3, 403],
    ])('%s', async (_name, times, status) => {
      const { reference, ours } = pair();
      for (const stand of [reference, ours]) {
        failures = times;
        const answer = await fetch(`http://127.0.0.1:${stand.portOf('patient')}/flaky`);
        expect([stand.subject, answer.status, failures < 0]).toEqual([stand.subject, status, status === 200]);
      }
    });
  },
);
