// HTTP/1.1 on the wire: framing, limits, what is refused, what a connection survives.
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, lines, request, type Wants } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { path: /direct }, direct_response: { status: 200, body: { inline_string: direct } } }
    - { match: { path: /tunnel }, route: { cluster: a, upgrade_configs: [{ upgrade_type: CONNECT, connect_config: { allow_post: true } }] } }
    - { match: { path: /strict }, route: { cluster: strict } }
    - { match: { prefix: / }, route: { cluster: a } }
`;

const CHUNKED = 'transfer-encoding: chunked';
const OK = 'HTTP/1.1 200 OK\r\n';

function wire(name: string, send: string, wants: Wants, more: Partial<Case> = {}): Case {
  return { name, send, wants, ...more };
}

/** Refused with 400, the connection closed, nothing passed on. */
function refused(name: string, ...all: string[]): Case {
  return { name, send: lines(...all), closes: true, wants: { status: 400, reached: [] } };
}

/** Envoy passes it on; ours refuses it as the RFC has it (see accepted.ts). */
function lenient(name: string, ...all: string[]): Case {
  return { name, send: lines(...all), wants: { status: 200, reached: ['a'] } };
}

function unimplemented(name: string, status: number, ...all: string[]): Case {
  return { name, send: lines(...all), closes: true, wants: { status, reached: [] } };
}

function answered(name: string, reply: string, wants: Wants, method = 'GET'): Case {
  return { name, send: request(method, '/'), script: { a: [raw(reply)] }, wants };
}

const EXTENSION = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
/** Takes heads of 20 fields and 8 KiB. */
const strict = `{ name: strict, type: STATIC, connect_timeout: 1s, typed_extension_protocol_options: { ${EXTENSION}: { "@type": type.googleapis.com/${EXTENSION}, common_http_protocol_options: { max_headers_count: 20, max_response_headers_kb: 8 }, explicit_http_config: { http_protocol_options: {} } } }, load_assignment: { cluster_name: strict, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] } }`;

function limited(name: string, status: number, ...headers: string[]): Case {
  const reply = `${OK}${[...headers, 'content-length: 0'].join('\r\n')}\r\n\r\n`;
  return {
    name: `answer to a strict cluster: ${name}`,
    send: get('/strict'),
    script: { a: [raw(reply)] },
    wants: { status },
  };
}

const head = (...headers: string[]): string[] => ['POST / HTTP/1.1', 'host: x', ...headers];

compareWithEnvoy({
  name: 'protocol',
  listeners: {
    front: {},
    old: { manager: '{ http_protocol_options: { accept_http_10: true } }' },
    small: { manager: '{ max_request_headers_kb: 8, common_http_protocol_options: { max_headers_count: 20 } }' },
    hasty: { manager: '{ request_headers_timeout: 0.3s, request_timeout: 0.4s }' },
    brief: { manager: '{ common_http_protocol_options: { idle_timeout: 0.3s }, drain_timeout: 0.1s }' },
    lasting: { manager: '{ common_http_protocol_options: { max_stream_duration: 0.3s } }' },
    aging: {
      manager:
        '{ common_http_protocol_options: { max_connection_duration: 0.7s, max_connection_duration_jitter: { value: 10 } }, drain_timeout: 0.1s }',
    },
    few: { manager: '{ common_http_protocol_options: { max_requests_per_connection: 2 }, drain_timeout: 0.1s }' },
    waiting: { manager: '{ stream_idle_timeout: 0.3s }' },
    pathless: { manager: '{ http_protocol_options: { allow_absolute_url: false } }' },
    trailing: { manager: '{ http_protocol_options: { enable_trailers: true } }' },
  },
  virtualHosts,
  clusters: `[${strict}]`,
  cases: [
    wire('POST with a length', request('POST', '/', { body: 'hello' }), {
      status: 200,
      reached: ['a'],
      seen: { headers: { 'content-length': '5' } },
    }),
    wire(
      'POST whose body goes on as it is',
      request('POST', '/tunnel', { body: 'GET /inner HTTP/1.1\r\nhost: x\r\n\r\n' }),
      {
        status: 200,
        reached: ['a'],
        seen: { startLine: 'GET /inner HTTP/1.1' },
      },
    ),
    wire('GET where POST would go on as it is', get('/tunnel'), { status: 200, reached: ['a'] }),
    wire('POST with an empty body', request('POST', '/', { body: '' }), {
      status: 200,
      reached: ['a'],
      seen: { headers: { 'content-length': '0' } },
    }),
    wire('POST without any', lines(...head(), '', ''), { status: 200, reached: ['a'] }),
    wire('chunks', lines(...head(CHUNKED), '', '5', 'hello', '6;ext=1', ' world', '0', '', ''), {
      status: 200,
      reached: ['a'],
    }),
    wire('chunks with trailers', lines(...head(CHUNKED, 'trailer: x-t'), '', '2', 'hi', '0', 'x-t: 1', '', ''), {
      status: 200,
      reached: ['a'],
    }),
    wire(
      'trailers where they are wanted',
      lines(...head(CHUNKED), '', '2', 'hi', '0', 'x-t: 1', '', ''),
      { status: 200, reached: ['a'] },
      { listener: 'trailing' },
    ),
    limited('19 fields', 200, ...Array.from({ length: 18 }, (_, i) => `x-${i}: 1`)),
    limited('25 fields', 502, ...Array.from({ length: 24 }, (_, i) => `x-${i}: 1`)),
    limited('7 KB', 200, `x-long: ${'x'.repeat(7_000)}`),
    limited('9 KB', 502, `x-long: ${'x'.repeat(9_000)}`),
    answered('chunked answer', `${OK}${CHUNKED}\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, { status: 200, body: 'abc' }),
    answered('chunked answer with trailers', `${OK}${CHUNKED}\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n`, {
      status: 200,
      body: 'abc',
    }),
    answered('empty chunked answer', `${OK}${CHUNKED}\r\n\r\n0\r\n\r\n`, { status: 200, body: '' }),
    answered(
      'HEAD keeps the length',
      `${OK}content-length: 100\r\n\r\n`,
      { status: 200, headers: { 'content-length': '100' } },
      'HEAD',
    ),
    answered('HEAD of a chunked answer', `${OK}${CHUNKED}\r\n\r\n`, { status: 200 }, 'HEAD'),
    answered('HEAD without either', `${OK}\r\n`, { status: 200 }, 'HEAD'),
    answered('204', 'HTTP/1.1 204 No Content\r\n\r\n', {
      status: 204,
      headers: { 'content-length': null, 'transfer-encoding': null },
    }),
    answered('304 with a length', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 50\r\netag: "x"\r\n\r\n', {
      status: 304,
    }),
    answered('304 without', 'HTTP/1.1 304 Not Modified\r\netag: "x"\r\n\r\n', { status: 304 }),
    answered('reason phrase of its own', 'HTTP/1.1 299 Quite Fine\r\ncontent-length: 0\r\n\r\n', { status: 299 }),
    answered('no reason phrase', 'HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n', { status: 200 }),
    wire('100-continue', lines(...head('expect: 100-continue', 'content-length: 2'), '', 'hi'), {
      status: 200,
      reached: ['a'],
    }),
    wire('another expectation', lines(...head('expect: a-miracle', 'content-length: 2'), '', 'hi'), { status: 200 }),
    {
      name: 'kept alive',
      send: [get('/1'), get('/2'), get('/3')],
      wants: { status: [200, 200, 200], reached: ['a', 'a', 'a'] },
    },
    {
      name: 'pipelined',
      send: [get('/1'), request('POST', '/2', { body: 'two' }), get('/3')],
      pipelined: true,
      wants: { status: [200, 200, 200] },
    },
    {
      name: 'pipelined behind HEAD and 204',
      send: [request('HEAD', '/1'), get('/2')],
      pipelined: true,
      wants: { status: [200, 200] },
    },
    {
      name: 'closed where the client says so',
      send: get('/', 'connection: close'),
      closes: true,
      wants: { status: 200, headers: { connection: 'close' } },
    },
    {
      name: 'closed in any case and list',
      send: get('/', 'Connection: x-other, Close'),
      closes: true,
      wants: { status: 200 },
    },
    {
      name: 'direct answer, closed',
      send: get('/direct', 'connection: close'),
      closes: true,
      wants: { status: 200, body: 'direct' },
    },
    { name: 'idle connection', listener: 'brief', send: get('/'), closes: true, wants: { status: 200 } },
    {
      name: 'a connection that is old enough',
      listener: 'aging',
      send: get('/'),
      closes: true,
      wants: { status: 200 },
    },
    {
      name: 'the last request that a connection may bring',
      listener: 'few',
      send: [get('/'), get('/')],
      closes: true,
      wants: { status: [200, 200], headers: { connection: 'close' } },
    },
    {
      name: 'HTTP/1.0 is refused',
      send: lines('GET / HTTP/1.0', 'host: x', '', ''),
      closes: true,
      wants: { status: 426, reached: [] },
    },
    {
      name: 'HTTP/1.0 where it is accepted',
      listener: 'old',
      send: lines('GET / HTTP/1.0', 'host: old.test', '', ''),
      closes: true,
      wants: { status: 200, seen: { startLine: 'GET / HTTP/1.1', headers: { host: 'old.test' } } },
    },
    {
      name: 'HTTP/1.0 kept alive',
      listener: 'old',
      send: [
        lines('GET / HTTP/1.0', 'host: x', 'connection: keep-alive', '', ''),
        lines('GET / HTTP/1.0', 'host: x', '', ''),
      ],
      closes: true,
      wants: { status: [200, 200] },
    },
    {
      name: 'HTTP/1.0 and a chunked answer',
      listener: 'old',
      send: lines('GET / HTTP/1.0', 'host: x', '', ''),
      script: { a: [raw(`${OK}${CHUNKED}\r\n\r\n3\r\nabc\r\n0\r\n\r\n`)] },
      closes: true,
      wants: { status: 200, body: 'abc', headers: { 'transfer-encoding': null } },
    },
    wire('absolute form', lines('GET http://named.test/x?y HTTP/1.1', 'host: other.test', '', ''), {
      status: 200,
      seen: { startLine: 'GET /x?y HTTP/1.1', headers: { host: 'named.test' } },
    }),
    wire('absolute form without a path', lines('GET http://named.test HTTP/1.1', 'host: named.test', '', ''), {
      status: 200,
      seen: { startLine: 'GET / HTTP/1.1' },
    }),
    wire('absolute form of https', lines('GET https://named.test/x HTTP/1.1', 'host: named.test', '', ''), {
      status: 200,
    }),
    ...[
      'GET http://named.test/direct HTTP/1.1',
      'GET ftp://named.test/direct HTTP/1.1',
      'GET http://me@named.test/direct HTTP/1.1',
      'OPTIONS * HTTP/1.1',
      'OPTIONS http://named.test HTTP/1.1',
    ].map((line) =>
      wire(`no URLs: ${line}`, lines(line, 'host: x', '', ''), { status: 404, reached: [] }, { listener: 'pathless' }),
    ),
    wire(
      'no URLs: neither',
      lines('GET nowhere HTTP/1.1', 'host: x', '', ''),
      { status: 400 },
      { listener: 'pathless', closes: true },
    ),
    wire('no URLs: a path', get('/direct'), { status: 200 }, { listener: 'pathless' }),
    wire('OPTIONS of everything', lines('OPTIONS * HTTP/1.1', 'host: x', '', ''), { status: 404 }),
    wire('CONNECT', lines('CONNECT x:443 HTTP/1.1', 'host: x:443', '', ''), { status: 404, reached: [] }),
    wire('a method of its own', request('PURGE', '/'), { status: 200, seen: { startLine: 'PURGE / HTTP/1.1' } }),
    wire('TRACE', request('TRACE', '/'), { status: 200 }),
    wire('an upgrade nobody allowed', get('/', 'connection: upgrade', 'upgrade: websocket'), {
      status: 403,
      reached: [],
    }),
    wire(
      'an upgrade to h2c',
      get('/', 'connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAARAAAAAAAIAAAAA'),
      { status: 200, seen: { headers: { upgrade: null, 'http2-settings': null } } },
    ),
    wire('empty lines before a request', `\r\n\r\n${get('/')}`, { status: 200 }),
    wire('bare line feeds', 'GET / HTTP/1.1\nhost: x\n\n', { status: 200 }),
    refused('no host', 'GET / HTTP/1.1', '', ''),
    lenient('two hosts', 'GET / HTTP/1.1', 'host: a', 'host: b', '', ''),
    refused('a host with a path', 'GET / HTTP/1.1', 'host: a/b', '', ''),
    lenient('a host with a user', 'GET / HTTP/1.1', 'host: user@a', '', ''),
    lenient('empty host', 'GET / HTTP/1.1', 'host:', '', ''),
    refused('length and chunks', ...head('content-length: 4', CHUNKED), '', '0', '', ''),
    refused('two lengths', ...head('content-length: 4', 'content-length: 5'), '', 'abcde'),
    refused('two equal lengths', ...head('content-length: 4', 'content-length: 4'), '', 'abcd'),
    refused('a list of lengths', ...head('content-length: 4, 4'), '', 'abcd'),
    refused('a length with a sign', ...head('content-length: +4'), '', 'abcd'),
    refused('a negative length', ...head('content-length: -1'), '', ''),
    refused('a length in hex', ...head('content-length: 0x4'), '', 'abcd'),
    refused('a length beyond 64 bits', ...head('content-length: 99999999999999999999'), '', 'abcd'),
    refused('an empty length', ...head('content-length:'), '', ''),
    unimplemented('another coding', 501, ...head('transfer-encoding: gzip'), '', ''),
    unimplemented('chunked that is not last', 501, ...head('transfer-encoding: chunked, gzip'), '', ''),
    unimplemented('chunked twice', 501, ...head(CHUNKED, CHUNKED), '', '0', '', ''),
    refused('chunked with a tab', ...head('transfer-encoding: \x0bchunked'), '', '0', '', ''),
    refused('space before the colon', ...head('content-length : 4'), '', 'abcd'),
    lenient('folded header', ...head('x-a: b', ' c'), '', ''),
    refused('folded first header', 'GET / HTTP/1.1', ' host: x', '', ''),
    refused('header without a colon', ...head('nonsense'), '', ''),
    refused('header without a name', ...head(': x'), '', ''),
    refused('NUL in a value', ...head('x-a: b\0c'), '', ''),
    lenient('carriage return in a value', ...head('x-a: b\rc'), '', ''),
    refused('a name that is no token', ...head('x(a): b'), '', ''),
    unimplemented('no version', 426, 'GET /', 'host: x', '', ''),
    unimplemented('version 2', 426, 'GET / HTTP/2.0', 'host: x', '', ''),
    refused('version in lower case', 'GET / http/1.1', 'host: x', '', ''),
    lenient('two spaces before the target', 'GET  / HTTP/1.1', 'host: x', '', ''),
    refused('a space in the target', 'GET /a b HTTP/1.1', 'host: x', '', ''),
    refused('a method that is no token', 'GE(T / HTTP/1.1', 'host: x', '', ''),
    refused('a target that is no path', 'GET nowhere HTTP/1.1', 'host: x', '', ''),
    refused('garbage', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '', ''),
    wire('a chunk size that is none', lines(...head(CHUNKED), '', 'zz', 'hi', ''), { status: 400 }, { closes: true }),
    wire(
      'a chunk size beyond 64 bits',
      lines(...head(CHUNKED), '', 'fffffffffffffffff', 'hi', ''),
      { status: 400 },
      { closes: true },
    ),
    lenient('a chunk longer than its size', ...head(CHUNKED), '', '2', 'hiya', '0', '', ''),
    wire(
      'a head over the limit',
      get('/', `x-long: ${'x'.repeat(9000)}`),
      { status: 431, reached: [] },
      { listener: 'small', closes: true },
    ),
    wire(
      'a head over the default limit',
      get('/', ...Array.from({ length: 8 }, (_, i) => `x-${i}: ${'y'.repeat(8000)}`)),
      { status: 431, reached: [] },
      { closes: true },
    ),
    wire(
      'a head under the default limit',
      get('/', ...Array.from({ length: 7 }, (_, i) => `x-${i}: ${'y'.repeat(8000)}`)),
      { status: 200 },
    ),
    wire(
      'a target over the limit',
      get(`/${'x'.repeat(9000)}`),
      { status: 431, reached: [] },
      { listener: 'small', closes: true },
    ),
    wire(
      'too many headers',
      get('/', ...Array.from({ length: 25 }, (_, i) => `x-${i}: 1`)),
      { status: 431, reached: [] },
      { listener: 'small', closes: true },
    ),
    wire(
      'as many headers as allowed',
      get('/', ...Array.from({ length: 18 }, (_, i) => `x-${i}: 1`)),
      { status: 200 },
      { listener: 'small' },
    ),
    wire(
      'a head that never ends',
      'GET / HTTP/1.1\r\nhost: x\r\n',
      { status: 408, reached: [] },
      { listener: 'hasty', closes: true },
    ),
    wire(
      'a head that never ends, where streams may idle for a while',
      'GET / HTTP/1.1\r\nhost: x\r\n',
      { status: 408, body: 'stream timeout', reached: [] },
      { listener: 'waiting', closes: true },
    ),
    wire(
      'a head that never ends, where streams may last for a while',
      'GET / HTTP/1.1\r\nhost: x\r\n',
      { status: 408, body: 'downstream duration timeout', reached: [] },
      { listener: 'lasting', closes: true },
    ),
    wire(
      'a body that never ends',
      lines(...head('content-length: 10'), '', 'abc'),
      { status: 408 },
      { listener: 'hasty', closes: true },
    ),
    wire(
      'an upstream that never answers',
      get('/'),
      { status: 504 },
      { listener: 'waiting', script: { a: [raw('', 'hang')] } },
    ),
    wire(
      'a large body both ways',
      request('POST', '/', { body: 'x'.repeat(300_000) }),
      { status: 200 },
      { script: { a: [respond({ body: 'y'.repeat(300_000) })] } },
    ),
  ],
});
