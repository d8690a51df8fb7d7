// What a connection manager makes of heads before routing: paths, hosts, schemes, ports, names of nodes, and what clients are told.
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, lines, request, type Wants } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const virtualHosts = `
- name: plain
  domains: [plain.test]
  routes:
    - { match: { prefix: /a/b }, route: { cluster: a } }
    - { match: { prefix: / }, route: { cluster: b } }
- name: all
  domains: ['*']
  routes:
    - { match: { path: /direct }, direct_response: { status: 200, body: { inline_string: direct } } }
    - { match: { prefix: /a/b }, route: { cluster: a } }
    - { match: { prefix: / }, route: { cluster: b } }
`;

const listeners = {
  rejecting: 'path_with_escaped_slashes_action: REJECT_REQUEST',
  redirecting: 'path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT',
  forwarding: 'path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD',
  keeping: 'path_with_escaped_slashes_action: KEEP_UNCHANGED',
  thorough: '{ path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT, normalize_path: true, merge_slashes: true }',
  unported: 'strip_any_host_port: true',
  matching: 'strip_matching_host_port: true',
  undotted: 'strip_trailing_host_dot: true',
  bare: '{ strip_any_host_port: true, strip_trailing_host_dot: true }',
  schemed: 'scheme_header_transformation: { scheme_to_overwrite: https }',
  ported: 'append_x_forwarded_port: true',
  edged: '{ append_x_forwarded_port: true, use_remote_address: true }',
  trusting: '{ append_x_forwarded_port: true, use_remote_address: true, xff_num_trusted_hops: 1 }',
  named: 'add_user_agent: true',
  answering: 'always_set_request_id_in_response: true',
  dropping: 'common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER }',
  picky: 'common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }',
  lenient: 'stream_error_on_invalid_http_message: true',
  overridden:
    '{ stream_error_on_invalid_http_message: false, http_protocol_options: { override_stream_error_on_invalid_http_message: true } }',
  continuing: 'proxy_100_continue: true',
  methodical: 'http_protocol_options: { allow_custom_methods: true }',
  old: 'http_protocol_options: { accept_http_10: true, default_host_for_http_10: plain.test }',
  older: 'http_protocol_options: { accept_http_10: true }',
};

function at(
  listener: keyof typeof listeners,
  name: string,
  send: Case['send'],
  wants: Wants,
  more: Partial<Case> = {},
): Case {
  return { name: `${listener}: ${name}`, listener, send, wants, ...more };
}

const ESCAPED = ['/a%2Fb', '/a%2fb?x=%2F', '/a%5Cb', '/x/..%2fa%2Fb', '/a%2F%2fb', '/a/b?x=%2F', '/a%2', '/plain'];
const slashes = (listener: keyof typeof listeners) =>
  ESCAPED.map((path) => at(listener, path, get(path), { status: statusOf(listener, path) }));
/** Of an escaped slash in the path. */
function statusOf(listener: keyof typeof listeners, path: string): number {
  if (!/^[^?]*%(2f|5c)/i.test(path)) return 200;
  return listener === 'rejecting' ? 400 : listener === 'forwarding' || listener === 'keeping' ? 200 : 307;
}

const toHost = (host: string) => request('GET', '/a/b', { host });
const HOSTS = [
  'plain.test',
  'plain.test:80',
  'plain.test:<matching>',
  'plain.test.',
  'plain.test.:81',
  'plain.test:',
  'plain.test:x',
  '[::1]:80',
  '[::1]',
  '.',
];
const hosts = (listener: keyof typeof listeners) =>
  HOSTS.map((host) => at(listener, host, toHost(host), { status: 200, reached: ['a'] }));
const headed = (listener: keyof typeof listeners, ...headers: string[]) =>
  at(listener, headers.join(', ') || 'nothing said', get('/a/b', ...headers), { status: 200, reached: ['a'] });
const BAD = lines('GET /a#b HTTP/1.1', 'host: x', '', '');
const UPLOAD = lines(
  'POST /a/b HTTP/1.1',
  'host: x',
  'x-case: <case>',
  'expect: 100-continue',
  'content-length: 2',
  '',
  'hi',
);

compareWithEnvoy({
  name: 'head rules',
  listeners: Object.fromEntries(Object.entries(listeners).map(([name, manager]) => [name, { manager }])),
  virtualHosts,
  statistics: /path_normalization|normalized_path/,
  cases: [
    ...(['rejecting', 'redirecting', 'forwarding', 'keeping', 'thorough'] as const).flatMap(slashes),
    ...(['unported', 'matching', 'undotted', 'bare'] as const).flatMap(hosts),
    headed('schemed'),
    headed('schemed', 'x-forwarded-proto: http'),
    ...(['ported', 'edged', 'trusting'] as const).flatMap((one) => [headed(one), headed(one, 'x-forwarded-port: 7')]),
    headed('named'),
    headed('named', 'user-agent: curl', 'x-envoy-downstream-service-cluster: me'),
    headed('dropping', 'x_a: 1', 'x-b: 2', 'x-c_: 3'),
    headed('picky', 'x-a: _'),
    at('picky', 'an underscore', get('/a/b', 'x-b: 2', 'x_a: 1'), { status: 400, reached: [] }, { closes: true }),
    headed('answering', 'x-request-id: 7'),
    at('answering', 'an answer of its own', get('/direct', 'x-request-id: 7'), { status: 200 }),
    at(
      'answering',
      'an id of the upstream',
      get('/a/b', 'x-request-id: 7'),
      { status: 200 },
      { script: { a: [respond({ status: 200, headers: { 'x-request-id': '8' } })] } },
    ),
    ...(['lenient', 'overridden', 'keeping'] as const).map((one) =>
      at(one, 'a bad request', [BAD, get('/direct')], { status: one === 'keeping' ? [400, 'closed'] : [400, 200] }),
    ),
    at(
      'continuing',
      'an expectation that the upstream meets',
      UPLOAD,
      { status: 200 },
      { script: { a: [raw('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')] } },
    ),
    at('continuing', 'an expectation that the upstream overhears', UPLOAD, { status: 200 }),
    at(
      'continuing',
      'an expectation that the upstream refuses',
      UPLOAD,
      { status: 417 },
      { script: { a: [respond({ status: 417 })] } },
    ),
    at('methodical', 'an unknown method', lines('FROB /a/b HTTP/1.1', 'host: x', 'x-case: <case>', '', ''), {
      status: 200,
    }),
    at('methodical', 'no method', lines('FR(OB /a/b HTTP/1.1', 'host: x', '', ''), { status: 400 }, { closes: true }),
    at('old', 'no host', 'GET /a/b HTTP/1.0\r\nx-case: <case>\r\n\r\n', { status: 200 }, { closes: true }),
    at('old', 'no host in HTTP/1.1', 'GET /a/b HTTP/1.1\r\nx-case: <case>\r\n\r\n', { status: 400 }, { closes: true }),
    at('older', 'no host', 'GET /a/b HTTP/1.0\r\nx-case: <case>\r\n\r\n', { status: 400 }, { closes: true }),
  ],
});
