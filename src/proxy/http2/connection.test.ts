// Both sides over a socket in memory: what a peer may not do, what it cannot make us hold, and how connections end.
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { HeaderMap } from '../http/headers.ts';
import { defaultResponseLimits } from '../http/response-limits.ts';
import type { ClientStreamHandler, ServerStream, StreamAcceptor } from '../http/stream.ts';
import { testExchange } from '../testing/exchange.ts';
import { MemorySocket } from '../testing/memory-socket.ts';
import { Http2ClientConnection } from './client-connection.ts';
import { FrameReader } from './frame-reader.ts';
import { defaultHttp2Options, type Http2Options } from './options.ts';
import { code, FRAME_HEAD, flags, frame, PREFACE } from './protocol.ts';
import { Http2ServerConnection } from './server-connection.ts';
import { Http2Stats } from './stats.ts';

type Sent = { type: number; flags: number; stream: number; payload: Buffer };

const GET = Buffer.from('\x82\x86\x84\x41\x01a', 'latin1');
const POST = Buffer.from('\x83\x86\x84\x41\x01a', 'latin1');
const OK = Buffer.from('\x88', 'latin1');
const SETTINGS = frameOf(frame.settings, 0, 0);

function frameOf(type: number, flagBits: number, stream: number, payload: Buffer | number[] = []): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flagBits;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

const get = (stream: number) => frameOf(frame.headers, flags.endHeaders | flags.endStream, stream, GET);
const post = (stream: number) => frameOf(frame.headers, flags.endHeaders, stream, POST);
const reset = (stream: number, why: number) => frameOf(frame.rstStream, 0, stream, [0, 0, 0, why]);

/** Frames written so far, without a client's preface. */
function sent(socket: MemorySocket): Sent[] {
  const frames: Sent[] = [];
  let data: Sent | null = null;
  const all = Buffer.from(socket.written, 'latin1');
  new FrameReader({
    onFrame: (type, flagBits, stream, bytes, start, end) =>
      frames.push({ type, flags: flagBits, stream, payload: Buffer.from(bytes.subarray(start, end)) }),
    onDataHead(stream, _length, _padding, flagBits) {
      data = { type: frame.data, flags: flagBits, stream, payload: Buffer.alloc(0) };
      frames.push(data);
    },
    onDataBytes: (bytes, start, end) => {
      data!.payload = Buffer.concat([data!.payload, bytes.subarray(start, end)]);
    },
    onDataEnd: () => undefined,
    onBadFrame: (reason) => {
      throw new Error(reason);
    },
  }).read(all.subarray(0, PREFACE.length).equals(PREFACE) ? all.subarray(PREFACE.length) : all);
  return frames;
}

const goaways = (socket: MemorySocket) =>
  sent(socket)
    .filter(({ type }) => type === frame.goaway)
    .map(({ payload }) => [payload.readUInt32BE(0), payload.readUInt32BE(4)]);

function surroundings() {
  const clock = new ManualClock();
  const bugs: unknown[] = [];
  const wheel = new TimerWheel(clock, (error) => bugs.push(error));
  const calls: string[] = [];
  const note = (name: string) => () => void calls.push(name);
  const owner = {
    clock,
    wheel,
    random: () => 0,
    stats: new Http2Stats(),
    departures: { downstream_cx_idle_timeout: 0, downstream_cx_delayed_close_timeout: 0 },
    onClosed: note('closed'),
    onProtocolError: note('protocol error'),
    onLimit: () => undefined,
    onAvailable: note('available'),
    onIdle: note('idle'),
    onDraining: note('draining'),
    onBug: (error: unknown) => bugs.push(error),
  };
  return { owner, clock, bugs, calls };
}

function serve(options: Partial<Http2Options> = {}, acceptor: StreamAcceptor = answering) {
  const socket = new MemorySocket();
  const around = surroundings();
  const http2 = { ...defaultHttp2Options, ...options };
  const limits = {
    ...{
      maxHeadBytes: 4_096,
      proxies100Continue: false,
      underscores: 'allow' as const,
      maxHeaders: 20,
      idleTimeout: 60_000,
      drainTimeout: 5_000,
      delayedCloseTimeout: 1_000,
      http2,
    },
    ...{ requestHeadersTimeout: 5_000, requestTimeout: 9_000, streamIdleTimeout: 0, maxStreamDuration: 0 },
  };
  const { downstream } = testExchange();
  const connection = new Http2ServerConnection(socket, downstream, acceptor, limits, around.owner);
  socket.feed(Buffer.concat([PREFACE, SETTINGS]));
  return { socket, connection, ...around };
}

const raise = (error: unknown) => {
  throw error;
};
const silent = { onData() {}, onEnd() {}, onReadDone() {}, onFault() {}, onAbort() {}, onDrain() {}, onBug: raise };

const answering: StreamAcceptor = {
  accept(stream, _head, last) {
    if (last) stream.respond({ status: 200, headers: new HeaderMap() }, true);
    return silent;
  },
  refuse: (stream) => stream.reset(),
};

describe('floods end the connection, and are counted', () => {
  const many = (count: number, make: (i: number) => Buffer) =>
    Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
  const emptyHeaders = Buffer.concat([
    frameOf(frame.headers, 0, 1, []),
    many(2, () => frameOf(frame.continuation, 0, 1)),
  ]);
  test.each<[name: string, bytes: Buffer, counter: keyof Http2Stats | null]>([
    ['empty DATA', Buffer.concat([post(1), many(2, () => frameOf(frame.data, 0, 1))]), 'inbound_empty_frames_flood'],
    ['empty CONTINUATION', emptyHeaders, 'inbound_empty_frames_flood'],
    ['PRIORITY', many(101, () => frameOf(frame.priority, 0, 3, [0, 0, 0, 0, 1])), 'inbound_priority_frames_flood'],
    [
      'WINDOW_UPDATE',
      many(6, () => frameOf(frame.windowUpdate, 0, 0, [0, 0, 0, 1])),
      'inbound_window_update_frames_flood',
    ],
    [
      'small CONTINUATION',
      Buffer.concat([frameOf(frame.headers, 0, 1, GET), many(9, () => frameOf(frame.continuation, 0, 1, [0]))]),
      null,
    ],
    [
      'large CONTINUATION',
      Buffer.concat([
        frameOf(frame.headers, 0, 1, GET),
        many(2, () => frameOf(frame.continuation, 0, 1, Buffer.alloc(16_384))),
      ]),
      null,
    ],
  ])('%s', (_name, bytes, counter) => {
    const { socket, owner, calls } = serve();
    socket.feed(bytes);
    expect(goaways(socket).map(([, why]) => why)).toEqual([code.enhanceYourCalm]);
    if (counter !== null) expect(owner.stats[counter]).toBe(1);
    socket.destroy();
    socket.emit('close');
    expect(calls).toContain('protocol error');
  });

  test('PING and SETTINGS whose answers nobody reads', () => {
    for (const ask of [frameOf(frame.ping, 0, 0, Buffer.alloc(8)), SETTINGS]) {
      const { socket, owner } = serve({ maxOutboundControlFrames: 100 });
      socket.feed(many(101, () => ask));
      expect(owner.stats.outbound_control_flood).toBe(1);
      expect(socket.destroyed).toBe(true);
    }
  });

  test('requests that are taken back as soon as they are made', () => {
    const { socket } = serve({}, { ...answering, accept: () => silent });
    for (let id = 1; id < 1_002; id += 2) socket.feed(Buffer.concat([get(id), reset(id, code.cancel)]));
    expect(goaways(socket).map(([, why]) => why)).toEqual([code.enhanceYourCalm]);
  });

  test('more streams than allowed are refused, one by one', () => {
    const { socket } = serve({ maxConcurrentStreams: 2 }, { ...answering, accept: () => silent });
    for (const id of [1, 3, 5]) socket.feed(get(id));
    const refused = sent(socket).filter(({ type }) => type === frame.rstStream);
    expect(refused.map(({ stream, payload }) => [stream, payload.readUInt32BE()])).toEqual([[5, code.refusedStream]]);
  });
});

describe('flow control', () => {
  test('a slow reader: what the window does not let through waits, and the writer hears of it', () => {
    const drains: number[] = [];
    let stream: ServerStream | null = null;
    const { socket } = serve(
      {},
      {
        ...answering,
        accept(opened) {
          stream = opened;
          opened.respond({ status: 200, headers: new HeaderMap() }, false);
          return { ...silent, onDrain: () => void drains.push(1) };
        },
      },
    );
    socket.feed(get(1));
    const writer = stream as unknown as ServerStream;
    let written = 0;
    for (; !writer.backedUp; written += 10_000) writer.write(Buffer.alloc(10_000));
    const received = () =>
      sent(socket).reduce((sum, { type, payload }) => sum + (type === frame.data ? payload.length : 0), 0);
    expect(received()).toBe(65_535);
    expect(written).toBeLessThan(65_535 + 65_536 + 10_000);
    socket.feed(frameOf(frame.windowUpdate, 0, 1, [0, 1, 0, 0]));
    expect(received()).toBe(65_535);
    socket.feed(frameOf(frame.windowUpdate, 0, 0, [0, 2, 0, 0]));
    expect(received()).toBe(131_071);
    expect(drains).toEqual([1]);
    writer.finish(null);
    socket.feed(frameOf(frame.windowUpdate, 0, 1, [0, 1, 0, 0]));
    expect(received()).toBe(written);
    expect(sent(socket).at(-1)!.flags).toBe(flags.endStream);
  });

  test('the end of a body is told in its last frame', () => {
    const acceptor: StreamAcceptor = {
      ...answering,
      accept(opened) {
        opened.respond({ status: 200, headers: new HeaderMap() }, false);
        opened.write(Buffer.from('hello'));
        opened.finish(null);
        return silent;
      },
    };
    const { socket } = serve({}, acceptor);
    socket.feed(get(1));
    const data = sent(socket).filter(({ type }) => type === frame.data);
    expect(data.map(({ flags: bits, payload }) => [bits, payload.toString()])).toEqual([[flags.endStream, 'hello']]);
  });

  test('a paused stream gets no new credit, and holds the connection’s back too', () => {
    let stream: ServerStream | null = null;
    const accept = (opened: ServerStream) => {
      stream = opened;
      opened.pause();
      return silent;
    };
    const { socket } = serve(
      { initialStreamWindow: 65_535, initialConnectionWindow: 65_535 },
      { ...answering, accept },
    );
    socket.feed(post(1));
    for (let i = 0; i < 3; i++) socket.feed(frameOf(frame.data, 0, 1, Buffer.alloc(16_384)));
    const updates = () =>
      sent(socket)
        .filter(({ type }) => type === frame.windowUpdate)
        .map(({ stream: id }) => id);
    expect(updates()).toEqual([]);
    (stream as unknown as ServerStream).resume();
    expect(updates()).toEqual([1, 0]);
  });

  test('more than the window allows is an error', () => {
    const { socket } = serve(
      { initialStreamWindow: 65_535 },
      {
        ...answering,
        accept(opened) {
          opened.pause();
          return silent;
        },
      },
    );
    socket.feed(post(1));
    for (let i = 0; i < 5; i++) socket.feed(frameOf(frame.data, 0, 1, Buffer.alloc(16_384)));
    const [broken] = sent(socket).filter(({ type }) => type === frame.rstStream);
    expect(broken!.payload.readUInt32BE()).toBe(code.flowControlError);
  });
});

describe('the end of a server’s connection', () => {
  test('graceful: a first GOAWAY for all streams, a second one when the peer has seen it, the end after the last answer', () => {
    let stream: ServerStream | null = null;
    const accept = (opened: ServerStream) => {
      stream = opened;
      return silent;
    };
    const { socket, connection, clock } = serve({}, { ...answering, accept });
    socket.feed(get(1));
    connection.drain();
    expect(goaways(socket)).toEqual([[2 ** 31 - 1, 0]]);
    socket.feed(get(3));
    clock.advance(4_900);
    expect(goaways(socket)).toHaveLength(1);
    clock.advance(200);
    expect(goaways(socket)).toEqual([
      [2 ** 31 - 1, 0],
      [3, 0],
    ]);
    socket.feed(reset(1, code.cancel));
    expect(socket.writableEnded).toBe(false);
    (stream as unknown as ServerStream).respond({ status: 204, headers: new HeaderMap() }, true);
    expect(socket.writableEnded).toBe(true);
  });

  test('idle: the same, after the idle timeout', () => {
    const { socket, clock, owner } = serve();
    socket.feed(get(1));
    clock.advance(61_000);
    expect(owner.departures.downstream_cx_idle_timeout).toBe(1);
    clock.advance(5_100);
    expect(goaways(socket)).toEqual([
      [2 ** 31 - 1, 0],
      [1, 0],
    ]);
  });

  test('a head that does not come to its end is answered 408; what is left of it is ignored, the next request is served', () => {
    const faults: string[] = [];
    const refuse: StreamAcceptor['refuse'] = (stream, { status, details }) => {
      faults.push(details);
      stream.respond({ status, headers: new HeaderMap() }, true);
    };
    const { socket, clock } = serve({}, { ...answering, refuse });
    socket.feed(frameOf(frame.headers, flags.endStream, 1, GET));
    clock.advance(5_100);
    socket.feed(Buffer.concat([frameOf(frame.continuation, flags.endHeaders, 1), get(3)]));
    clock.advance(5_100);
    expect(faults).toEqual(['request_header_timeout']);
    const answers = sent(socket).filter(({ type }) => type === frame.headers || type === frame.rstStream);
    expect(answers.map(({ type, stream }) => [type, stream])).toEqual([
      [frame.headers, 1],
      [frame.rstStream, 1],
      [frame.headers, 3],
    ]);
    expect(goaways(socket)).toEqual([]);
  });

  test('a head that is complete in time is not watched any longer', () => {
    const faults: string[] = [];
    const { socket, clock } = serve({}, { ...answering, refuse: (_stream, { details }) => void faults.push(details) });
    socket.feed(frameOf(frame.headers, flags.endStream, 1, GET));
    socket.feed(frameOf(frame.continuation, flags.endHeaders, 1));
    clock.advance(10_000);
    expect(faults).toEqual([]);
  });

  test('a request that does not come to its end is answered 408', () => {
    const faults: string[] = [];
    const accept = () => ({ ...silent, onFault: ({ details }: { details: string }) => void faults.push(details) });
    const { socket, clock } = serve({}, { ...answering, accept });
    socket.feed(post(1));
    clock.advance(9_100);
    expect(faults).toEqual(['request_overall_timeout']);
  });
});

function open(options: Partial<Http2Options> = {}) {
  const socket = new MemorySocket();
  const around = surroundings();
  const http2 = { ...defaultHttp2Options, ...options };
  const limits = { http2, responseLimits: defaultResponseLimits };
  const connection = new Http2ClientConnection(socket, null, limits, around.owner);
  const ask = (method = 'GET', last = true) => {
    const heard: string[] = [];
    const handler: ClientStreamHandler = {
      onInterim: ({ status }) => void heard.push(`interim ${status}`),
      onResponse: ({ status }, end) => void heard.push(`${status}${end ? ' end' : ''}`),
      onData: (chunk) => void heard.push(chunk.toString()),
      onEnd: (trailers) => void heard.push(`end ${trailers?.fields.join('=') ?? ''}`.trim()),
      onReadDone: () => undefined,
      onReset: (reason) => void heard.push(reason),
      onDrain: () => undefined,
      onBug: (error) => around.bugs.push(error),
    };
    const head = { method, scheme: 'http', authority: 'a', path: '/', protocol: 'HTTP/2', upgrade: '' } as const;
    const stream = connection.open({ ...head, headers: new HeaderMap() }, last, handler);
    return { heard, stream };
  };
  socket.feed(SETTINGS);
  return { socket, connection, ask, ...around };
}

describe('a client’s connection', () => {
  const head = (stream: number, end: boolean) =>
    frameOf(frame.headers, flags.endHeaders | (end ? flags.endStream : 0), stream, OK);
  test.each<[name: string, bytes: Buffer, heard: string[]]>([
    ['an answer', Buffer.concat([head(1, false), frameOf(frame.data, 1, 1, Buffer.from('hi'))]), ['200', 'hi', 'end']],
    ['an answer without a body', head(1, true), ['200 end']],
    [
      'trailers',
      Buffer.concat([head(1, false), frameOf(frame.headers, 5, 1, Buffer.from('\0\x01t\x01v'))]),
      ['200', 'end t=v'],
    ],
    [
      'an interim answer',
      Buffer.concat([frameOf(frame.headers, 4, 1, Buffer.from('\x08\x03103')), head(1, true)]),
      ['interim 103', '200 end'],
    ],
    ['a reset', reset(1, code.cancel), ['remote-reset']],
    ['a refusal', reset(1, code.refusedStream), ['refused-stream']],
    ['a reset for what we did', reset(1, code.protocolError), ['protocol-error']],
    ['a goodbye that leaves it out', frameOf(frame.goaway, 0, 0, Buffer.alloc(8)), ['refused-stream']],
    ['a body before its head', frameOf(frame.data, 0, 1, Buffer.from('x')), ['protocol-error']],
    ['a head without a status', frameOf(frame.headers, 5, 1, Buffer.from('\0\x01t\x01v')), ['protocol-error']],
    ['101', frameOf(frame.headers, 4, 1, Buffer.from('\x08\x03101')), ['protocol-error']],
    ['a push', frameOf(frame.pushPromise, 4, 1, Buffer.alloc(5)), ['protocol-error']],
  ])('%s', (_name, bytes, wants) => {
    const { socket, ask, bugs } = open();
    const { heard } = ask();
    socket.feed(bytes);
    expect(heard).toEqual(wants);
    expect(bugs).toEqual([]);
  });

  test.each<[name: string, end: (socket: MemorySocket) => void]>([
    ['the peer broke the rules', (socket) => socket.feed(frameOf(frame.pushPromise, 4, 1, Buffer.alloc(5)))],
    ['the peer said goodbye', (socket) => socket.feed(frameOf(frame.goaway, 0, 0, Buffer.alloc(8)))],
    ['the peer ended the connection', (socket) => socket.emit('end')],
  ])('that is at its end is offered to nobody, before its requests hear of it: %s', (_name, end) => {
    const { socket, connection, ask, calls } = open();
    const offered: boolean[] = [];
    const { heard } = ask();
    heard.push = () => offered.push(calls.includes('draining') ? connection.available : true);
    end(socket);
    expect(calls).toContain('draining');
    expect(connection.available).toBe(false);
    expect(offered).not.toContain(true);
  });

  test('what was asked before the goodbye is answered, and then it ends', () => {
    const { socket, ask, calls, connection } = open();
    const [first, second] = [ask(), ask()];
    socket.feed(frameOf(frame.goaway, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0]));
    expect([connection.available, calls]).toEqual([false, ['draining']]);
    expect(second.heard).toEqual(['refused-stream']);
    socket.feed(head(1, true));
    expect(first.heard).toEqual(['200 end']);
    expect(socket.writableEnded).toBe(true);
  });

  test('an answer before the request is complete takes the rest of it back', () => {
    const { socket, ask } = open();
    const { heard } = ask('POST', false);
    socket.feed(head(1, true));
    expect(heard).toEqual(['200 end']);
    expect(sent(socket).at(-1)).toMatchObject({ type: frame.rstStream, stream: 1 });
  });

  test('the peer’s limit of streams holds, and room is told once', () => {
    const { socket, ask, connection, calls } = open();
    socket.feed(frameOf(frame.settings, 0, 0, [0, 3, 0, 0, 0, 1]));
    ask();
    expect(connection.available).toBe(false);
    socket.feed(head(1, true));
    expect(connection.available).toBe(true);
    expect(calls).toEqual(['idle', 'available']);
  });

  test('pings find out that nobody is there', () => {
    const { socket, clock, owner } = open({ keepalive: { interval: 1_000, timeout: 500, idleInterval: 0, jitter: 0 } });
    clock.advance(1_010);
    const ping = sent(socket).find(({ type }) => type === frame.ping)!;
    socket.feed(frameOf(frame.ping, flags.ack, 0, ping.payload));
    clock.advance(1_010);
    expect(owner.stats.keepalive_timeout).toBe(0);
    clock.advance(510);
    expect(owner.stats.keepalive_timeout).toBe(1);
    expect(socket.destroyed).toBe(true);
  });
});
