// Retries beyond the first suite: words for gRPC, control headers, hedging, hosts that are left out, back-off that the upstream asks for; redirects followed inside.
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, request, type Wants } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const RETRY = 'type.googleapis.com/envoy.extensions.retry.host';
const REDIRECT = 'type.googleapis.com/envoy.extensions.internal_redirect';

const retry = (more: string): string => `cluster: a, timeout: 5s, retry_policy: { ${more} }`;
const follow = (more: string): string => `cluster: a, internal_redirect_policy: { ${more} }`;

const ROUTES: readonly (readonly [path: string, route: string])[] = [
  ['/plain', 'cluster: a'],
  ['/cancelled', retry('retry_on: cancelled')],
  ['/grpc', retry('retry_on: "deadline-exceeded,resource-exhausted,internal,unavailable", num_retries: 3')],
  ['/ratelimited', retry('retry_on: envoy-ratelimited')],
  ['/only-safe', retry('retry_on: 5xx, retriable_request_headers: [{ name: x-safe }]')],
  ['/codes', retry('retry_on: "retriable-status-codes", retriable_status_codes: [418]')],
  [
    '/reset-after',
    retry(
      'retry_on: 5xx, rate_limited_retry_back_off: { reset_headers: [{ name: retry-after, format: SECONDS }], max_interval: 2s }, retry_back_off: { base_interval: 0.001s }',
    ),
  ],
  [
    '/hedge',
    `${retry('retry_on: 5xx, num_retries: 2, per_try_timeout: 0.7s')}, hedge_policy: { hedge_on_per_try_timeout: true }`,
  ],
  [
    '/hedge-all-slow',
    'cluster: a, timeout: 0.7s, hedge_policy: { hedge_on_per_try_timeout: true }, retry_policy: { retry_on: 5xx, num_retries: 1, per_try_timeout: 0.2s }',
  ],
  [
    '/canary',
    `cluster: canary, retry_policy: { retry_on: 5xx, num_retries: 4, host_selection_retry_max_attempts: 20, retry_host_predicate: [{ name: envoy.retry_host_predicates.omit_canary_hosts, typed_config: { "@type": ${RETRY}.omit_canary_hosts.v3.OmitCanaryHostsPredicate } }] }`,
  ],
  ['/one-redirect', follow('max_internal_redirects: 1')],
  ['/three-redirects', follow('max_internal_redirects: 3, redirect_response_codes: [301, 302, 303, 307]')],
  ['/cross-scheme', follow('allow_cross_scheme_redirect: true')],
  ['/copy', follow('response_headers_to_copy: [x-copied, x-missing]')],
  [
    '/allowed',
    follow(
      `predicates: [{ name: p, typed_config: { "@type": ${REDIRECT}.allow_listed_routes.v3.AllowListedRoutesConfig, allowed_route_names: [target] } }]`,
    ),
  ],
  [
    '/not-twice',
    follow(
      `max_internal_redirects: 5, predicates: [{ name: p, typed_config: { "@type": ${REDIRECT}.previous_routes.v3.PreviousRoutesConfig } }]`,
    ),
  ],
];

const virtualHosts = `
- name: counted
  domains: [counted.test]
  include_request_attempt_count: true
  include_attempt_count_in_response: true
  include_is_timeout_retry_header: true
  routes:
    - match: { path: /counted }
      route: { ${retry('retry_on: 5xx, num_retries: 2, per_try_timeout: 0.7s')} }
    - match: { path: /refused }
      route: { cluster: refused, retry_policy: { retry_on: connect-failure, num_retries: 1 } }
    - match: { path: /empty }
      route: { cluster: empty }
- name: named
  domains: [named.test]
  routes: [{ match: { prefix: / }, route: { cluster: named, auto_host_rewrite: true, append_x_forwarded_host: true } }]
- name: inherits
  domains: [inherits.test]
  retry_policy: { retry_on: 5xx, num_retries: 1 }
  routes: [{ match: { prefix: / }, route: { cluster: a } }]
- name: small
  domains: [small.test]
  request_body_buffer_limit: 10
  routes: [{ match: { prefix: / }, route: { ${retry('retry_on: 5xx')} } }]
- name: all
  domains: ["*"]
  routes:
    - { name: target, match: { path: /target }, route: { cluster: b } }
    - { name: gone, match: { path: /gone }, direct_response: { status: 410 } }
${ROUTES.map(([path, route]) => `    - { name: ${path.slice(1)}, match: { path: ${path} }, route: { ${route} } }`).join('\n')}
`;

const endpoint = (port: string, canary: boolean): string =>
  `{ metadata: { filter_metadata: { envoy.lb: { canary: ${canary} } } }, endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }`;
const clusters = `
- name: named
  connect_timeout: 1s
  type: STATIC
  load_assignment: { cluster_name: named, endpoints: [{ lb_endpoints: [{ endpoint: { hostname: up.test, address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] }
- name: canary
  connect_timeout: 1s
  type: STATIC
  load_assignment: { cluster_name: canary, endpoints: [{ lb_endpoints: [${endpoint('<a>', true)}] }] }
`;

const busy = respond({ status: 503, reason: 'Service Unavailable', body: 'busy' });
const fine = respond({ body: 'fine' });
const hang = raw('', 'hang');
const GRPC = 'content-type: application/grpc';
const grpcStatus = (code: number) =>
  respond({ headers: { 'content-type': 'application/grpc', 'grpc-status': String(code) } });
const times = (count: number): string[] => Array.from({ length: count }, () => 'a');
const moved = (location: string, status = 302, headers = {}) =>
  respond({ status, reason: 'Found', headers: { location, ...headers } });

function a(name: string, path: string, script: ReturnType<typeof respond>[], wants: Wants, ...headers: string[]): Case {
  return { name, send: get(path, ...headers), script: { a: script }, wants };
}

function inside(name: string, script: ReturnType<typeof respond>[], wants: Wants, ...headers: string[]): Case {
  return { ...a(name, '/plain', script, wants, ...headers), listener: 'inside' };
}

function at(
  host: string,
  name: string,
  path: string,
  script: ReturnType<typeof respond>[],
  wants: Wants,
  body?: string,
): Case {
  const send = request(body === undefined ? 'GET' : 'POST', path, { host, ...(body === undefined ? {} : { body }) });
  return { name, send, script: { a: script }, wants };
}

compareWithEnvoy({
  name: 'retries',
  listeners: {
    front: {},
    inside: {
      manager: `
use_remote_address: true
internal_address_config: { cidr_ranges: [{ address_prefix: 127.0.0.0, prefix_len: 8 }] }
http_filters: [{ name: envoy.filters.http.router, typed_config: { "@type": ${ROUTER} } }]`,
    },
  },
  virtualHosts,
  clusters,
  cases: [
    a(
      'cancelled',
      '/cancelled',
      [grpcStatus(1), grpcStatus(0)],
      { status: 200, reached: times(2), headers: { 'grpc-status': '0' } },
      GRPC,
    ),
    a(
      'not cancelled',
      '/cancelled',
      [grpcStatus(14)],
      { status: 200, reached: times(1), headers: { 'grpc-status': '14' } },
      GRPC,
    ),
    a(
      'all of gRPC’s',
      '/grpc',
      [grpcStatus(4), grpcStatus(8), grpcStatus(13), grpcStatus(14)],
      { status: 200, reached: times(4), flags: 'URX' },
      GRPC,
    ),
    a(
      'a rate limit is retried where it is asked for',
      '/ratelimited',
      [respond({ status: 429, reason: 'x', headers: { 'x-envoy-ratelimited': 'true' } }), fine],
      { status: 200, reached: times(2) },
    ),
    a('another 429 is not', '/ratelimited', [respond({ status: 429, reason: 'x' })], {
      status: 429,
      reached: times(1),
    }),
    a('only requests that may', '/only-safe', [busy], { status: 503, reached: times(1), flags: '-' }),
    a('requests that may', '/only-safe', [busy, fine], { status: 200, reached: times(2) }, 'x-safe: yes'),
    a(
      'a stranger’s wishes are not heard',
      '/plain',
      [busy],
      { status: 503, reached: times(1) },
      'x-envoy-retry-on: 5xx',
    ),
    inside('a trusted client’s are', [busy, fine], { status: 200, reached: times(2) }, 'x-envoy-retry-on: 5xx'),
    inside(
      'how often',
      [busy],
      { status: 503, reached: times(4), flags: 'URX' },
      'x-envoy-retry-on: 5xx',
      'x-envoy-max-retries: 3',
    ),
    inside(
      'never',
      [busy],
      { status: 503, reached: times(1), flags: 'URX' },
      'x-envoy-retry-on: 5xx',
      'x-envoy-max-retries: 0',
    ),
    inside(
      'words that nobody knows',
      [busy],
      { status: 503, reached: times(1), flags: '-' },
      'x-envoy-retry-on: often',
    ),
    inside(
      'codes',
      [respond({ status: 418, reason: 'x' }), fine],
      { status: 200, reached: times(2) },
      'x-envoy-retry-on: retriable-status-codes',
      'x-envoy-retriable-status-codes: 418,500',
    ),
    inside(
      'headers',
      [respond({ headers: { 'x-again': '1' } }), fine],
      { status: 200, body: 'fine', reached: times(2) },
      'x-envoy-retry-on: retriable-headers',
      'x-envoy-retriable-header-names: X-Again',
    ),
    inside(
      'gRPC’s words',
      [grpcStatus(14), grpcStatus(0)],
      { status: 200, reached: times(2) },
      GRPC,
      'x-envoy-retry-grpc-on: unavailable',
    ),
    inside(
      'per try',
      [hang, fine],
      { status: 200, reached: times(2) },
      'x-envoy-retry-on: 5xx',
      'x-envoy-upstream-rq-per-try-timeout-ms: 700',
    ),
    inside(
      'hedged',
      [hang, fine],
      { status: 200, reached: times(2) },
      'x-envoy-retry-on: 5xx',
      'x-envoy-upstream-rq-per-try-timeout-ms: 700',
      'x-envoy-hedge-on-per-try-timeout: true',
    ),
    a(
      'the upstream says when',
      '/reset-after',
      [respond({ status: 503, reason: 'x', headers: { 'retry-after': '1' } }), fine],
      { status: 200, reached: times(2) },
    ),
    a(
      'the upstream says too late',
      '/reset-after',
      [respond({ status: 503, reason: 'x', headers: { 'retry-after': '9' } }), fine],
      { status: 200, reached: times(2) },
    ),
    a('another beside the slow one', '/hedge', [hang, fine], {
      status: 200,
      body: 'fine',
      reached: times(2),
      flags: '-',
    }),
    a('a bad answer of the other', '/hedge', [hang, busy, fine], {
      status: 200,
      body: 'fine',
      reached: times(3),
      flags: '-',
    }),
    a('all are slow', '/hedge-all-slow', [hang], {
      status: 504,
      body: 'upstream request timeout',
      reached: times(2),
      flags: 'URX UT',
    }),
    at('counted.test', 'attempts are counted', '/counted', [busy, fine], {
      status: 200,
      reached: times(2),
      headers: { 'x-envoy-attempt-count': '2' },
    }),
    at('counted.test', 'a late attempt is', '/counted', [hang, fine], {
      status: 200,
      reached: times(2),
      headers: { 'x-envoy-attempt-count': '2' },
    }),
    at('counted.test', 'attempts that all fail', '/refused', [], {
      status: 503,
      reached: [],
      headers: { 'x-envoy-attempt-count': '2' },
    }),
    at('counted.test', 'no attempt', '/empty', [], { status: 503, reached: [] }),
    at('named.test', 'the endpoint’s own name', '/', [fine], {
      status: 200,
      seen: { headers: { host: 'up.test', 'x-forwarded-host': 'named.test' } },
    }),
    at('inherits.test', 'of the virtual host', '/', [busy, fine], { status: 200, reached: times(2) }),
    at('small.test', 'a body that is too large', '/', [busy, fine], { status: 503, reached: times(1) }, 'twelve bytes'),
    at('small.test', 'a body that is not', '/', [busy, fine], { status: 200, reached: times(2) }, 'few bytes'),
    {
      name: 'canaries only: any will do',
      send: get('/canary'),
      script: { a: [busy] },
      wants: { status: 503, reached: times(5), flags: 'URX' },
    },
    a('a redirect is followed', '/one-redirect', [moved('http://test.local/target?q#f')], {
      status: 200,
      body: 'b',
      reached: ['a', 'b'],
    }),
    a('not a second', '/one-redirect', [moved('http://test.local/one-redirect')], { status: 302, reached: times(2) }),
    a('up to three', '/three-redirects', [moved('http://test.local/three-redirects')], {
      status: 302,
      reached: times(4),
    }),
    a('a redirect to a direct response', '/one-redirect', [moved('http://test.local/gone')], {
      status: 410,
      reached: times(1),
    }),
    a('another code', '/one-redirect', [moved('http://test.local/target', 307)], { status: 307, reached: times(1) }),
    a('to no route', '/one-redirect', [moved('http://test.local/nowhere')], { status: 302, reached: times(1) }),
    a('to a path alone', '/one-redirect', [moved('/target')], { status: 302, reached: times(1) }),
    a('without a place', '/one-redirect', [respond({ status: 302, reason: 'Found' })], {
      status: 302,
      reached: times(1),
    }),
    a('to another scheme', '/one-redirect', [moved('https://test.local/target')], { status: 302, reached: times(1) }),
    a('to another scheme, allowed', '/cross-scheme', [moved('https://test.local/target')], {
      status: 200,
      reached: ['a', 'b'],
    }),
    a(
      'headers are copied',
      '/copy',
      [moved('http://test.local/target', 302, { 'x-copied': 'new' })],
      { status: 200, reached: ['a', 'b'] },
      'x-copied: old',
      'x-missing: old',
    ),
    a('an allowed route', '/allowed', [moved('http://test.local/target')], { status: 200, reached: ['a', 'b'] }),
    a('a route that is not', '/allowed', [moved('http://test.local/gone')], { status: 302, reached: times(1) }),
    a('to the same route once', '/not-twice', [moved('http://test.local/not-twice')], {
      status: 302,
      reached: times(2),
    }),
    {
      name: 'a redirected body',
      send: request('POST', '/three-redirects', { body: 'body' }),
      script: { a: [moved('http://test.local/target', 307)] },
      wants: { status: 200, reached: ['a', 'b'] },
    },
    {
      name: 'a 303 is fetched',
      send: request('POST', '/three-redirects', { body: 'body' }),
      script: { a: [moved('http://test.local/target', 303)] },
      wants: { status: 200, reached: ['a', 'b'] },
    },
  ],
});
