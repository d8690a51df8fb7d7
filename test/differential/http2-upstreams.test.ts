// Upstreams of HTTP/2 that break off, refuse, say goodbye or change the rules in the middle: no request is lost that Envoy would not lose, and
// none is sent again that Envoy would not send again.
import { afterAll, expect, test } from 'vitest';
import { code, FRAME_HEAD, flags, frame } from '../../src/proxy/http2/protocol.ts';
import { Http2Upstream, type Manner, UpstreamRequest } from '../support/http2-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Case, get, type Outcome, request } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';

/** Tries of each case at each proxy. */
const tries = new Map<string, number>();
const key = (one: UpstreamRequest): string => `${one.header('x-stand')} ${one.header('x-case')}`;

function counted(one: UpstreamRequest): number {
  const count = (tries.get(key(one)) ?? 0) + 1;
  tries.set(key(one), count);
  return count;
}

/** Does it with the first try; later ones are answered. */
const first = (work: (one: UpstreamRequest) => void): Manner => ({
  end: (one) => (counted(one) === 1 ? work(one) : one.answer('answered')),
});
const always = (work: (one: UpstreamRequest) => void): Manner => ({
  end: (one) => {
    counted(one);
    work(one);
  },
});

const OK = [':status', '200'] as const;
const ANSWER = UpstreamRequest.bytes(1);
/** Where its head ends: what follows is one DATA frame. */
const HEAD = ANSWER.length - (FRAME_HEAD + 5);

const MANNERS: Readonly<Record<string, Manner>> = {
  ...Object.fromEntries(
    (['refusedStream', 'internalError', 'cancel', 'noError', 'enhanceYourCalm', 'protocolError'] as const).map(
      (name) => [`reset-${name}`, first((one) => one.reset(code[name]))],
    ),
  ),
  'goaway-before': first((one) => {
    one.goaway(-2);
    one.close();
  }),
  'goaway-before-open': first((one) => one.goaway(-2)),
  'goaway-calm': first((one) => {
    one.goaway(-2, code.enhanceYourCalm);
    one.close();
  }),
  'goaway-served': first((one) => {
    one.goaway(0);
    one.answer('answered after goodbye');
  }),
  'goaway-notice': first((one) => {
    one.goaway(1_000);
    one.answer('answered after notice');
    one.goaway(0);
    one.close();
  }),
  'goaway-lost': first((one) => {
    one.goaway(0);
    one.close();
  }),
  closed: first((one) => one.close()),
  'reset-in-body': first((one) => {
    one.headers([OK, ['content-length', '9']], false);
    one.data('half', false);
    one.reset(code.internalError);
  }),
  'goaway-in-body': first((one) => {
    one.headers([OK, ['content-length', '9']], false);
    one.data('half ', false);
    one.goaway(0);
    one.data('done');
  }),
  'reset-after-end': first((one) => {
    one.answer('whole');
    one.reset(code.noError);
  }),
  interim: always((one) => {
    one.headers([[':status', '103']], false);
    one.answer('after 103');
  }),
  continuation: always((one) => {
    one.headers([OK], false, 0);
    one.connection.send(frame.continuation, flags.endHeaders, one.stream, Buffer.from('\0\x03x-a\x011', 'latin1'));
    one.data('in pieces');
  }),
  padded: always((one) => {
    one.headers([OK], false);
    one.connection.send(frame.data, 0x8 | flags.endStream, one.stream, Buffer.from('\x04padded\0\0\0\0', 'latin1'));
  }),
  unknown: always((one) => {
    one.connection.send(0xbb, 0, one.stream, Buffer.from('what'));
    one.answer('unknown frames are ignored');
  }),
  'data-first': first((one) => one.data('no head')),
  'no-status': first((one) => one.headers([['x-a', '1']], true)),
  'length-short': first((one) => {
    one.headers([OK, ['content-length', '9']], false);
    one.data('half');
  }),
  'length-long': first((one) => {
    one.headers([OK, ['content-length', '2']], false);
    one.data('more');
  }),
  'interim-ends': first((one) => one.headers([[':status', '100']], true)),
  push: first((one) => one.connection.send(frame.pushPromise, flags.endHeaders, one.stream, Buffer.alloc(8))),
  'even-stream': first((one) => one.connection.send(frame.headers, flags.endHeaders, 2, Buffer.from('\x88', 'latin1'))),
  'window-zero': first((one) => one.window(one.stream, 0)),
  'bad-block': first((one) =>
    one.connection.send(frame.headers, flags.endHeaders, one.stream, Buffer.from([0xff, 0xff, 0xff])),
  ),
  'too-large': first((one) => one.headers([OK, ['x-large', 'v'.repeat(70_000)]], true)),
  'small-table': always((one) => {
    one.connection.settings([[1, 0]]);
    one.answer('no table');
  }),
  'window-shrinks': {
    head: (one) => {
      one.connection.settings([[4, 0]]);
      setTimeout(() => {
        one.connection.settings([[4, 65_535]]);
        one.window(0, 1_000_000);
        one.window(one.stream, 1_000_000);
      }, 100).unref();
    },
    end: (one) => one.answer(`${one.received} bytes`),
  },
  dripping: {
    // A window of 16 KB at a time, as much as has come, until all has.
    head: (one) => {
      const timer = setInterval(() => {
        if (one.received >= 200_000 || one.connection.socket.destroyed) return clearInterval(timer);
        one.window(0, 16_384);
        one.window(one.stream, 16_384);
      }, 5);
      one.onReset = () => clearInterval(timer);
    },
    end: (one) => one.answer(`${one.received} bytes`),
  },
  count: { end: (one) => one.answer(`${tries.get(key(one)) ?? 0} tries`) },
  ...Object.fromEntries(
    Array.from({ length: ANSWER.length }, (_, bytes) => [
      `cut-${bytes}`,
      first((one) => {
        one.connection.socket.write(UpstreamRequest.bytes(one.stream).subarray(0, bytes));
        one.close();
      }),
    ]),
  ),
};

const upstream = await Http2Upstream.start((path) => MANNERS[path.split('/').at(-1)!]!);
afterAll(() => upstream.stop());

const RETRIES = ['refused-stream', 'reset', 'reset-before-request', 'connect-failure', '5xx', 'gateway-error'] as const;
type Retry = (typeof RETRIES)[number];

/** What Envoy retries of a stream that was refused, of one that broke off before its head, and of one that was answered in part. */
const REFUSED: readonly Retry[] = ['refused-stream', 'reset', '5xx', 'gateway-error'];
const BROKEN: readonly Retry[] = ['reset', '5xx', 'gateway-error'];

const ROWS: readonly (readonly [manner: string, status: Outcome, flags: string, retried: readonly Retry[]])[] = [
  ['reset-refusedStream', 503, 'UR', REFUSED],
  ['reset-internalError', 503, 'UR', BROKEN],
  ['reset-cancel', 503, 'UR', BROKEN],
  ['reset-noError', 503, 'UR', BROKEN],
  ['reset-enhanceYourCalm', 503, 'UR', BROKEN],
  ['reset-protocolError', 502, 'UPE', BROKEN],
  ['goaway-before', 503, 'UR', REFUSED],
  ['goaway-before-open', 503, 'UR', REFUSED],
  ['goaway-calm', 503, 'UR', REFUSED],
  ['goaway-served', 200, '-', []],
  ['goaway-notice', 200, '-', []],
  ['goaway-lost', 503, 'UC', BROKEN],
  ['closed', 503, 'UC', BROKEN],
  ['reset-in-body', '200 cut', 'UR', []],
  ['goaway-in-body', 200, '-', []],
  ['reset-after-end', 200, '-', []],
  ['interim', 200, '-', []],
  ['continuation', 200, '-', []],
  ['padded', 200, '-', []],
  ['unknown', 200, '-', []],
  ['data-first', 502, 'UPE', BROKEN],
  ['no-status', 502, 'UPE', BROKEN],
  ['length-short', '200 cut', 'UPE', []],
  ['length-long', '200 cut', 'UPE', []],
  ['interim-ends', 502, 'UPE', BROKEN],
  ['push', 502, 'UPE', BROKEN],
  ['even-stream', 502, 'UPE', BROKEN],
  ['window-zero', 502, 'UPE', BROKEN],
  ['bad-block', 502, 'UPE', BROKEN],
  ['too-large', 502, 'UPE', BROKEN],
  ['small-table', 200, '-', []],
];

/** The request, and then how often it was tried; a client that lost its connection cannot ask. */
function meets(name: string, send: string, status: Outcome, tries = 1): Case {
  if (typeof status === 'string') return { name, send, wants: { status } };
  return { name, send: [send, get('/none/count')], wants: { status: [status, 200], body: `${tries} tries` } };
}

const rows = ROWS.flatMap(([manner, status, , retried]) => [
  meets(manner, get(`/none/${manner}`), status),
  ...(status === 200 ? [] : RETRIES).map((on) => {
    const again = retried.includes(on);
    return meets(`${manner}, retried on ${on}`, get(`/${on}/${manner}`), again ? 200 : status, again ? 2 : 1);
  }),
]);

/** The end of the connection after any byte of an answer. */
const cuts = Array.from({ length: ANSWER.length }, (_, bytes): Case[] => {
  const status = bytes < HEAD ? 503 : '200 cut';
  return [
    meets(`cut after ${bytes} bytes`, get(`/none/cut-${bytes}`), status),
    bytes < HEAD
      ? meets(`cut after ${bytes} bytes, retried`, get(`/reset/cut-${bytes}`), 200, 2)
      : meets(`cut after ${bytes} bytes, too late to retry`, get(`/reset/cut-${bytes}`), status),
  ];
}).flat();

const uploads: readonly Case[] = ['window-shrinks', 'dripping'].map((manner) => ({
  name: `a body of 200,000 bytes: ${manner}`,
  send: request('POST', `/none/${manner}`, { body: 'x'.repeat(200_000) }),
  wants: { status: 200, body: '200000 bytes' },
}));

const cases = [...rows, ...cuts, ...uploads];

/** Looked at once for all cases: lines are written from time to time. */
function alsoFlags(pair: () => Pair): void {
  test('flags', async () => {
    const wanted = cases.flatMap(({ send }) => send).length;
    const [reference, ours] = await Promise.all(
      [pair().reference, pair().ours].map((stand) =>
        waitFor(`access log of ${stand.subject}`, () => {
          const lines = stand.accessLog();
          return lines.length >= wanted && lines.sort();
        }),
      ),
    );
    for (const [manner, status, flags] of ROWS) {
      const id = cases.findIndex(({ name }) => name === manner);
      expect(reference, manner).toContain(`${id} ${String(status).slice(0, 3)} ${flags}`);
    }
    expect(ours).toEqual(reference);
  });
}

const HTTP2 = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

compareWithEnvoy(
  {
    name: 'http2-upstreams',
    virtualHosts: `
- name: all
  domains: ['*']
  request_headers_to_add: [{ header: { key: x-stand, value: '<front>' } }]
  routes:
  - { match: { prefix: /none/ }, route: { cluster: up } }
${RETRIES.map((on) => `  - { match: { prefix: /${on}/ }, route: { cluster: up, retry_policy: { retry_on: ${on}, num_retries: 1 } } }`).join('\n')}
`,
    clusters: `[{ name: up, type: STATIC, connect_timeout: 1s, typed_extension_protocol_options: { ${HTTP2}: { "@type": type.googleapis.com/${HTTP2}, explicit_http_config: { http2_protocol_options: {} } } }, load_assignment: { cluster_name: up, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${upstream.port} } } } }] }] } }]`,
    cases,
  },
  alsoFlags,
);
