// Connections that switch protocols: WebSocket (by the `ws` package) over every combination of HTTP versions, and CONNECT.
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { ClusterConfig, HttpConnectionConfig } from './config/types.ts';
import { defaultResponseLimits } from './http/response-limits.ts';
import { defaultHttp1Options } from './http1/options.ts';
import { defaultHttp2Options } from './http2/options.ts';
import type { ForwardAction } from './route/table.ts';
import { cluster, forward, route } from './testing/configs.ts';
import { type Harness, startProxy } from './testing/harness.ts';
import { openClient } from './testing/origin.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const http2 = { ...defaultHttp2Options, allowConnect: true };
const speaksHttp2 = {
  http: {
    protocol: 'http2',
    http1: defaultHttp1Options,
    http2,
    responseLimits: defaultResponseLimits,
    maxConnectionDuration: 0,
    maxStreamDuration: 0,
    preconnectRatio: 1,
    requestNames: null,
    edits: null,
  },
} as const;

/** Answers each message with itself in capitals, and says which protocol was agreed on. */
async function startSocketServer(): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => {
    socket.on('message', (message, binary) =>
      socket.send(binary ? message : String(message).toUpperCase(), { binary }),
    );
  });
  await new Promise((resolve) => server.once('listening', resolve));
  cleanups.push(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function start(
  port: number,
  clusterChange: Partial<ClusterConfig>,
  change: Partial<HttpConnectionConfig> = {},
  action: Partial<ForwardAction> = {},
): Promise<Harness> {
  const proxy = await startProxy({ '': route(forward('up', action)) }, [cluster('up', [port], clusterChange)], {
    upgrades: new Map([['websocket', true]]),
    http2,
    ...change,
  });
  cleanups.push(() => proxy.dataPlane.close());
  return proxy;
}

/** A client and a server of HTTP/1.1 with as many proxies between as there are hops of HTTP/2, and one. */
async function chain(hops: number): Promise<Harness> {
  let next = await start(await startSocketServer(), {});
  for (let hop = 0; hop < hops; hop++) next = await start(next.port, speaksHttp2);
  return next;
}

async function open(port: number, path = '/chat'): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  cleanups.push(() => socket.terminate());
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return socket;
}

function answer(socket: WebSocket, message: string | Buffer): Promise<string> {
  socket.send(message);
  return new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
}

describe.each([
  ['HTTP/1.1 all the way', 0],
  ['HTTP/1.1 to HTTP/2 to HTTP/1.1', 1],
  ['HTTP/2 to HTTP/2 in the middle', 2],
])('WebSocket, %s', (_name, hops) => {
  test('messages, small and large, and an orderly close', async () => {
    const proxy = await chain(hops);
    const socket = await open(proxy.port);
    expect(await answer(socket, 'hello')).toBe('HELLO');
    expect((await answer(socket, Buffer.alloc(500_000, 'x'))).length).toBe(500_000);
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    socket.close(4_000, 'done');
    expect(await closed).toBe(4_000);
    await expect.poll(() => proxy.accessLog).toEqual(['/chat 101 - via_upstream']);
    expect(proxy.complaints).toEqual([]);
  });
});

describe('WebSocket between versions of HTTP that agree on it differently', () => {
  test('a client of HTTP/2, which sends no key, and a server of HTTP/1.1, which wants one', async () => {
    const proxy = await start(await startSocketServer(), {});
    const session = connectHttp2(`http://127.0.0.1:${proxy.port}`);
    cleanups.push(() => session.destroy());
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    const stream = session.request({
      ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/chat', ':authority': 'a' },
      'sec-websocket-version': '13',
    });
    const head = await new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve));
    expect(head).toMatchObject({ ':status': 200 });
    expect(head).not.toHaveProperty('sec-websocket-accept');
    // A masked text frame, its mask all zeros, and the answer without a mask (RFC 6455 section 5.2).
    stream.write(Buffer.from('\x81\x82\0\0\0\0hi', 'latin1'));
    const frame = await new Promise<Buffer>((resolve) => stream.once('data', resolve));
    expect(frame.toString('latin1')).toBe('\x81\x02HI');
    stream.destroy();
  });

  test('a client of HTTP/1.1, which wants its key answered, and a server of HTTP/2, which knows of none', async () => {
    const server = createHttp2Server({ settings: { enableConnectProtocol: true } });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => stream.destroy());
      stream.respond({ ':status': headers[':protocol'] === 'websocket' ? 200 : 400 });
      stream.once('data', () => stream.write(Buffer.from('\x81\x02hi', 'latin1')));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const proxy = await start((server.address() as AddressInfo).port, speaksHttp2);
    const socket = await open(proxy.port);
    expect(await answer(socket, 'anybody there?')).toBe('hi');
    socket.terminate();
  });
});

test('a live tunnel outlasts the route timeout and idle timeouts', async () => {
  const proxy = await start(await startSocketServer(), {}, { streamIdleTimeout: 2_000 }, { timeout: 100 });
  const socket = await open(proxy.port);
  const until = Date.now() + 2_500;
  while (Date.now() < until) {
    expect(await answer(socket, 'still')).toBe('STILL');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test('a route may refuse what the connection manager allows, and the other way round', async () => {
  const port = await startSocketServer();
  const refusing = await start(port, {}, {}, { upgrades: new Map([['websocket', false]]) });
  await expect(open(refusing.port)).rejects.toThrow('403');
  const allowing = await start(port, {}, { upgrades: new Map() }, { upgrades: new Map([['websocket', true]]) });
  expect(await answer(await open(allowing.port), 'yes')).toBe('YES');
});

test('an upstream that does not switch answers as usual', async () => {
  const plain = createServer((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno'));
  });
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => plain.close());
  const proxy = await start((plain.address() as AddressInfo).port, {});
  const client = openClient(proxy.port);
  client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  expect(await client.ended()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n\r\nno$/);
});

/** Says back what it hears, and ends when its peer does. */
async function startEchoServer(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** CONNECT ends here. */
const tunnel = { ends: (method: string) => method === 'CONNECT', proxyHeader: null };
const connectAllowed = new Map([['connect', true]]);

describe('CONNECT', () => {
  test('of HTTP/1.1 ends here: bytes go to the endpoint as they are', async () => {
    const proxy = await start(await startEchoServer(), {}, {}, { upgrades: connectAllowed, tunnel });
    const client = openClient(proxy.port);
    client.write('CONNECT db.example:5432 HTTP/1.1\r\nhost: db.example:5432\r\n\r\nearly ');
    await client.until(/HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nearly $/);
    client.write('and later');
    await client.until(/early and later$/);
    client.socket.end();
    expect(await client.ended()).not.toMatch(/content-length|transfer-encoding/);
    await expect.poll(() => proxy.stat('cluster.up.upstream_cx_active')).toBe(0);
  });

  test('of HTTP/2 ends here, with half-close', async () => {
    const proxy = await start(await startEchoServer(), {}, {}, { upgrades: connectAllowed, tunnel });
    const session = connectHttp2(`http://127.0.0.1:${proxy.port}`);
    cleanups.push(() => session.destroy());
    const stream = session.request({ ':method': 'CONNECT', ':authority': 'db.example:5432' });
    let heard = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
    });
    const status = new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])));
    stream.write('over ');
    expect(await status).toBe(200);
    stream.end('and out');
    await new Promise((resolve) => stream.once('end', resolve));
    expect(heard).toBe('over and out');
  });

  test('goes on to the next proxy where it does not end', async () => {
    const last = await start(await startEchoServer(), {}, {}, { upgrades: connectAllowed, tunnel });
    const first = await start(last.port, speaksHttp2, {}, { upgrades: connectAllowed });
    const client = openClient(first.port);
    client.write('CONNECT db.example:5432 HTTP/1.1\r\nhost: db.example:5432\r\n\r\n');
    await client.until(/HTTP\/1\.1 200 OK\r\n/);
    client.write('through two');
    await client.until(/through two$/);
    client.socket.destroy();
  });

  test('of a POST, where the route takes it for one, behind a PROXY header', async () => {
    const header = { version: 1, passes: [], added: [] } as const;
    const post = { ends: (method: string) => method === 'POST', proxyHeader: header };
    const proxy = await start(await startEchoServer(), {}, {}, { tunnel: post });
    const client = openClient(proxy.port);
    client.write('POST /db HTTP/1.1\r\nhost: db.example\r\ncontent-length: 5\r\nconnection: close\r\n\r\nearly');
    const heard = await client.ended();
    expect(heard).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(heard).toMatch(/PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n/);
    expect(heard).toContain('early');
  });

  test('nobody listens: an answer, not a tunnel', async () => {
    const proxy = await start(1, {}, {}, { upgrades: connectAllowed, tunnel });
    const client = openClient(proxy.port);
    client.write('CONNECT db.example:5432 HTTP/1.1\r\nhost: db.example:5432\r\n\r\n');
    expect(await client.ended()).toMatch(/^HTTP\/1\.1 503 /);
  });

  test('where it is not allowed', async () => {
    const proxy = await start(await startEchoServer(), {});
    const socket = connect(proxy.port, '127.0.0.1');
    cleanups.push(() => socket.destroy());
    const client = openClient(proxy.port);
    client.write('CONNECT db.example:5432 HTTP/1.1\r\nhost: db.example:5432\r\n\r\n');
    expect(await client.ended()).toMatch(/^HTTP\/1\.1 403 /);
  });
});
