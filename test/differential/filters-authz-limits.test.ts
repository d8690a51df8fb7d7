// Authorization servers that say too much.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll } from 'vitest';
import { HeaderValueOption_HeaderAppendAction as Append } from '../../src/xds/gen/envoy/config/core/v3/base_pb.ts';
import { Authorization, CheckResponseSchema } from '../../src/xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import { grpcCluster, startGrpcServer, unary } from '../support/grpc-server.ts';
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

type Init = MessageInitShape<typeof CheckResponseSchema>;
const fields = (count: number, value = 'v', more: object = {}) =>
  Array.from({ length: count }, (_, i) => ({ header: { key: `x-${i}`, value }, ...more }));
const ok = (value: object): Init => ({ httpResponse: { case: 'okResponse', value } });
const denied = (headers: object[]): Init => ({
  status: { code: 7 },
  httpResponse: { case: 'deniedResponse', value: { headers } as never },
});

/** By the path's first segment: what it does, how many headers, how long each is. */
const ANSWERS: Readonly<Record<string, (count: number, length: number) => Init>> = {
  request: (count, length) => ok({ headers: fields(count, 'v'.repeat(length)) }),
  add: (count, length) => ok({ responseHeadersToAdd: fields(count, 'v'.repeat(length)) }),
  set: (count, length) =>
    ok({
      responseHeadersToAdd: fields(count, 'v'.repeat(length), { appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD }),
    }),
  absent: (count, length) =>
    ok({ responseHeadersToAdd: fields(count, 'v'.repeat(length), { appendAction: Append.ADD_IF_ABSENT }) }),
  crooked: () => ok({ headers: [{ header: { key: 'x-a b', value: '1' } }] }),
  denied: (count, length) => denied(fields(count, 'v'.repeat(length))),
};

const server = await startGrpcServer([
  unary(Authorization.method.check, async (told) => {
    const [, kind = '', count, length] = told.attributes!.request!.http!.path.split('/');
    return create(CheckResponseSchema, ANSWERS[kind]!(Number(count), Number(length)));
  }),
]);
afterAll(() => server.stop());

const EXT_AUTHZ = 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3';
const filter = (fields = ''): string =>
  `[{ name: authz, typed_config: { "@type": ${EXT_AUTHZ}.ExtAuthz, grpc_service: { envoy_grpc: { cluster_name: auth }, timeout: 5s }, ${fields} } }]`;
const row = (listener: string, path: string, status: number, more: Partial<Case['wants']> = {}): Case => ({
  name: `${listener}: ${path}`,
  listener,
  send: get(path),
  wants: { status, ...more },
});

compareWithEnvoy({
  name: 'filters-authz-limits',
  statistics: /\.ext_authz\./,
  listeners: {
    front: { filters: filter() },
    limited: { filters: filter('enforce_response_header_limits: true') },
    narrow: { filters: filter(), manager: 'common_http_protocol_options: { max_headers_count: 20 }' },
    valid: { filters: filter('validate_mutations: true') },
  },
  virtualHosts: `
- name: all
  domains: ["*"]
  routes:
    - { match: { prefix: /add/150 }, direct_response: { status: 200, body: { inline_string: hello } } }
    - { match: { prefix: / }, route: { cluster: a } }
`,
  clusters: grpcCluster('auth', server.port),
  cases: [
    row('front', '/request/93/1', 200),
    row('front', '/request/94/1', 500, { flags: 'UAEX', reached: [] }),
    row('front', '/request/1/61000', 200),
    row('front', '/request/1/61400', 500),
    row('narrow', '/request/13/1', 200),
    row('narrow', '/request/14/1', 500),
    row('front', '/add/120/1', 200),
    row('front', '/denied/120/1', 403),
    row('limited', '/add/95/1', 200),
    row('limited', '/add/96/1', 200),
    row('limited', '/add/97/1', 500, { flags: 'UAEX', reached: ['a'] }),
    row('limited', '/set/120/1', 500),
    row('limited', '/absent/120/1', 500),
    row('limited', '/add/1/70000', 200),
    row('limited', '/denied/120/1', 403),
    row('limited', '/add/150/1', 200),
    row('valid', '/crooked/1/1', 500, { flags: 'UAEX', reached: [] }),
  ],
});
