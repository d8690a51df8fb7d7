// What a proxy must survive of peers that speak HTTP/2: upstreams that break off, refuse or say goodbye under load, clients that dawdle, do not
// read or change the rules in the middle. How Envoy deals with each is in test/differential/http2-upstreams.test.ts.
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { code, frame, PREFACE } from '../../src/proxy/http2/protocol.ts';
import { Http2Upstream, type Manner, UpstreamRequest } from '../support/http2-upstream.ts';
import { Http2Wire, requestFields } from '../support/http2-wire.ts';
import { Load } from '../support/load.ts';
import { speaksHttp2 } from '../support/proxy-process.ts';
import { RawConnection, TruncatedResponse } from '../support/raw-http.ts';
import { type StaticChange, settled, startStaticProxy } from '../support/static-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

const MEBIBYTE = 1024 * 1024;
const INITIAL_WINDOW = 4;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(manner: Manner, change: StaticChange = {}) {
  const upstream = await Http2Upstream.start(() => manner);
  cleanups.push(() => upstream.stop());
  const cluster = { ...speaksHttp2, ...change.cluster };
  const started = await startStaticProxy(upstream.port, { ...change, cluster });
  cleanups.push(() => started.proxy[Symbol.asyncDispose]());
  return started;
}

/** 64 MB for each request, as fast as windows let it. */
async function startEndless(change: StaticChange = {}) {
  const chunk = Buffer.alloc(MEBIBYTE, 'x');
  // Node refuses streams of a session that has more than this (10 MB by default) waiting.
  const server = createHttp2Server({ maxSessionMemory: 1_000 });
  server.on('stream', (stream) => {
    stream.on('error', () => stream.destroy());
    stream.respond({ ':status': 200 });
    Readable.from(Array.from({ length: 64 }, () => chunk)).pipe(stream);
  });
  server.on('session', (session) => cleanups.push(() => session.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  const started = await startStaticProxy((server.address() as AddressInfo).port, { ...change, cluster: speaksHttp2 });
  cleanups.push(() => started.proxy[Symbol.asyncDispose]());
  return started;
}

async function open(port: number): Promise<Http2Wire> {
  const wire = await Http2Wire.open(port);
  cleanups.push(() => wire[Symbol.dispose]());
  return wire;
}

const hello: Manner = { end: (one) => one.answer('hello') };

describe('an upstream', () => {
  test('that resets the connection after every byte of its answer', async () => {
    const whole = UpstreamRequest.bytes(1);
    let bytes = 0;
    const { proxy, port } = await start({
      end: (one) => {
        const { socket } = one.connection;
        socket.write(UpstreamRequest.bytes(one.stream).subarray(0, bytes), () => socket.resetAndDestroy());
      },
    });
    const seen = new Set<number>();
    for (; bytes < whole.length; bytes++) {
      using connection = await RawConnection.open(port);
      connection.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
      seen.add(
        await connection.response().then(
          ({ status }) => status,
          (error: unknown) => (error instanceof TruncatedResponse ? -error.status : 0),
        ),
      );
    }
    // Terminated, or cut in the body. A reset may overtake the bytes before it.
    expect([...seen].filter((status) => status !== 503 && status !== -200)).toEqual([]);
    await settled(proxy);
  });

  /** By default no more than three are retried at a time. */
  const cluster = { circuit_breakers: { thresholds: [{ max_retries: 1_000 }] } };
  const route = { retry_policy: { retry_on: 'refused-stream,reset', num_retries: 10 } };

  test.each<[name: string, fault: (one: UpstreamRequest) => void]>([
    [
      'says goodbye with every twentieth answer',
      (one) => {
        one.goaway(0);
        one.answer('hello');
        one.close();
      },
    ],
    [
      'says goodbye instead of every twentieth answer',
      (one) => {
        one.goaway(-2);
        one.close();
      },
    ],
    ['refuses every twentieth request', (one) => one.reset(code.refusedStream)],
    ['breaks off with every twentieth request', (one) => one.close()],
  ])('that %s loses none where they are retried', async (_name, fault) => {
    let requests = 0;
    const manner: Manner = { end: (one) => (++requests % 20 === 0 ? fault(one) : one.answer('hello')) };
    const { proxy, port } = await start(manner, { route, cluster });
    const load = new Load({ port, connections: 8, rate: 0 }).start();
    await waitFor('requests', () => load.report.answered > 3_000, { deadline: 30_000 });
    expect(await load.stop()).toMatchObject({ failed: 0, lost: 0 });
    await settled(proxy);
  });
});

describe('clients', () => {
  const hasty = {
    request_headers_timeout: '0.5s',
    request_timeout: '0.7s',
    common_http_protocol_options: { idle_timeout: '1s' },
  };

  test('that send a head or a body bit by bit are cut off, and nobody else waits', async () => {
    const { proxy, port } = await start(hello, { manager: hasty });
    const heads = await Promise.all(Array.from({ length: 25 }, () => open(port)));
    const bodies = await Promise.all(Array.from({ length: 25 }, () => open(port)));
    for (const wire of [...heads, ...bodies]) wire.headers(1, requestFields('GET', '/'));
    for (const wire of [...heads, ...bodies]) await wire.settled(1);
    for (const wire of heads) wire.openBlock(3, requestFields('GET', '/'));
    for (const wire of bodies) wire.headers(3, requestFields('POST', '/'), false);
    const drip = setInterval(() => {
      for (const wire of bodies) wire.data(3, 'x', false);
    }, 50);
    cleanups.push(() => clearInterval(drip));
    const other = await open(port);
    other.headers(1, requestFields('GET', '/'));
    await other.settled(1);
    expect(other.stream(1)).toMatchObject({ status: '200', body: 'hello' });
    for (const wire of [...heads, ...bodies]) {
      await wire.settled(3);
      expect(wire.stream(3).status).toBe('408');
      wire[Symbol.dispose]();
    }
    other[Symbol.dispose]();
    await settled(proxy);
  });

  test('that send a part of the preface and no more are cut off', async () => {
    const { proxy, port } = await start(hello, { manager: hasty });
    const sockets = Array.from({ length: PREFACE.length - 1 }, (_, bytes): Socket => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => socket.destroy());
      socket.write(PREFACE.subarray(0, bytes + 1));
      socket.resume();
      cleanups.push(() => socket.destroy());
      return socket;
    });
    await waitFor('all to be cut off', () => sockets.every((socket) => socket.readableEnded || socket.destroyed));
    await settled(proxy);
  });

  test.each<[name: string, dawdle: (wire: Http2Wire) => void]>([
    ['open no window', () => undefined],
    [
      'open every window and do not read',
      (wire) => {
        wire.settings([[INITIAL_WINDOW, 2 ** 31 - 1]]);
        wire.window(0, 2 ** 30);
        wire.pause();
      },
    ],
  ])('that %s hold back the upstream, not the memory', async (_name, dawdle) => {
    const { proxy, port } = await startEndless();
    const before = await proxy.memory();
    const wires = await Promise.all(Array.from({ length: 4 }, () => open(port)));
    for (const wire of wires) {
      dawdle(wire);
      for (const stream of [1, 3, 5]) wire.headers(stream, requestFields('GET', '/'));
    }
    await waitFor('requests to be under way', async () => (await proxy.stat('cluster.up.upstream_rq_active')) === 12);
    await pause(1_000);
    expect((await proxy.memory()) - before).toBeLessThan(48 * MEBIBYTE);
    for (const wire of wires) wire[Symbol.dispose]();
    await settled(proxy);
  });

  test('that open no window are given up when the stream has been idle for long enough', async () => {
    const { proxy, port } = await startEndless({ manager: { stream_idle_timeout: '1s' } });
    const wire = await open(port);
    wire.headers(1, requestFields('GET', '/'));
    await wire.settled(1);
    expect(wire.stream(1)).toMatchObject({ status: '200', ended: false });
    expect(wire.stream(1).reset).not.toBeNull();
    wire[Symbol.dispose]();
    await settled(proxy);
  });

  test('that change the size of windows in the middle get what fits, and all of it in the end', async () => {
    const size = 900_000;
    const body = Buffer.alloc(size, 'x');
    const { proxy, port } = await start({
      end: (one) => {
        one.headers([[':status', '200']], false);
        for (let at = 0; at < size; at += 10_000) one.data(body.subarray(at, at + 10_000), at + 10_000 === size);
      },
    });
    const wire = await open(port);
    wire.window(0, 10 * MEBIBYTE);
    wire.headers(1, requestFields('GET', '/'));
    const received = (bytes: number) =>
      waitFor(`${bytes} bytes`, () => wire.stream(1).body.length === bytes).catch((error: unknown) => {
        throw new Error(`${wire.stream(1).body.length} bytes came instead`, { cause: error });
      });
    await received(65_535);
    wire.settings([[INITIAL_WINDOW, 300_000]]);
    await received(300_000);
    // Less than was sent already: the window is negative, until it is larger again.
    wire.settings([[INITIAL_WINDOW, 0]]);
    wire.settings([[INITIAL_WINDOW, 600_000]]);
    await received(600_000);
    wire.settings([[INITIAL_WINDOW, 1_000_000]]);
    await wire.settled(1);
    expect(wire.stream(1)).toMatchObject({ ended: true, reset: null });
    expect(wire.stream(1).body.length).toBe(size);
    wire[Symbol.dispose]();
    await settled(proxy);
  });

  test('that leave while their requests wait, many at a time, leave nothing behind', async () => {
    let cancelled = 0;
    const { proxy, port } = await start({
      end: (one) => {
        one.onReset = () => {
          cancelled += 1;
        };
      },
    });
    const wires = await Promise.all(Array.from({ length: 10 }, () => open(port)));
    for (const wire of wires) for (let i = 0; i < 20; i++) wire.headers(1 + 2 * i, requestFields('GET', '/'));
    await waitFor('requests to be under way', async () => (await proxy.stat('cluster.up.upstream_rq_active')) === 200);
    for (const wire of wires.slice(5))
      for (let i = 0; i < 20; i++) wire.send(frame.rstStream, 0, 1 + 2 * i, Buffer.from([0, 0, 0, code.cancel]));
    for (const wire of wires.slice(0, 5)) wire[Symbol.dispose]();
    await waitFor('the upstream to hear of all', () => cancelled === 200);
    for (const wire of wires.slice(5)) wire[Symbol.dispose]();
    await settled(proxy);
  });
});
