import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import type { ServerStream, StreamAcceptor } from '../http/stream.ts';
import { testExchange } from '../testing/exchange.ts';
import { MemorySocket } from '../testing/memory-socket.ts';
import { defaultHttp1Options, type ServerConnectionOptions } from './options.ts';
import { Http1ServerConnection } from './server-connection.ts';
import '../../../test/support/same-cases.ts';

const LIMITS: ServerConnectionOptions = {
  maxHeadBytes: 1_000,
  maxHeaders: 10,
  http1: defaultHttp1Options,
  acceptHttp10: false,
  anyMethod: false,
  defaultHost: '',
  proxies100Continue: false,
  underscores: 'allow',
  idleTimeout: 60_000,
  drainTimeout: 5_000,
  delayedCloseTimeout: 1_000,
  requestHeadersTimeout: 5_000,
  requestTimeout: 9_000,
  streamIdleTimeout: 0,
  maxStreamDuration: 0,
};

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;

/** Answers every complete request with what was understood of it; a refusal with its details. */
function serve(change: Partial<ServerConnectionOptions> = {}) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const socket = new MemorySocket();
  const { downstream } = testExchange();
  const bugs: unknown[] = [];
  const departures = { downstream_cx_idle_timeout: 0, downstream_cx_delayed_close_timeout: 0 };
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  const owner = { clock, wheel, departures, onClosed, onBug: (error: unknown) => bugs.push(error) };
  const connection = new Http1ServerConnection(socket, downstream, echo, { ...LIMITS, ...change }, owner);
  return { clock, socket, bugs, closed, departures, connection };
}

const echo: StreamAcceptor = {
  accept(stream, head, last) {
    let body = '';
    if (last || head.method === 'CONNECT') say(stream, describeHead(head, '', null));
    return {
      onData: (chunk) => {
        body += chunk.toString('latin1');
      },
      onEnd: (trailers) => say(stream, describeHead(head, body, trailers)),
      onReadDone: () => stream.flush(),
      onFault: (fault) => say(stream, fault.details, fault.status),
      onAbort: () => undefined,
      onDrain: () => undefined,
      onBug: raise,
    };
  },
  refuse: (stream, fault) => say(stream, fault.details, fault.status),
};

function describeHead(head: RequestHead, body: string, trailers: HeaderMap | null): string {
  const fields = [...head.headers].map(([name, value]) => `${name}=${value}`).join('&');
  const tail = trailers === null ? '' : ` +${[...trailers].map(([name, value]) => `${name}=${value}`).join('&')}`;
  return `${head.method} ${head.authority} ${head.path} {${fields}} [${body}]${tail}`;
}

function say(stream: ServerStream, text: string, status = 200): void {
  stream.respond({ status, headers: new HeaderMap(['content-length', String(text.length)]) }, false);
  stream.write(Buffer.from(text, 'latin1'));
  stream.finish(null);
}

/** Status and body of each answer, in order. */
function answers(written: string): string[] {
  return [
    ...written.matchAll(/HTTP\/1\.1 (\d+) [^\r]*\r\n(?:[^\r]+\r\n)*?content-length: (\d+)\r\n(?:[^\r]+\r\n)*\r\n/g),
  ].map((match) => {
    const start = match.index + match[0].length;
    return `${match[1]} ${written.slice(start, start + Number(match[2]))}`;
  });
}

function deliver(pieces: readonly Buffer[], change?: Partial<ServerConnectionOptions>): string[] {
  const { socket, bugs } = serve(change);
  for (const piece of pieces) socket.feed(piece);
  expect(bugs).toEqual([]);
  return answers(socket.written);
}

const whole = (input: string) => [Buffer.from(input, 'latin1')];
const bytewise = (input: string) => [...Buffer.from(input, 'latin1')].map((byte) => Buffer.from([byte]));

const accepted: [name: string, input: string, answer: string[]][] = [
  ['a plain request', `${GET}\r\n`, ['200 GET a / {} []']],
  ['an empty line before the request', `\r\n${GET}\r\n`, ['200 GET a / {} []']],
  ['names in lower case, values trimmed', `${GET}X-One: \t a b \t\r\n\r\n`, ['200 GET a / {x-one=a b} []']],
  ['obs-text in a value', `${GET}x: \xe9\r\n\r\n`, ['200 GET a / {x=\xe9} []']],
  ['an empty value', `${GET}x:\r\n\r\n`, ['200 GET a / {x=} []']],
  ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', ['200 GET  / {} []']],
  ['a body by length', `${POST}Content-Length: 3\r\n\r\nabc`, ['200 POST a / {content-length=3} [abc]']],
  ['length zero', `${POST}Content-Length: 0\r\n\r\n`, ['200 POST a / {content-length=0} []']],
  ['chunks', `${CHUNKED}3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n`, ['200 POST a / {} [abc0123456789]']],
  ['a chunk extension', `${CHUNKED}3;x="y"\r\nabc\r\n0;z\r\n\r\n`, ['200 POST a / {} [abc]']],
  ['trailers', `${CHUNKED}1\r\na\r\n0\r\nX-T: 1\r\n\r\n`, ['200 POST a / {} [a] +x-t=1']],
  ['Chunked in capitals', `${POST}Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n`, ['200 POST a / {} []']],
  ['absolute form', 'GET http://b.c/p?q HTTP/1.1\r\nHost: a\r\n\r\n', ['200 GET b.c /p?q {} []']],
  ['absolute form with user', 'GET http://u:p@b.c/p HTTP/1.1\r\nHost: a\r\n\r\n', ['200 GET b.c /p {} []']],
  ['absolute form without path', 'GET http://b.c HTTP/1.1\r\nHost: a\r\n\r\n', ['200 GET b.c / {} []']],
  ['absolute form with query only', 'GET http://b.c?x HTTP/1.1\r\nHost: a\r\n\r\n', ['200 GET b.c /?x {} []']],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', ['200 OPTIONS a * {} []']],
  ['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', ['200 CONNECT a:80  {} []']],
  [
    'hop-by-hop headers',
    `${GET}Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 3\r\nTE: gzip\r\n\r\n`,
    ['200 GET a / {} []'],
  ],
  ['TE: trailers', `${GET}TE: trailers, gzip\r\n\r\n`, ['200 GET a / {te=trailers} []']],
  [
    'pipelined requests',
    `${GET}\r\n${POST}Content-Length: 1\r\n\r\nx${GET}\r\n`,
    ['200 GET a / {} []', '200 POST a / {content-length=1} [x]', '200 GET a / {} []'],
  ],
];

const refused: [name: string, input: string, answer: string][] = [
  ['bare LF', 'GET / HTTP/1.1\nHost: a\n\n', '400 http1.codec_error'],
  ['bare LF after one header', `${GET}x: 1\n\r\n`, '400 http1.codec_error'],
  ['bare CR in a value', `${GET}x: a\rb\r\n\r\n`, '400 http1.codec_error'],
  ['NUL in a value', `${GET}x: a\0b\r\n\r\n`, '400 http1.invalid_characters'],
  ['a control character in a value', `${GET}x: a\x01b\r\n\r\n`, '400 http1.invalid_characters'],
  ['DEL in a value', `${GET}x: a\x7fb\r\n\r\n`, '400 http1.invalid_characters'],
  ['obs-fold', `${GET}x: a\r\n b\r\n\r\n`, '400 http1.codec_error'],
  ['obs-fold with a colon', `${GET}x: a\r\n b: c\r\n\r\n`, '400 http1.codec_error'],
  ['space before the colon', `${GET}x : a\r\n\r\n`, '400 http1.codec_error'],
  ['space before the first name', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', '400 http1.codec_error'],
  ['no colon', `${GET}abc\r\n\r\n`, '400 http1.codec_error'],
  ['an empty name', `${GET}: a\r\n\r\n`, '400 http1.codec_error'],
  ['a separator in a name', `${GET}x(y: a\r\n\r\n`, '400 http1.codec_error'],
  ['obs-text in a name', `${GET}x\xe9: a\r\n\r\n`, '400 http1.codec_error'],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', '400 missing_host_header'],
  ['absolute form without Host', 'GET http://b/ HTTP/1.1\r\n\r\n', '400 missing_host_header'],
  ['two Hosts', `${GET}Host: b\r\n\r\n`, '400 http1.codec_error'],
  ['the same Host twice', `${GET}Host: a\r\n\r\n`, '400 http1.codec_error'],
  ['a space in Host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', '400 http.invalid_authority'],
  ['a slash in Host', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', '400 http.invalid_authority'],
  ['two spaces in the request line', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', '400 http1.codec_error'],
  ['tabs in the request line', 'GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n', '400 http1.codec_error'],
  ['no version', 'GET /\r\nHost: a\r\n\r\n', '400 http1.codec_error'],
  ['an unknown method', 'FROB / HTTP/1.1\r\nHost: a\r\n\r\n', '400 http1.codec_error'],
  ['a method in lower case', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', '400 http1.codec_error'],
  ['obs-text in the path', 'GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n', '400 http1.invalid_characters'],
  ['a target that is no path', 'GET p HTTP/1.1\r\nHost: a\r\n\r\n', '400 http1.codec_error'],
  ['another scheme', 'GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n', '400 http1.invalid_scheme'],
  ['GET *', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', '400 http1.invalid_url'],
  ['CONNECT to a path', 'CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n', '400 http1.invalid_url'],
  ['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\n\r\n', '426 low_version'],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', '426 low_version'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400 http1.codec_error'],
  [
    'Content-Length and Transfer-Encoding',
    `${POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    '400 http1.content_length_and_chunked_not_allowed',
  ],
  [
    'two differing Content-Lengths',
    `${POST}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`,
    '400 http1.codec_error',
  ],
  ['two equal Content-Lengths', `${POST}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, '400 http1.codec_error'],
  ['a list as Content-Length', `${POST}Content-Length: 3, 3\r\n\r\nabc`, '400 http1.codec_error'],
  ['a negative Content-Length', `${POST}Content-Length: -1\r\n\r\n`, '400 http1.codec_error'],
  ['a signed Content-Length', `${POST}Content-Length: +3\r\n\r\nabc`, '400 http1.codec_error'],
  ['a hexadecimal Content-Length', `${POST}Content-Length: 0x3\r\n\r\nabc`, '400 http1.codec_error'],
  ['an empty Content-Length', `${POST}Content-Length:\r\n\r\n`, '400 http1.codec_error'],
  ['a huge Content-Length', `${POST}Content-Length: 99999999999999999999\r\n\r\n`, '400 http1.codec_error'],
  [
    'a coding before chunked',
    `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    '501 http1.invalid_transfer_encoding',
  ],
  ['identity', `${POST}Transfer-Encoding: identity\r\n\r\n`, '501 http1.invalid_transfer_encoding'],
  [
    'chunked twice',
    `${CHUNKED.slice(0, -2)}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    '501 http1.invalid_transfer_encoding',
  ],
  ['an 11th header', `${GET}${'x: 1\r\n'.repeat(10)}\r\n`, '431 http1.too_many_headers'],
  ['a head over the limit', `${GET}x: ${'a'.repeat(1_000)}\r\n\r\n`, '431 http1.headers_too_large'],
  ['a chunk size that is no number', `${CHUNKED}zz\r\n`, '400 http1.codec_error'],
  ['an empty chunk size', `${CHUNKED}\r\nabc\r\n`, '400 http1.codec_error'],
  ['a chunk size with 0x', `${CHUNKED}0x3\r\nabc\r\n`, '400 http1.codec_error'],
  ['a chunk size that overflows', `${CHUNKED}10000000000000000\r\n`, '400 http1.codec_error'],
  ['a space after the chunk size', `${CHUNKED}3 \r\nabc\r\n`, '400 http1.codec_error'],
  ['bare LF after the chunk size', `${CHUNKED}3\nabc\n`, '400 http1.codec_error'],
  ['a chunk longer than its size', `${CHUNKED}3\r\nabcd\r\n0\r\n\r\n`, '400 http1.codec_error'],
  ['a control character in an extension', `${CHUNKED}3;\x01\r\nabc\r\n`, '400 http1.codec_error'],
  ['extensions over the limit', `${CHUNKED}3;${'x'.repeat(5_000)}\r\nabc\r\n`, '400 http1.codec_error'],
  ['framing in a trailer', `${CHUNKED}0\r\nContent-Length: 3\r\n\r\n`, '400 http1.codec_error'],
  ['bare LF in a trailer', `${CHUNKED}0\r\nx: 1\n\r\n`, '400 http1.codec_error'],
];

describe('requests that are understood', () => {
  test.each(accepted)('%s', (_name, input, answer) => {
    expect(deliver(whole(input))).toEqual(answer);
    expect(deliver(bytewise(input))).toEqual(answer);
  });
});

describe('requests that are refused', () => {
  test.each(refused)('%s', (_name, input, answer) => {
    expect(deliver(whole(input))).toEqual([answer]);
    expect(deliver(bytewise(input))).toEqual([answer]);
  });

  test.each(refused)('%s: closes, and reads nothing after it', (_name, input) => {
    const { socket } = serve();
    socket.feed(`${input}${GET}\r\n`);
    expect(socket.written).toContain('connection: close\r\n');
    expect(answers(socket.written)).toHaveLength(1);
    expect(socket.writableEnded).toBe(true);
  });
});

test('the split of the bytes never changes the answers', () => {
  const inputs = [...accepted.map(([, input]) => input), ...refused.map(([, input]) => input)];
  fc.assert(
    fc.property(fc.constantFrom(...inputs), fc.array(fc.nat(1_200), { maxLength: 6 }), (input, cuts) => {
      const bytes = Buffer.from(input, 'latin1');
      const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const pieces = edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
      expect(deliver(pieces.filter((piece) => piece.length > 0))).toEqual(deliver([bytes]));
    }),
    { numRuns: 500 },
  );
});

test('any bytes are answered or waited for, never a bug', () => {
  const fragment = fc.constantFrom(
    'GET ',
    '/ ',
    'HTTP/1.1',
    '\r\n',
    '\n',
    'Host: a',
    ':',
    ' ',
    '\0',
    'Content-Length: 1',
    'Transfer-Encoding: chunked',
    '0',
    '\xff',
  );
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 30 }), (fragments) => {
      const input = fragments.join('');
      expect(deliver(bytewise(input))).toEqual(deliver(whole(input)));
    }),
    { numRuns: 500 },
  );
});

describe('framing of responses', () => {
  function respond(
    request: string,
    status: number,
    headers: string[],
    body: string | null,
    trailers: string[] | null = null,
  ) {
    const clock = new ManualClock();
    const socket = new MemorySocket();
    const acceptor: StreamAcceptor = {
      accept(stream) {
        stream.respond({ status, headers: new HeaderMap(headers) }, body === null);
        if (body !== null) {
          stream.write(Buffer.from(body));
          stream.finish(trailers === null ? null : new HeaderMap(trailers));
        }
        return { onData() {}, onEnd() {}, onReadDone() {}, onFault() {}, onAbort() {}, onDrain() {}, onBug: raise };
      },
      refuse: () => expect.unreachable(),
    };
    const owner = {
      clock,
      wheel: new TimerWheel(clock, () => undefined),
      departures: { downstream_cx_idle_timeout: 0, downstream_cx_delayed_close_timeout: 0 },
      onClosed() {},
      onBug: (error: unknown) => expect.unreachable(String(error)),
    };
    const { downstream } = testExchange();
    new Http1ServerConnection(socket, downstream, acceptor, { ...LIMITS, acceptHttp10: true }, owner);
    socket.feed(request);
    return socket.written;
  }
  const HEAD = 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n';
  const OLD = 'GET / HTTP/1.0\r\nHost: a\r\n\r\n';
  test.each<[string, string, number, string[], string | null, string[] | null, string]>([
    [
      'length',
      `${GET}\r\n`,
      200,
      ['content-length', '2'],
      'ok',
      null,
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    ],
    [
      'chunked when the length is unknown',
      `${GET}\r\n`,
      200,
      [],
      'ok',
      null,
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ],
    [
      'trailers',
      `${GET}\r\n`,
      200,
      [],
      'ok',
      ['x', '1'],
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: 1\r\n\r\n',
    ],
    ['no body', `${GET}\r\n`, 200, [], null, null, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['204', `${GET}\r\n`, 204, [], null, null, 'HTTP/1.1 204 No Content\r\n\r\n'],
    [
      '304 keeps the length it speaks of',
      `${GET}\r\n`,
      304,
      ['content-length', '9'],
      null,
      null,
      'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n',
    ],
    [
      'HEAD keeps the length it speaks of',
      HEAD,
      200,
      ['content-length', '9'],
      null,
      null,
      'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n',
    ],
    [
      'HTTP/1.0 gets the end of the connection',
      OLD,
      200,
      [],
      'ok',
      null,
      'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok',
    ],
    [
      'close when asked',
      `${GET}Connection: close\r\n\r\n`,
      200,
      [],
      null,
      null,
      'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
    ],
  ])('%s', (_name, request, status, headers, body, trailers, expected) => {
    expect(respond(request, status, headers, body, trailers)).toBe(expected);
  });
});

test('URLs as targets count as paths where they are not taken', () => {
  const http1 = { ...defaultHttp1Options, takesUrls: false };
  expect(deliver(whole('GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n'), { http1 })).toEqual([
    '200 GET a http://b/x {} []',
  ]);
});

test.each<[underscores: ServerConnectionOptions['underscores'], answer: string]>([
  ['allow', '200 GET a / {x_a=1&x-b=2} []'],
  ['drop', '200 GET a / {x-b=2} []'],
  ['reject', '400 http1.unexpected_underscore'],
])('names with underscores: %s', (underscores, answer) => {
  expect(deliver(whole(`${GET}x_a: 1\r\nx-b: 2\r\n\r\n`), { underscores })).toEqual([answer]);
});

describe('time and closing', () => {
  test('Expect: 100-continue is answered at once and not passed on', () => {
    const { socket } = serve();
    socket.feed(`${POST}Content-Length: 1\r\nExpect: 100-continue\r\n\r\n`);
    expect(socket.written).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.feed('x');
    expect(answers(socket.written)).toEqual(['200 POST a / {content-length=1} [x]']);
  });

  test('half a head is answered 408 when its time is over', () => {
    const { socket, clock } = serve();
    socket.feed('GET / HT');
    clock.advance(4_900);
    expect(socket.written).toBe('');
    clock.advance(200);
    expect(answers(socket.written)).toEqual(['408 request_header_timeout']);
    expect(socket.writableEnded).toBe(true);
  });

  test('half a body is answered 408 when the time of the request is over', () => {
    const { socket, clock } = serve();
    socket.feed(`${POST}Content-Length: 5\r\n\r\nab`);
    clock.advance(9_100);
    expect(answers(socket.written)).toEqual(['408 request_overall_timeout']);
  });

  test('an idle connection is closed, counted from its last answer, when the drain time is over', () => {
    const { socket, clock, departures } = serve();
    clock.advance(59_000);
    socket.feed(`${GET}\r\n`);
    clock.advance(59_000);
    expect(departures.downstream_cx_idle_timeout).toBe(0);
    clock.advance(1_100);
    expect(departures.downstream_cx_idle_timeout).toBe(1);
    clock.advance(4_800);
    expect(socket.writableEnded).toBe(false);
    clock.advance(300);
    expect(socket.writableEnded).toBe(true);
  });

  test('a retired connection serves what comes in the drain time, and says that it goes', () => {
    const { socket, clock, connection } = serve();
    expect([connection.retire(), connection.retire()]).toEqual([true, false]);
    socket.feed(`${GET}\r\n`);
    clock.advance(3_000);
    socket.feed(`${GET}\r\n`);
    expect(socket.written.match(/connection: close/g)).toHaveLength(2);
    socket.feed(`${POST}Content-Length: 1\r\n\r\n`);
    clock.advance(3_000);
    expect(socket.writableEnded).toBe(false);
    socket.feed('x');
    expect(socket.writableEnded).toBe(true);
  });

  test('an ended connection is destroyed when the peer does not close', async () => {
    const { socket, clock, closed, departures } = serve();
    socket.feed(`${GET}Connection: close\r\n\r\n`);
    expect(socket.destroyed).toBe(false);
    clock.advance(1_100);
    await closed;
    expect([socket.destroyed, departures.downstream_cx_delayed_close_timeout]).toEqual([true, 1]);
  });

  test('without a delayed close the socket goes with the answer', async () => {
    const { socket, closed, departures } = serve({ delayedCloseTimeout: 0 });
    socket.feed(`${GET}Connection: close\r\n\r\n`);
    await closed;
    expect([socket.destroyed, departures.downstream_cx_delayed_close_timeout]).toEqual([true, 0]);
  });
});

function raise(error: unknown): never {
  throw error;
}
