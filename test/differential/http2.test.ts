// HTTP/2 as Envoy speaks it: requests and malformed ones frame by frame, between HTTP/1.1 and HTTP/2 in every combination.
import { expect, test } from 'vitest';
import { frame } from '../../src/proxy/http2/protocol.ts';
import { type Field, Http2Wire, requestFields } from '../support/http2-wire.ts';
import { type Reply, raw, respond } from '../support/upstream.ts';
import { acceptedHttp2, type SeenHttp2 } from './harness/accepted-http2.ts';
import { get, request } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { comparable, seen } from './harness/observation.ts';
import type { Stand } from './harness/stand.ts';

const HTTP2 = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const speaks = (protocol: string) =>
  `typed_extension_protocol_options: { ${HTTP2}: { "@type": type.googleapis.com/${HTTP2}, ${protocol} } }`;
const loop = (name: string, protocol: string) =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, ${speaks(protocol)}, load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <back> } } } }] }] } }`;

type Http2Case = {
  readonly name: string;
  readonly listener?: string;
  readonly script?: Readonly<Record<string, readonly Reply[]>>;
  /** What the client does; it ends when everything that is to be seen has come. */
  readonly talk: (wire: Http2Wire, id: string) => Promise<void>;
};

const chunked = raw('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n');

/** One request, its answer. */
function ask(
  name: string,
  fields: readonly Field[],
  more: Partial<Http2Case> & { readonly body?: string } = {},
): Http2Case {
  const { body, ...rest } = more;
  return {
    name,
    ...rest,
    talk: async (wire, id) => {
      wire.headers(1, [...fields, ['x-case', id]], body === undefined);
      if (body !== undefined) wire.data(1, body);
      await wire.settled(1);
    },
  };
}

/** The settings of both sides have been exchanged when it is answered: nothing comes between the frames of a block. */
async function greet(wire: Http2Wire, id: string): Promise<void> {
  wire.headers(1, requestFields('GET', '/direct', ['x-case', id]));
  await wire.settled(1);
}

const plain = (...more: Field[]) => requestFields('GET', '/', ...more);

const requests: readonly Http2Case[] = [
  ask('GET', plain()),
  ask('GET with a query', requestFields('GET', '/x/y?z=1&z=2')),
  ask('POST with a length', requestFields('POST', '/', ['content-length', '5']), { body: 'hello' }),
  ask('POST without a length', requestFields('POST', '/'), { body: 'hello' }),
  ask('POST with an empty body', requestFields('POST', '/'), { body: '' }),
  ask('POST that ends with its head', requestFields('POST', '/')),
  ask('HEAD', requestFields('HEAD', '/'), { script: { a: [raw('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n')] } }),
  ask('204', plain(), { script: { a: [raw('HTTP/1.1 204 No Content\r\n\r\n')] } }),
  ask('304', plain(), { script: { a: [raw('HTTP/1.1 304 Not Modified\r\netag: "1"\r\n\r\n')] } }),
  ask('chunked answer', plain(), { script: { a: [chunked] } }),
  ask('hop-by-hop answer headers', plain(), {
    script: {
      a: [respond({ headers: { connection: 'x-hop', 'x-hop': '1', 'keep-alive': 'timeout=5', 'x-stays': '2' } })],
    },
  }),
  ask('repeated answer headers', plain(), {
    script: { a: [raw('HTTP/1.1 200 OK\r\nset-cookie: a\r\nset-cookie: b\r\ncontent-length: 0\r\n\r\n')] },
  }),
  ask('cookie crumbs', plain(['cookie', 'a=1'], ['cookie', 'b=2'], ['cookie', 'c=3'])),
  ask('te trailers', plain(['te', 'trailers'])),
  ask('repeated request headers', plain(['x-a', '1'], ['x-a', '2'])),
  ask('expect', requestFields('POST', '/', ['expect', '100-continue'], ['content-length', '5']), { body: 'hello' }),
  ask('host instead of authority', [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    ['host', 'test.local'],
  ]),
  ask('host beside authority', plain(['host', 'other.local'])),
  ask('neither host nor authority', [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
  ]),
  ask('https scheme over plain text', [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/'],
    [':authority', 'test.local'],
  ]),
  ask('an unusual method', requestFields('PURGE', '/')),
  ask('a method nobody knows', requestFields('FROBNICATE', '/')),
  ask('OPTIONS *', requestFields('OPTIONS', '*')),
  ask('a path without a slash', requestFields('GET', 'x')),
  ask('a fragment', requestFields('GET', '/x#y')),
  ask('no route', requestFields('GET', '/', ['x-unrouted', '1'])),
  ask('direct response', requestFields('GET', '/direct')),
  ask('redirect', requestFields('GET', '/redirect')),
  ask('nobody listens', requestFields('GET', '/refused')),
  ask('no endpoint', requestFields('GET', '/empty')),
  ask(
    'gRPC: nobody listens',
    requestFields('POST', '/refused', ['content-type', 'application/grpc'], ['te', 'trailers']),
  ),
  ask(
    'gRPC: no endpoint',
    requestFields('POST', '/empty', ['content-type', 'application/grpc+proto'], ['te', 'trailers']),
  ),
  ask(
    'gRPC: no route',
    requestFields('POST', '/', ['x-unrouted', '1'], ['content-type', 'application/grpc'], ['te', 'trailers']),
  ),
  ask('the upstream closes at once', plain(), { script: { a: [raw('', 'close')] } }),
  ask('the upstream resets in the body', plain(), {
    script: { a: [raw('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel', 'close')] },
  }),
  ask('the upstream says nonsense', plain(), { script: { a: [raw('nonsense\r\n\r\n')] } }),
  ask('through HTTP/2', requestFields('GET', '/looped')),
  ask('through HTTP/2 with a body', requestFields('POST', '/looped', ['content-length', '5']), { body: 'hello' }),
  ask('through HTTP/2 without a length', requestFields('POST', '/looped'), { body: 'hello' }),
  ask('as downstream speaks', requestFields('GET', '/same')),
  ask('headers of many bytes', plain(['x-large', 'v'.repeat(20_000)])),
  ask(
    'WebSocket where it is not allowed',
    [
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'test.local'],
    ],
    { listener: 'tunnels-off' },
  ),
  ask('names with underscores dropped', requestFields('GET', '/', ['x_a', '1'], ['x-b', '2']), {
    listener: 'dropping',
  }),
  ask('names with underscores refused', requestFields('GET', '/', ['x_a', '1'], ['x-b', '2']), { listener: 'picky' }),
  ask('an answer before the request ends', requestFields('POST', '/direct'), { body: 'hello' }),
];

const malformed: readonly Http2Case[] = (
  [
    ['upper case in a name', plain(['X-A', '1'])],
    ['a connection header', plain(['connection', 'close'])],
    ['transfer-encoding', plain(['transfer-encoding', 'chunked'])],
    ['keep-alive', plain(['keep-alive', 'timeout=1'])],
    ['te other than trailers', plain(['te', 'gzip'])],
    ['an unknown pseudo-header', plain([':what', '1'])],
    ['a pseudo-header of responses', plain([':status', '200'])],
    ['a pseudo-header twice', [...plain(), [':path', '/']]],
    ['a pseudo-header after a field', [['x-a', '1'], ...plain()]],
    [
      'no method',
      [
        [':scheme', 'http'],
        [':path', '/'],
        [':authority', 'test.local'],
      ],
    ],
    [
      'no scheme',
      [
        [':method', 'GET'],
        [':path', '/'],
        [':authority', 'test.local'],
      ],
    ],
    [
      'no path',
      [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':authority', 'test.local'],
      ],
    ],
    ['an empty path', requestFields('GET', '')],
    ['a space in a name', plain(['x a', '1'])],
    ['a line feed in a value', plain(['x-a', '1\n2'])],
    ['a zero byte in a value', plain(['x-a', '1\0'])],
    ['two lengths', plain(['content-length', '0'], ['content-length', '1'])],
    ['a length that is none', requestFields('POST', '/', ['content-length', 'x'])],
  ] as readonly (readonly [string, readonly Field[]])[]
).flatMap(([name, fields]) => [
  ask(`${name}: the connection ends`, fields),
  ask(`${name}: the stream ends`, fields, { listener: 'lenient' }),
]);

const streams: readonly Http2Case[] = [
  {
    name: 'a length that is more than the content',
    listener: 'lenient',
    talk: async (wire, id) => {
      wire.headers(1, requestFields('POST', '/', ['content-length', '9'], ['x-case', id]), false);
      wire.data(1, 'hello');
      await wire.settled(1);
    },
  },
  {
    name: 'trailers go up',
    talk: async (wire, id) => {
      wire.headers(1, requestFields('POST', '/looped', ['x-case', id]), false);
      wire.data(1, 'hello', false);
      wire.headers(1, [['x-t', '1']]);
      await wire.settled(1);
    },
  },
  {
    name: 'three streams at once',
    talk: async (wire, id) => {
      for (const stream of [1, 3, 5]) wire.headers(stream, requestFields('GET', `/direct?${stream}`, ['x-case', id]));
      await wire.settled(1, 3, 5);
    },
  },
  {
    name: 'an even stream',
    talk: async (wire, id) => {
      wire.headers(2, plain(['x-case', id]));
      await wire.ended();
    },
  },
  {
    name: 'more streams than allowed',
    listener: 'narrow',
    script: { a: [raw('', 'hang')] },
    talk: async (wire, id) => {
      wire.headers(1, plain(['x-case', id]), false);
      wire.headers(3, requestFields('GET', '/direct', ['x-case', id]));
      await wire.settled(3);
    },
  },
  {
    name: 'too many headers',
    talk: async (wire, id) => {
      wire.headers(1, plain(['x-case', id], ...Array.from({ length: 101 }, (_, i): Field => [`x-${i}`, ''])));
      await wire.settled(1);
    },
  },
  {
    name: 'headers that are too large',
    listener: 'small',
    talk: async (wire, id) => {
      wire.headers(1, plain(['x-case', id], ['x-large', 'v'.repeat(5_000)]));
      await wire.settled(1);
    },
  },
  {
    name: 'empty frames',
    talk: async (wire, id) => {
      wire.headers(1, requestFields('POST', '/', ['x-case', id]), false);
      for (let i = 0; i < 5; i++) wire.data(1, '', false);
      await wire.ended();
    },
  },
  {
    name: 'DATA on a stream that never was',
    talk: async (wire) => {
      wire.data(9, 'x');
      await wire.ended();
    },
  },
  {
    name: 'an unknown frame',
    talk: async (wire, id) => {
      wire.send(0xbb, 0xff, 0, Buffer.from('what'));
      wire.headers(1, requestFields('GET', '/direct', ['x-case', id]));
      await wire.settled(1);
    },
  },
  {
    name: 'a head that does not come to its end',
    listener: 'hasty',
    talk: async (wire, id) => {
      await greet(wire, id);
      wire.openBlock(3, plain());
      await wire.settled(3);
    },
  },
  {
    name: 'a head that does not come to its end within the time of the request',
    listener: 'hasty-request',
    talk: async (wire, id) => {
      await greet(wire, id);
      wire.openBlock(3, plain());
      await wire.settled(3);
    },
  },
  {
    name: 'a head that comes to its end too late, and the next request',
    listener: 'hasty',
    talk: async (wire, id) => {
      await greet(wire, id);
      wire.openBlock(3, plain());
      await wire.settled(3);
      wire.continueBlock(3, [['x-late', '1']], true);
      wire.headers(5, requestFields('GET', '/direct', ['x-case', id]));
      await wire.settled(5);
    },
  },
  {
    name: 'a head in pieces, in time',
    listener: 'hasty',
    talk: async (wire, id) => {
      await greet(wire, id);
      wire.openBlock(3, plain());
      wire.continueBlock(3, [['x-case', id]], true);
      await wire.settled(3);
    },
  },
  {
    name: 'the last request that a connection may bring',
    listener: 'few',
    talk: async (wire, id) => {
      await greet(wire, id);
      wire.headers(3, requestFields('GET', '/direct', ['x-case', id]));
      await wire.ended();
    },
  },
  {
    name: 'a connection that is old enough',
    listener: 'aging',
    talk: async (wire, id) => {
      await greet(wire, id);
      await wire.ended();
    },
  },
  {
    name: 'an orderly goodbye',
    talk: async (wire, id) => {
      wire.headers(1, requestFields('GET', '/direct', ['x-case', id]));
      await wire.settled(1);
      // In one write: Envoy reads no further once it has seen a GOAWAY while no stream is open.
      wire.send(frame.goaway, 0, 0, Buffer.alloc(8));
      wire.headers(3, requestFields('GET', '/direct', ['x-case', id]));
      await wire.settled(3);
    },
  },
];

async function watch(stand: Stand, { listener, script, talk }: Http2Case, id: string): Promise<SeenHttp2> {
  for (const upstream of stand.upstreams) upstream.script(script?.[upstream.name]);
  using wire = await Http2Wire.open(stand.portOf(listener ?? 'front'));
  await talk(wire, id);
  stand.assertAlive();
  await stand.hear();
  return {
    // How many bytes HPACK makes of the same fields is each proxy's own affair.
    streams: [...wire.streams].map(([stream, { bytes: _bytes, ...heard }]) => ({
      stream,
      ...heard,
      headers: comparable(stand, heard.headers),
      trailers: comparable(stand, heard.trailers),
      body: stand.withoutPorts(heard.body),
    })),
    goaway: wire.goaway,
    upstreams: stand.upstreams.flatMap(({ name, received }) => received.map((one, nth) => seen(stand, name, one, nth))),
  };
}

function alsoHttp2(pair: () => Pair): void {
  test.each([...requests, ...malformed, ...streams].map((one, i) => ({ ...one, id: `h2-${i}` })))(
    '$name',
    async (one) => {
      const [reference, ours] = await Promise.all([
        watch(pair().reference, one, one.id),
        watch(pair().ours, one, one.id),
      ]);
      const entry = acceptedHttp2(one.name);
      const meant = entry?.adapt(reference) ?? reference;
      if (entry !== undefined)
        expect(meant, `accepted-http2.ts: no longer different: ${entry.reason}`).not.toEqual(reference);
      expect(ours, JSON.stringify({ envoy: meant, ours }, null, 1)).toEqual(meant);
    },
  );
}

compareWithEnvoy(
  {
    name: 'http2',
    listeners: {
      front: { manager: 'stream_idle_timeout: 3s' },
      back: { manager: 'codec_type: HTTP2' },
      lenient: { manager: 'http2_protocol_options: { override_stream_error_on_invalid_http_message: true }' },
      dropping: { manager: 'common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER }' },
      picky: { manager: 'common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }' },
      narrow: { manager: 'http2_protocol_options: { max_concurrent_streams: 1 }' },
      hasty: { manager: 'request_headers_timeout: 0.3s' },
      'hasty-request': { manager: 'request_timeout: 0.7s' },
      few: { manager: '{ common_http_protocol_options: { max_requests_per_connection: 2 }, drain_timeout: 0.1s }' },
      aging: { manager: '{ common_http_protocol_options: { max_connection_duration: 0.7s }, drain_timeout: 0.1s }' },
      small: { manager: 'max_request_headers_kb: 4' },
      'tunnels-off': { manager: 'http2_protocol_options: { allow_connect: true }' },
    },
    virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - { match: { path: /direct }, direct_response: { status: 200, body: { inline_string: direct } } }
  - { match: { path: /redirect }, redirect: { path_redirect: /there } }
  - { match: { path: /refused }, route: { cluster: refused } }
  - { match: { path: /empty }, route: { cluster: empty } }
  - { match: { path: /looped, headers: [{ name: x-looped, present_match: true }] }, route: { cluster: a } }
  - { match: { path: /looped }, route: { cluster: looped }, request_headers_to_add: [{ header: { key: x-looped, value: '1' } }] }
  - { match: { path: /same, headers: [{ name: x-looped, present_match: true }] }, route: { cluster: a } }
  - { match: { path: /same }, route: { cluster: same }, request_headers_to_add: [{ header: { key: x-looped, value: '1' } }] }
  - { match: { prefix: /, headers: [{ name: x-unrouted, present_match: true, invert_match: true }] }, route: { cluster: a } }`,
    clusters: `[${loop('looped', 'explicit_http_config: { http2_protocol_options: {} }')}, ${loop('same', 'use_downstream_protocol_config: { http2_protocol_options: {} }')}]`,
    cases: [
      { name: 'HTTP/1.1 to HTTP/2', send: get('/looped'), wants: { status: 200, reached: ['a'] } },
      {
        name: 'HTTP/1.1 to HTTP/2 with a body',
        send: request('POST', '/looped', { body: 'hello' }),
        wants: { status: 200, reached: ['a'] },
      },
      { name: 'HTTP/1.1 HEAD to HTTP/2', send: request('HEAD', '/looped'), wants: { status: 200, reached: ['a'] } },
      {
        name: 'HTTP/1.1 to HTTP/2, chunked answer',
        send: get('/looped'),
        script: { a: [chunked] },
        wants: { status: 200, body: 'hello' },
      },
      {
        name: 'HTTP/1.1 where only HTTP/2 is spoken',
        listener: 'back',
        send: get('/'),
        wants: { status: 'closed', reached: [] },
      },
    ],
  },
  alsoHttp2,
);
