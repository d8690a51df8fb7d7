// Limits of time from routes, from request headers and from gRPC's deadlines, and what the upstream is told of them.
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, request, type Wants } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

/** Time-outs pass soon where nothing else is to happen, and late where something must happen before. */
const ROUTES: readonly (readonly [path: string, route: string])[] = [
  ['/plain', 'cluster: a'],
  ['/grpc-max', 'cluster: a, max_grpc_timeout: 2s'],
  ['/grpc-any', 'cluster: a, max_grpc_timeout: 0s, timeout: 3s'],
  ['/grpc-offset', 'cluster: a, max_grpc_timeout: 5s, grpc_timeout_offset: 0.1s'],
  ['/duration', 'cluster: a, max_stream_duration: { max_stream_duration: 0.2s }'],
  ['/duration-begun', 'cluster: a, max_stream_duration: { max_stream_duration: 1s }'],
  ['/duration-long', 'cluster: a, max_stream_duration: { max_stream_duration: 60s }'],
  ['/duration-and-timeout', 'cluster: a, timeout: 0.1s, max_stream_duration: { max_stream_duration: 0.4s }'],
  ['/duration-grpc', 'cluster: a, max_stream_duration: { grpc_timeout_header_max: 5s }'],
  [
    '/duration-grpc-cut',
    'cluster: a, max_stream_duration: { grpc_timeout_header_max: 0.2s, grpc_timeout_header_offset: 0.05s }',
  ],
  ['/try', 'cluster: a, timeout: 2s, retry_policy: { per_try_timeout: 0.2s }'],
  ['/try-longer', 'cluster: a, timeout: 0.2s, retry_policy: { per_try_timeout: 3s }'],
  ['/try-idle', 'cluster: a, timeout: 2s, retry_policy: { per_try_idle_timeout: 0.2s }'],
  ['/try-idle-begun', 'cluster: a, timeout: 5s, retry_policy: { per_try_idle_timeout: 1s }'],
  ['/try-idle-patient', 'cluster: a, timeout: 5s, retry_policy: { retry_on: 5xx, per_try_idle_timeout: 1s }'],
  ['/try-idle-retry', 'cluster: a, timeout: 2s, retry_policy: { retry_on: 5xx, per_try_idle_timeout: 0.2s }'],
];

const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const trusted = (router: string): string => `
use_remote_address: true
internal_address_config: { cidr_ranges: [{ address_prefix: 127.0.0.0, prefix_len: 8 }] }
http_filters: [{ name: envoy.filters.http.router, typed_config: { "@type": ${ROUTER}, ${router} } }]
`;

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
${ROUTES.map(([path, route]) => `    - { match: { path: ${path} }, route: { ${route} } }`).join('\n')}
`;

const hang = raw('', 'hang');
const begun = raw('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', 'hang');
const expected = 'x-envoy-expected-rq-timeout-ms';
const GRPC = 'content-type: application/grpc';

function slow(name: string, path: string, wants: Wants, ...headers: string[]): Case {
  return { name, send: get(path, ...headers), script: { a: [hang] }, wants };
}

function told(
  name: string,
  listener: string,
  path: string,
  seen: Record<string, string | null>,
  ...headers: string[]
): Case {
  return {
    name,
    listener,
    send: get(path, ...headers),
    wants: { status: 200, reached: ['a'], seen: { headers: seen } },
  };
}

compareWithEnvoy({
  name: 'timeouts',
  listeners: {
    front: {},
    limited: { manager: 'common_http_protocol_options: { max_stream_duration: 0.2s }' },
    inside: { manager: trusted('') },
    respecting: { manager: trusted('respect_expected_rq_timeout: true') },
    quiet: { manager: trusted('suppress_envoy_headers: true') },
    strict: {
      manager: trusted(
        'strict_check_headers: [x-envoy-upstream-rq-timeout-ms, x-envoy-upstream-rq-per-try-timeout-ms, x-envoy-max-retries, x-envoy-retry-on, x-envoy-retry-grpc-on]',
      ),
    },
  },
  virtualHosts,
  cases: [
    told('the default is told', 'front', '/plain', { [expected]: '15000' }),
    told(
      'no stranger sets a timeout',
      'front',
      '/plain',
      { [expected]: '15000' },
      'x-envoy-upstream-rq-timeout-ms: 100',
    ),
    told(
      'a trusted client sets a timeout',
      'inside',
      '/plain',
      { [expected]: '1234', 'x-envoy-upstream-rq-timeout-ms': null },
      'x-envoy-upstream-rq-timeout-ms: 1234',
    ),
    told('no timeout', 'inside', '/plain', { [expected]: null }, 'x-envoy-upstream-rq-timeout-ms: 0'),
    told(
      'a timeout that is no number',
      'inside',
      '/plain',
      { [expected]: '15000' },
      'x-envoy-upstream-rq-timeout-ms: 1s',
    ),
    told(
      'per try',
      'inside',
      '/plain',
      { [expected]: '500', 'x-envoy-upstream-rq-per-try-timeout-ms': null },
      'x-envoy-upstream-rq-per-try-timeout-ms: 500',
    ),
    told(
      'per try beyond the timeout is none',
      'inside',
      '/plain',
      { [expected]: '400' },
      'x-envoy-upstream-rq-timeout-ms: 400',
      'x-envoy-upstream-rq-per-try-timeout-ms: 500',
    ),
    told('what was expected before is not asked', 'inside', '/plain', { [expected]: '15000' }, `${expected}: 70`),
    told('what was expected before', 'respecting', '/plain', { [expected]: '700' }, `${expected}: 700`),
    told(
      'expected before comes first',
      'respecting',
      '/plain',
      { [expected]: '700' },
      `${expected}: 700`,
      'x-envoy-upstream-rq-timeout-ms: 900',
    ),
    told('nothing is added', 'quiet', '/plain', { [expected]: null }),
    told(
      'all control headers stay here',
      'inside',
      '/plain',
      {},
      'x-envoy-max-retries: 3',
      'x-envoy-retriable-status-codes: 418',
      'x-envoy-retriable-header-names: x-a',
      'x-envoy-hedge-on-per-try-timeout: true',
      'x-envoy-retry-on: 5xx',
      'x-envoy-retry-grpc-on: cancelled',
      'x-envoy-upstream-stream-duration-ms: 5000',
    ),
    {
      name: 'by a trusted client’s header',
      listener: 'inside',
      send: get('/plain', 'x-envoy-upstream-rq-timeout-ms: 200'),
      script: { a: [hang] },
      wants: { status: 504, body: 'upstream request timeout', flags: 'UT' },
    },
    ...[
      ['x-envoy-upstream-rq-timeout-ms: abc', 400],
      ['x-envoy-upstream-rq-per-try-timeout-ms: -1', 400],
      ['x-envoy-max-retries: one', 400],
      ['x-envoy-retry-on: 5xx,nonsense', 400],
      ['x-envoy-retry-on: 5xx,reset', 200],
      ['x-envoy-retry-grpc-on: 5xx', 400],
      ['x-envoy-retry-grpc-on: cancelled,internal', 200],
    ].map(
      ([header, status]): Case => ({
        name: `strict: ${header}`,
        listener: 'strict',
        send: get('/plain', String(header)),
        wants: { status: Number(status), flags: status === 400 ? 'IH' : '-' },
      }),
    ),
    slow('per try without retries', '/try', {
      status: 504,
      body: 'upstream request timeout',
      reached: ['a'],
      flags: 'UT',
    }),
    slow('per try longer than all', '/try-longer', { status: 504, reached: ['a'], flags: 'UT' }),
    slow('idle try', '/try-idle', { status: 504, reached: ['a'], flags: 'UT' }),
    slow('idle try, repeated', '/try-idle-retry', { status: 504, reached: ['a', 'a'], flags: 'URX UT' }),
    {
      name: 'idle in the response',
      send: get('/try-idle-begun'),
      script: { a: [begun] },
      wants: { status: '200 cut', reached: ['a'] },
    },
    {
      name: 'a try that answers in time',
      send: get('/try-idle-patient'),
      script: { a: [hang, respond({ body: 'late' })] },
      wants: { status: 200, body: 'late', reached: ['a', 'a'] },
    },
    slow('duration', '/duration', { status: 504, body: 'downstream duration timeout', reached: ['a'], flags: '-' }),
    {
      name: 'duration, in the request',
      send: 'POST /duration HTTP/1.1\r\nhost: test.local\r\nx-case: <case>\r\ncontent-length: 10\r\n\r\nhalf',
      wants: { status: 408, flags: '-' },
    },
    {
      name: 'duration, in the response',
      send: get('/duration-begun'),
      script: { a: [begun] },
      wants: { status: '200 cut', reached: ['a'], flags: '-' },
    },
    slow('a duration takes the place of the timeout', '/duration-and-timeout', { status: 504, flags: '-' }),
    told('a duration is not told', 'front', '/duration-long', { [expected]: null }),
    {
      name: 'duration of the manager',
      listener: 'limited',
      send: get('/plain'),
      script: { a: [hang] },
      wants: { status: 504, flags: '-' },
    },
    slow('duration by grpc-timeout', '/duration-grpc', { status: 504, flags: '-' }, 'grpc-timeout: 200m'),
    slow('duration by grpc-timeout, cut', '/duration-grpc-cut', { status: 504, flags: '-' }, 'grpc-timeout: 5S'),
    {
      name: 'duration of the upstream’s part, by header',
      listener: 'inside',
      send: get('/plain', 'x-envoy-upstream-stream-duration-ms: 200'),
      script: { a: [hang] },
      wants: { status: 504, body: 'upstream max stream duration reached', flags: 'UMSDR' },
    },
    told(
      'grpc: cut to the route’s',
      'front',
      '/grpc-max',
      { 'grpc-timeout': '2000m', [expected]: '2000' },
      GRPC,
      'grpc-timeout: 9S',
    ),
    told('grpc: no deadline', 'front', '/grpc-max', { 'grpc-timeout': '2000m', [expected]: '2000' }, GRPC),
    told(
      'grpc: the client’s',
      'front',
      '/grpc-any',
      { 'grpc-timeout': '1500m', [expected]: '1500' },
      GRPC,
      'grpc-timeout: 1500000u',
    ),
    told('grpc: none at all', 'front', '/grpc-any', { 'grpc-timeout': null, [expected]: null }, GRPC),
    told(
      'grpc: less than the client’s',
      'front',
      '/grpc-offset',
      { 'grpc-timeout': '900m', [expected]: '900' },
      GRPC,
      'grpc-timeout: 1S',
    ),
    told(
      'grpc: an offset that would leave nothing',
      'front',
      '/grpc-offset',
      { 'grpc-timeout': '50m' },
      GRPC,
      'grpc-timeout: 50m',
    ),
    told('not grpc', 'front', '/grpc-max', { 'grpc-timeout': '9S', [expected]: '15000' }, 'grpc-timeout: 9S'),
    {
      name: 'grpc: the deadline passes',
      send: request('POST', '/grpc-max', { headers: [GRPC, 'grpc-timeout: 200m'], body: 'x' }),
      script: { a: [hang] },
      wants: { status: 200, headers: { 'grpc-status': '14' }, flags: 'UT' },
    },
    {
      name: 'grpc: a duration passes',
      send: request('POST', '/duration-grpc', { headers: [GRPC, 'grpc-timeout: 200m'], body: 'x' }),
      script: { a: [hang] },
      wants: { status: 200, headers: { 'grpc-status': '4' }, flags: '-' },
    },
    {
      name: 'grpc: a duration passes, in the request',
      send: `POST /duration HTTP/1.1\r\nhost: test.local\r\nx-case: <case>\r\n${GRPC}\r\ncontent-length: 10\r\n\r\nhalf`,
      wants: { status: 200, headers: { 'grpc-status': '4' }, flags: '-' },
    },
    {
      name: 'grpc: the duration of the upstream’s part passes',
      listener: 'inside',
      send: request('POST', '/plain', { headers: [GRPC, 'x-envoy-upstream-stream-duration-ms: 200'], body: 'x' }),
      script: { a: [hang] },
      wants: { status: 200, headers: { 'grpc-status': '14' }, flags: 'UMSDR' },
    },
  ],
});
