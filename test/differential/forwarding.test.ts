// What happens when upstreams fail: retries, timeouts, early ends, clusters without endpoints.
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, request, type Wants } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const ROUTES: readonly (readonly [path: string, route: string])[] = [
  ['/plain', 'cluster: a'],
  ['/refused', 'cluster: refused'],
  ['/empty', 'cluster: empty'],
  ['/missing', 'cluster: missing'],
  ['/missing-404', 'cluster: missing, cluster_not_found_response_code: NOT_FOUND'],
  ['/missing-500', 'cluster: missing, cluster_not_found_response_code: INTERNAL_SERVER_ERROR'],
  ['/by-header', 'cluster_header: x-cluster'],
  ['/timeout', 'cluster: a, timeout: 0.2s'],
  // Something must happen before these pass.
  ['/timeout-begun', 'cluster: a, timeout: 1s'],
  ['/timeout-told', 'cluster: a, timeout: 7s'],
  ['/no-timeout', 'cluster: a, timeout: 0s'],
  ['/idle', 'cluster: a, timeout: 0s, idle_timeout: 0.2s'],
  ['/r-5xx', 'cluster: a, retry_policy: { retry_on: 5xx, num_retries: 2 }'],
  ['/r-gateway', 'cluster: a, retry_policy: { retry_on: gateway-error, num_retries: 2 }'],
  ['/r-4xx', 'cluster: a, retry_policy: { retry_on: retriable-4xx, num_retries: 1 }'],
  [
    '/r-status',
    'cluster: a, retry_policy: { retry_on: retriable-status-codes, retriable_status_codes: [418], num_retries: 1 }',
  ],
  [
    '/r-header',
    'cluster: a, retry_policy: { retry_on: retriable-headers, retriable_headers: [{ name: x-again, present_match: true }], num_retries: 1 }',
  ],
  ['/r-reset', 'cluster: a, retry_policy: { retry_on: reset, num_retries: 2 }'],
  ['/r-before', 'cluster: a, retry_policy: { retry_on: reset-before-request, num_retries: 2 }'],
  ['/r-connect', 'cluster: mixed, timeout: 0s, retry_policy: { retry_on: connect-failure, num_retries: 3 }'],
  ['/r-refused', 'cluster: refused, retry_policy: { retry_on: connect-failure, num_retries: 2 }'],
  ['/r-try', 'cluster: a, retry_policy: { retry_on: 5xx, num_retries: 1, per_try_timeout: 0.7s }'],
  [
    '/r-try-only',
    'cluster: a, timeout: 5s, retry_policy: { retry_on: connect-failure, num_retries: 1, per_try_timeout: 0.2s }',
  ],
  ['/r-default', 'cluster: a, retry_policy: { retry_on: 5xx }'],
];

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
${ROUTES.map(([path, route]) => `    - { match: { path: ${path} }, route: { ${route} } }`).join('\n')}
    - match: { path: /r-elsewhere }
      route:
        cluster: two
        timeout: 0s
        retry_policy:
          retry_on: 5xx
          num_retries: 1
          host_selection_retry_max_attempts: 5
          retry_host_predicate:
            - name: envoy.retry_host_predicates.previous_hosts
              typed_config: { "@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate }
`;

const endpoint = (port: string): string =>
  `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }`;
const clusters = `
- name: mixed
  connect_timeout: 1s
  type: STATIC
  load_assignment: { cluster_name: mixed, endpoints: [{ lb_endpoints: [${endpoint('<dead>')}, ${endpoint('<a>')}] }] }
- name: two
  connect_timeout: 1s
  type: STATIC
  load_assignment: { cluster_name: two, endpoints: [{ lb_endpoints: [${endpoint('<a>')}, ${endpoint('<b>')}] }] }
`;

const fail = respond({ status: 503, reason: 'Service Unavailable', body: 'busy' });
const fine = respond({ body: 'fine' });
const hang = raw('', 'hang');
const OK = 'HTTP/1.1 200 OK\r\n';

function a(name: string, path: string, replies: Parameters<typeof script>, wants: Wants, ...headers: string[]): Case {
  return { name, send: get(path, ...headers), script: script(...replies), wants };
}

function script(...replies: ReturnType<typeof respond>[]) {
  return { a: replies };
}

const times = (count: number): string[] => Array.from({ length: count }, () => 'a');

compareWithEnvoy({
  name: 'forwarding',
  virtualHosts,
  routeConfiguration: '{ validate_clusters: false }',
  clusters,
  cases: [
    a('passes an answer on', '/plain', [respond({ status: 418, reason: "I'm a teapot", body: 'short' })], {
      status: 418,
      body: 'short',
      reached: ['a'],
      flags: '-',
    }),
    a('passes a 503 on without retry policy', '/plain', [fail], {
      status: 503,
      body: 'busy',
      reached: ['a'],
      flags: '-',
    }),
    { name: 'nobody listens', send: get('/refused'), wants: { status: 503, reached: [], flags: 'UF' } },
    {
      name: 'no endpoint',
      send: get('/empty'),
      wants: { status: 503, body: 'no healthy upstream', reached: [], flags: 'UH' },
    },
    { name: 'no such cluster', send: get('/missing'), wants: { status: 503, reached: [], flags: 'NC' } },
    { name: 'no such cluster as 404', send: get('/missing-404'), wants: { status: 404, reached: [] } },
    { name: 'no such cluster as 500', send: get('/missing-500'), wants: { status: 500, reached: [] } },
    { name: 'cluster from a header', send: get('/by-header', 'x-cluster: b'), wants: { status: 200, reached: ['b'] } },
    { name: 'cluster from a header that is missing', send: get('/by-header'), wants: { status: 503, reached: [] } },
    {
      name: 'failures leave the connection usable',
      send: [get('/refused'), get('/empty'), get('/missing'), get('/plain')],
      wants: { status: [503, 503, 503, 200], reached: ['a'] },
    },
    {
      name: 'failure of a POST leaves the connection usable',
      send: [request('POST', '/refused', { body: 'abc' }), get('/plain')],
      wants: { status: [503, 200] },
    },
    a('timeout', '/timeout', [hang], { status: 504, body: 'upstream request timeout', reached: ['a'], flags: 'UT' }),
    a('timeout in the body', '/timeout-begun', [raw(`${OK}content-length: 10\r\n\r\nabc`, 'hang')], {
      status: '200 cut',
      reached: ['a'],
    }),
    a('expected timeout for the upstream', '/timeout-told', [fine], {
      status: 200,
      seen: { headers: { 'x-envoy-expected-rq-timeout-ms': '7000' } },
    }),
    a(
      'a timeout that a client asks for does not count',
      '/plain',
      [fine],
      { status: 200, seen: { headers: { 'x-envoy-expected-rq-timeout-ms': '15000' } } },

      'x-envoy-upstream-rq-timeout-ms: 150',
    ),
    a('no timeout, nothing expected', '/no-timeout', [fine], {
      status: 200,
      seen: { headers: { 'x-envoy-expected-rq-timeout-ms': null } },
    }),
    a('idle', '/idle', [hang], { status: 504, reached: ['a'] }),
    a('retry until it works', '/r-5xx', [fail, fail, fine], {
      status: 200,
      body: 'fine',
      reached: times(3),
      flags: '-',
    }),
    a('retries run out', '/r-5xx', [fail], { status: 503, body: 'busy', reached: times(3), flags: 'URX' }),
    a('no retry of a 4xx', '/r-5xx', [respond({ status: 404 })], { status: 404, reached: ['a'] }),
    a('retry of a 500', '/r-5xx', [respond({ status: 500 }), fine], { status: 200, reached: times(2) }),
    a('gateway errors only: 500', '/r-gateway', [respond({ status: 500 })], { status: 500, reached: ['a'] }),
    a('gateway errors only: 502', '/r-gateway', [respond({ status: 502 }), fine], { status: 200, reached: times(2) }),
    a('a conflict may be retried', '/r-4xx', [respond({ status: 409 }), fine], { status: 200, reached: times(2) }),
    a('another 4xx may not', '/r-4xx', [respond({ status: 400 })], { status: 400, reached: ['a'] }),
    a('a status of the list', '/r-status', [respond({ status: 418 }), fine], { status: 200, reached: times(2) }),
    a('a status not on the list', '/r-status', [fail], { status: 503, reached: ['a'] }),
    a('a header of the answer', '/r-header', [respond({ headers: { 'x-again': '1' } }), fine], {
      status: 200,
      body: 'fine',
      reached: times(2),
    }),
    a('one retry by default', '/r-default', [fail], { status: 503, reached: times(2) }),
    a(
      'retries that a client asks for do not count',
      '/plain',
      [fail, fine],
      { status: 503, reached: ['a'] },

      'x-envoy-retry-on: 5xx',
    ),
    a('retry after a reset', '/r-reset', [raw('', 'reset'), fine], { status: 200, reached: times(2) }),
    a('retry after an early end', '/r-reset', [raw('', 'close'), fine], { status: 200, reached: times(2) }),
    a('no retry once the request was sent', '/r-before', [raw('', 'reset')], { status: 503, reached: ['a'] }),
    a('no retry once the head has passed', '/r-reset', [raw(`${OK}content-length: 9\r\n\r\nabc`, 'reset')], {
      status: '200 cut',
      reached: ['a'],
    }),
    a('a connection that fails is retried on another', '/r-connect', [fine], { status: 200, reached: ['a'] }),
    {
      name: 'retries of refused connections run out',
      send: get('/r-refused'),
      wants: { status: 503, reached: [], flags: 'UF URX' },
    },
    a('time of one try', '/r-try', [hang, fine], { status: 200, body: 'fine', reached: times(2) }),
    a('time of every try', '/r-try', [hang], { status: 504, reached: times(2) }),
    a('time of one try that may not be retried', '/r-try-only', [hang], { status: 504, reached: ['a'] }),
    {
      name: 'a retried POST sends its body again',
      send: request('POST', '/r-5xx', { body: 'payload' }),
      script: script(fail, fine),
      wants: { status: 200, reached: times(2) },
    },
    {
      name: 'a retry avoids who failed',
      send: get('/r-elsewhere'),
      script: { a: [fail], b: [fail] },
      wants: { status: 503, reached: ['a', 'b'] },
    },
    a('a reset before the head', '/plain', [raw('', 'reset')], { status: 503, reached: ['a'], flags: 'UC' }),
    a('an end before the head', '/plain', [raw('', 'close')], { status: 503, reached: ['a'], flags: 'UC' }),
    a('an end in the head', '/plain', [raw(`${OK}x-half`, 'close')], { status: 502, reached: ['a'] }),
    a('an end in a counted body', '/plain', [raw(`${OK}content-length: 9\r\n\r\nabc`, 'close')], {
      status: '200 cut',
      reached: ['a'],
    }),
    a('an end in chunks', '/plain', [raw(`${OK}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`, 'close')], {
      status: '200 cut',
      reached: ['a'],
    }),
    a('an end that is the end of the body', '/plain', [raw(`${OK}\r\nabc`, 'close')], {
      status: 200,
      body: 'abc',
      reached: ['a'],
    }),
    a('a body to the end from HTTP/1.0', '/plain', [raw('HTTP/1.0 200 OK\r\n\r\nabc', 'close')], {
      status: 200,
      body: 'abc',
      reached: ['a'],
    }),
    a('garbage', '/plain', [raw('SSH-2.0-OpenSSH_9.2\r\n', 'hang')], { status: 502, reached: ['a'], flags: 'UPE' }),
    a('a version that is none', '/plain', [raw('HTTP/9.9 200 OK\r\n\r\n', 'close')], { status: 200, reached: ['a'] }),
    a('two lengths', '/plain', [raw(`${OK}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd`)], {
      status: 502,
      reached: ['a'],
    }),
    a('length and chunks', '/plain', [raw(`${OK}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`)], {
      status: 502,
      reached: ['a'],
    }),
    a('a chunk size that is none', '/plain', [raw(`${OK}transfer-encoding: chunked\r\n\r\nxyz\r\n`)], {
      status: '200 cut',
      reached: ['a'],
    }),
    a('a header with a NUL', '/plain', [raw(`${OK}x-a: b\0c\r\ncontent-length: 0\r\n\r\n`)], {
      status: 502,
      reached: ['a'],
    }),
    a(
      'interim responses',
      '/plain',
      [raw(`HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${OK}content-length: 2\r\n\r\nhi`)],
      { status: 200, body: 'hi' },
    ),
    a(
      'a connection that the upstream closes is not used again',
      '/plain',
      [raw(`${OK}connection: close\r\ncontent-length: 2\r\n\r\nhi`, 'close')],
      { status: 200, body: 'hi' },
    ),
    {
      name: 'an answer before the whole request',
      send: 'POST /plain HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody',
      script: script(respond({ status: 413 })),
      wants: { status: 413 },
    },
  ],
});
