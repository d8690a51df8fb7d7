// Filters that note something for others, keep a client at its endpoint, or translate gRPC-Web.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, expect, test } from 'vitest';
import {
  RateLimitResponse_Code as Code,
  RateLimitRequestSchema,
  RateLimitResponseSchema,
  RateLimitService,
} from '../../src/xds/gen/envoy/service/ratelimit/v3/rls_pb.ts';
import { grpcCluster, startGrpcServer, unary } from '../support/grpc-server.ts';
import { respond } from '../support/upstream.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import type { Stand } from './harness/stand.ts';
import { figuresOfBoth } from './harness/statistics.ts';

const server = await startGrpcServer([
  unary(RateLimitService.method.shouldRateLimit, ({ domain }) => {
    if (domain === 'fails') throw Object.assign(new Error('no such domain'), { code: 5 });
    return create(RateLimitResponseSchema, { overallCode: Code.OK, rawBody: Buffer.from(domain) });
  }),
]);
/** One endpoint for both proxies: its address stands in what they say of sessions. */
const endpoint = createServer((_request, response) => response.end('shared'));
const shared = await new Promise<number>((resolve) => {
  endpoint.listen(0, '127.0.0.1', () => resolve((endpoint.address() as AddressInfo).port));
});
afterAll(() => {
  server.stop();
  endpoint.close();
  endpoint.closeAllConnections();
});

const TYPE = 'type.googleapis.com/envoy.extensions';
const filter = (name: string, type: string, fields: string): string =>
  `{ name: ${name}, typed_config: { "@type": ${TYPE}.filters.http.${type}, ${fields} } }`;
/** Shows what was noted in headers of the request. */
const shows = (...formats: string[]): string =>
  filter(
    'shows',
    'header_mutation.v3.HeaderMutation',
    `mutations: { request_mutations: [${formats.map((format, i) => `{ append: { header: { key: x-shown-${i}, value: "${format}" } } }`).join(', ')}] }`,
  );

const metadata = filter(
  'set',
  'set_metadata.v3.Config',
  'metadata: [{ metadata_namespace: app, value: { a: text, list: [x], deep: { b: 1 } } }, { metadata_namespace: app, value: { a: ignored } }, { metadata_namespace: app, allow_overwrite: true, value: { list: [y], deep: { c: true } } }]',
);
const H2M = 'header_to_metadata.v3.Config';
const headers = filter(
  'headers',
  H2M,
  `stat_prefix: notes, response_rules: [{ header: x-upstream, on_header_present: { key: up } }, { header: x-none, on_header_missing: { key: none, value: x } }], request_rules: [
    { header: x-user, on_header_present: { metadata_namespace: h, key: user }, on_header_missing: { metadata_namespace: h, key: user, value: nobody }, remove: true },
    { header: x-fixed, on_header_present: { metadata_namespace: h, key: fixed, value: const } },
    { header: x-number, on_header_present: { metadata_namespace: h, key: number, type: NUMBER } },
    { header: x-coded, on_header_present: { metadata_namespace: h, key: coded, encode: BASE64 } },
    { cookie: session, on_header_present: { metadata_namespace: h, key: cookie } },
    { header: ":path", on_header_present: { metadata_namespace: h, key: first, regex_value_rewrite: { pattern: { regex: "^/([^/]+)/.*$" }, substitution: "\\\\1" } } }]`,
);
const state = filter(
  'state',
  'set_filter_state.v3.Config',
  'on_request_headers: [{ object_key: my.key, factory_key: envoy.string, format_string: { text_format_source: { inline_string: "<%REQ(X-USER)%>" } } }, { object_key: my.empty, factory_key: envoy.string, skip_if_empty: true, format_string: { text_format_source: { inline_string: "%REQ(X-NONE)%" }, omit_empty_values: true } }]',
);
const SESSION = `${TYPE}.filters.http.stateful_session.v3.StatefulSession`;
const cookie = (strict = false, more = '', fields = ''): string =>
  filter(
    'session',
    'stateful_session.v3.StatefulSession',
    `stat_prefix: sessions, strict: ${strict}, ${fields} session_state: { name: envoy.http.stateful_session.cookie, typed_config: { "@type": ${TYPE}.http.stateful_session.cookie.v3.CookieBasedSessionState, cookie: { name: where, path: /, ${more} } } }`,
  );
const byHeader = filter(
  'session',
  'stateful_session.v3.StatefulSession',
  `session_state: { name: envoy.http.stateful_session.header, typed_config: { "@type": ${TYPE}.http.stateful_session.header.v3.HeaderBasedSessionState, name: x-where } }`,
);

const check = (fields: string): string =>
  filter(
    'check',
    'health_check.v3.HealthCheck',
    `${fields}, headers: [{ name: ":path", string_match: { exact: /healthz } }]`,
  );

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { path: /session/off }, route: { cluster: many }, typed_per_filter_config: { session: { "@type": ${SESSION}PerRoute, disabled: true } } }
    - { match: { prefix: /session }, route: { cluster: many } }
    - { match: { prefix: /one }, route: { cluster: a } }
    - { match: { prefix: /envoy.service }, route: { cluster: grpc } }
    - { match: { prefix: / }, route: { cluster: a } }
`;
const many = `
- name: many
  type: STATIC
  lb_policy: ROUND_ROBIN
  connect_timeout: 1s
  common_lb_config: { override_host_status: { statuses: [UNKNOWN, HEALTHY, DEGRADED] } }
  load_assignment: { cluster_name: many, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${shared} } } } }] }] }
`;

const frame = (message: Uint8Array): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
const asked = (domain: string): Buffer =>
  frame(toBinary(RateLimitRequestSchema, create(RateLimitRequestSchema, { domain })));
const METHOD = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';
const web = (body: string, type: string, accept = type): string =>
  request('POST', METHOD, { headers: [`content-type: ${type}`, `accept: ${accept}`], body });
/** A call over HTTP/1.1; of another type than gRPC's without the frame. */
const called = (domain: string, type: string, query = ''): string =>
  request('POST', `${METHOD}${query}`, {
    headers: [`content-type: ${type}`, 'te: trailers'],
    body: asked(domain)
      .subarray(type === 'application/grpc' ? 0 : 5)
      .toString('latin1'),
  });
const seen = (name: string, listener: string, send: string, more: Partial<Case['wants']> = {}): Case => ({
  name,
  listener,
  send,
  wants: { status: 200, ...more },
});
const cookieFor = (endpointName: string): string =>
  Buffer.concat([Buffer.from([0x0a, endpointName.length]), Buffer.from(endpointName)]).toString('base64');
const stale = cookieFor('127.0.0.1:1');

compareWithEnvoy(
  {
    name: 'filters-notes',
    statistics: /^cluster\.grpc\.(grpc|grpc-web)\.|stateful|\.health_check\.\w+$|^http_filter_name/,
    listeners: {
      metadata: { filters: `[${metadata}, ${shows('%DYNAMIC_METADATA(app)%', '%DYNAMIC_METADATA(app:a)%')}]` },
      headers: {
        filters: `[${headers}, ${shows(...['user', 'fixed', 'number', 'coded', 'cookie', 'first'].map((key) => `%DYNAMIC_METADATA(h:${key})%`))}]`,
      },
      state: { filters: `[${state}, ${shows('%FILTER_STATE(my.key:PLAIN)%')}]` },
      cookie: { filters: `[${cookie()}]` },
      lasting: { filters: `[${cookie(false, 'attributes: [{ name: SameSite, value: Strict }]')}]` },
      strict: { filters: `[${cookie(true)}]` },
      strictGone: { filters: `[${cookie(true, '', 'status_on_strict_destination_not_found: 410,')}]` },
      header: { filters: `[${byHeader}]` },
      web: { filters: `[${filter('web', 'grpc_web.v3.GrpcWeb', '')}]` },
      check: { filters: `[${check('pass_through_mode: false')}]` },
      behind: { filters: `[${check('pass_through_mode: true')}]` },
      cached: { filters: `[${check('pass_through_mode: true, cache_time: 60s')}]` },
      enough: {
        filters: `[${check('pass_through_mode: false, cluster_min_healthy_percentages: { a: { value: 50 }, many: { value: 100 } }')}]`,
      },
      few: {
        filters: `[${check('pass_through_mode: false, cluster_min_healthy_percentages: { a: { value: 50 }, empty: { value: 1 } }')}]`,
      },
      nothing: {
        filters: `[${check('pass_through_mode: false, cluster_min_healthy_percentages: { empty: { value: 0 } }')}]`,
      },
      bridge: { filters: `[${filter('bridge', 'grpc_http1_bridge.v3.Config', '')}]` },
      upgrade: {
        filters: `[${filter('bridge', 'grpc_http1_bridge.v3.Config', 'upgrade_protobuf_to_grpc: true, ignore_query_parameters: true')}]`,
      },
      stats: {
        filters: `[${filter('stats', 'grpc_stats.v3.FilterConfig', 'stats_for_all_methods: true, enable_upstream_stats: true')}]`,
      },
    },
    clusters: `${many}${grpcCluster('grpc', server.port)}`,
    virtualHosts,
    cases: [
      seen('metadata set', 'metadata', get('/')),
      seen(
        'metadata of headers',
        'headers',
        get(
          '/first/second',
          'x-user: ann',
          'x-fixed: 1',
          'x-number: 42',
          `x-coded: ${Buffer.from('plain').toString('base64')}`,
          'cookie: session=abc',
        ),
      ),
      seen('metadata of missing headers', 'headers', get('/')),
      seen(
        'metadata of values that are none',
        'headers',
        get('/', 'x-user: ', 'x-number: many', 'x-coded: a=b!', `x-fixed: ${'y'.repeat(9_000)}`, 'cookie: session='),
      ),
      seen('metadata of a value too long', 'headers', get('/', `x-user: ${'y'.repeat(9_000)}`, 'x-coded: YQ')),
      seen('state set', 'state', get('/', 'x-user: ann')),
      seen('a session begins', 'cookie', get('/session')),
      seen('a session goes on', 'cookie', get('/session', `cookie: where="${cookieFor(`127.0.0.1:${shared}`)}"`), {
        headers: { 'set-cookie': null },
      }),
      seen('a session whose endpoint is gone', 'cookie', get('/session', `cookie: where="${stale}"`)),
      seen('a session that makes no sense', 'cookie', get('/session', 'cookie: where=nonsense')),
      seen('a cookie with attributes', 'lasting', get('/session')),
      seen('no session for a route', 'cookie', get('/session/off')),
      seen('a strict session whose endpoint is gone', 'strict', get('/session', `cookie: where="${stale}"`), {
        status: 503,
      }),
      seen('a strict session whose endpoint is gone, told', 'strictGone', get('/session', `cookie: where="${stale}"`), {
        status: 410,
      }),
      seen('a session by header', 'header', get('/session')),
      seen('gRPC-Web', 'web', web(asked('shop').toString('latin1'), 'application/grpc-web+proto')),
      seen('gRPC-Web as text', 'web', web(asked('shop').toString('base64'), 'application/grpc-web-text')),
      seen(
        'gRPC-Web as text one way',
        'web',
        web(asked('shop').toString('latin1'), 'application/grpc-web', 'application/grpc-web-text'),
      ),
      seen('gRPC-Web, a failure', 'web', web(asked('fails').toString('latin1'), 'application/grpc-web')),
      seen('gRPC-Web, no base64', 'web', web('????', 'application/grpc-web-text'), { status: 400 }),
      seen('not gRPC-Web', 'web', request('POST', '/', { headers: ['content-type: text/plain'], body: 'x' })),
      seen(
        'gRPC-Web to something else',
        'web',
        request('POST', '/', { headers: ['content-type: application/grpc-web'], body: '' }),
      ),
      seen('gRPC for HTTP/1.1', 'bridge', called('shop', 'application/grpc')),
      seen('gRPC for HTTP/1.1, a failure', 'bridge', called('fails', 'application/grpc')),
      seen(
        'gRPC for HTTP/1.1, no gRPC',
        'bridge',
        request('POST', '/', { headers: ['content-type: text/plain'], body: 'x' }),
      ),
      seen(
        'gRPC for HTTP/1.1, no gRPC upstream',
        'bridge',
        request('POST', '/', { headers: ['content-type: application/grpc'], body: 'x' }),
      ),
      seen('a bare message', 'upgrade', called('shop', 'application/x-protobuf', '?x=1')),
      seen('a bare message, a failure', 'upgrade', called('fails', 'application/x-protobuf')),
      seen('a bare message, gRPC beside it', 'upgrade', called('shop', 'application/grpc')),
      seen('a health check', 'check', get('/healthz'), { reached: [] }),
      seen('no health check', 'check', get('/'), { reached: ['a'] }),
      seen('a health check passed through', 'behind', get('/healthz'), { reached: ['a'] }),
      {
        ...seen('a health check that fails', 'behind', get('/healthz'), { status: 503 }),
        script: { a: [respond({ status: 503 })] },
      },
      {
        ...seen('a health check, remembered', 'cached', get('/healthz'), { status: [503, 503], reached: ['a'] }),
        send: [get('/healthz'), get('/healthz')],
        script: { a: [respond({ status: 503 })] },
      },
      seen('enough healthy endpoints', 'enough', get('/healthz')),
      seen('too few healthy endpoints', 'few', get('/healthz'), { status: 503 }),
      seen('no endpoints where none are needed', 'nothing', get('/healthz')),
      seen(
        'counted',
        'stats',
        request('POST', METHOD, {
          headers: ['content-type: application/grpc', 'te: trailers'],
          body: asked('shop').toString('latin1'),
        }),
      ),
    ],
  },
  (pair) => {
    test('times of gRPC have names', async () => {
      const [theirs, mine] = await figuresOfBoth(pair(), histograms);
      expect(theirs, 'Envoy').not.toEqual([]);
      expect(mine).toEqual(theirs);
    });

    test.each<[when: string, path: string, listener: string, status: number]>([
      ['failing', '/healthz', 'check', 503],
      ['failing', '/healthz', 'behind', 503],
      ['failing', '/healthz', 'enough', 503],
      ['failing', '/other', 'check', 200],
    ])('health checks %s: %s of %s', async (_when, path, listener, status) => {
      const { reference, ours } = pair();
      const one: Case = { name: '', listener, send: get(path), wants: { status } };
      await Promise.all([reference, ours].map((stand) => health(stand, 'fail')));
      const [theirs, mine] = await Promise.all([reference, ours].map((stand) => observe(stand, one, 'h')));
      await Promise.all([reference, ours].map((stand) => health(stand, 'ok')));
      expect(theirs!.responses[0]!.status).toBe(status);
      expect(mine).toEqual(theirs);
    });
  },
);

async function histograms(stand: Stand): Promise<string[]> {
  const response = await fetch(
    `http://127.0.0.1:${stand.portOf('admin')}/stats?type=Histograms&filter=RateLimitService.*rq_time`,
  );
  return (await response.text())
    .split('\n')
    .map((line) => line.replace(/:.*/, ''))
    .filter(Boolean)
    .sort();
}

async function health(stand: Stand, verdict: 'fail' | 'ok'): Promise<void> {
  await fetch(`http://127.0.0.1:${stand.portOf('admin')}/healthcheck/${verdict}`, { method: 'POST' });
}
