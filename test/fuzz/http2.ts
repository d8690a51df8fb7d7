// HTTP/2 connections, both sides: any bytes are dealt with without an exception, what is said back are frames, and no more than a bounded
// number of bytes per byte received.
import { ManualClock } from '../../src/lib/manual-clock.ts';
import { TimerWheel } from '../../src/lib/timer-wheel.ts';
import { HeaderMap } from '../../src/proxy/http/headers.ts';
import { nobody } from '../../src/proxy/http/nobody.ts';
import { defaultResponseLimits } from '../../src/proxy/http/response-limits.ts';
import type { ClientStreamHandler, StreamAcceptor } from '../../src/proxy/http/stream.ts';
import { Http2ClientConnection } from '../../src/proxy/http2/client-connection.ts';
import { FrameReader } from '../../src/proxy/http2/frame-reader.ts';
import { defaultHttp2Options } from '../../src/proxy/http2/options.ts';
import { PREFACE } from '../../src/proxy/http2/protocol.ts';
import { Http2ServerConnection } from '../../src/proxy/http2/server-connection.ts';
import { Http2Stats } from '../../src/proxy/http2/stats.ts';
import { MemorySocket } from '../../src/proxy/testing/memory-socket.ts';
import type { Target } from './target.ts';

/** Bytes said back per byte received, and what the client sends by itself. */
const MOST_PER_BYTE = 64;
const MOST_FIRST = 110_000;

export const http2Server: Target = {
  name: 'http2-server',
  run(input) {
    const socket = new MemorySocket();
    const { owner, bugs } = surroundings();
    const http2 = { ...defaultHttp2Options, allowConnect: true, streamErrorOnInvalidMessage: input.length % 2 === 0 };
    const limits = {
      ...{
        maxHeadBytes: 4_096,
        proxies100Continue: false,
        underscores: 'allow' as const,
        maxHeaders: 20,
        idleTimeout: 60_000,
        drainTimeout: 0,
        delayedCloseTimeout: 0,
        http2,
      },
      ...{ requestHeadersTimeout: 0, requestTimeout: 0, streamIdleTimeout: 0, maxStreamDuration: 0 },
    };
    const connection = new Http2ServerConnection(socket, nobody, echo, limits, owner);
    socket.feed(PREFACE);
    feed(socket, input);
    check(socket, bugs, input, 0);
    connection.destroy();
  },
};

export const http2Client: Target = {
  name: 'http2-client',
  run(input) {
    const socket = new MemorySocket();
    const { owner, bugs } = surroundings();
    const connection = new Http2ClientConnection(
      socket,
      null,
      { http2: defaultHttp2Options, responseLimits: defaultResponseLimits },
      owner,
    );
    for (const method of ['GET', 'HEAD', 'POST']) {
      const head = { method, scheme: 'http', authority: 'a', path: '/', protocol: 'HTTP/2', upgrade: '' } as const;
      const stream = connection.open({ ...head, headers: new HeaderMap() }, method !== 'POST', listener(bugs));
      if (method === 'POST') stream.write(Buffer.alloc(100_000));
    }
    feed(socket, input);
    check(socket, bugs, input, PREFACE.length);
    connection.close();
  },
};

/** Answers each request with its body. */
const echo: StreamAcceptor = {
  accept(stream, head, last) {
    stream.respond({ status: 200, headers: head.headers }, last);
    return {
      onData: (chunk) => stream.write(chunk),
      onEnd: (trailers) => stream.finish(trailers),
      onReadDone: () => stream.flush(),
      onFault: () => stream.reset(),
      onAbort: () => undefined,
      onDrain: () => undefined,
      onBug: raise,
    };
  },
  refuse: (stream) => stream.reset(),
};

function listener(bugs: unknown[]): ClientStreamHandler {
  let over = false;
  const running = () => {
    if (over) throw new Error('something was delivered after the end of a stream');
  };
  return {
    onInterim: running,
    onResponse(_head, last) {
      running();
      over = last;
    },
    onData: running,
    onEnd() {
      running();
      over = true;
    },
    onReadDone: () => undefined,
    onReset() {
      running();
      over = true;
    },
    onDrain: () => undefined,
    onBug: (error) => bugs.push(error),
  };
}

function surroundings() {
  const clock = new ManualClock();
  const bugs: unknown[] = [];
  const wheel = new TimerWheel(clock, (error) => bugs.push(error));
  const nothing = () => undefined;
  const owner = {
    clock,
    wheel,
    random: () => 0.5,
    stats: new Http2Stats(),
    departures: { downstream_cx_idle_timeout: 0, downstream_cx_delayed_close_timeout: 0 },
    onClosed: nothing,
    onProtocolError: nothing,
    onLimit: nothing,
    onAvailable: nothing,
    onIdle: nothing,
    onDraining: nothing,
    onBug: (error: unknown) => bugs.push(error),
  };
  return { owner, bugs };
}

/** In two reads, cut where the first byte says. */
function feed(socket: MemorySocket, input: Buffer): void {
  const cut = Math.min(input[0] ?? 0, input.length);
  socket.feed(input.subarray(1, cut));
  socket.feed(input.subarray(Math.max(cut, 1)));
}

function check(socket: MemorySocket, bugs: readonly unknown[], input: Buffer, preface: number): void {
  const written = Buffer.from(socket.written, 'latin1').subarray(preface);
  if (bugs.length > 0) throw bugs[0];
  if (written.length > MOST_FIRST + input.length * MOST_PER_BYTE) throw new Error('said too much');
  let whole = 0;
  const count = () => {
    whole += 1;
  };
  new FrameReader({
    onFrame: count,
    onDataHead: () => undefined,
    onDataBytes: () => undefined,
    onDataEnd: count,
    onBadFrame: (reason) => {
      throw new Error(`a frame of bad ${reason} was written`);
    },
  }).read(written);
  if (whole === 0) throw new Error('nothing was said');
}

function raise(error: unknown): never {
  throw error;
}
