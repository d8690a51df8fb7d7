// HTTP/2 through the whole proxy, with node:http2 as client and upstream: every combination of protocols.
import {
  createServer as createHttp1Server,
  request as http1Request,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ClusterConfig, HttpConnectionConfig } from './config/types.ts';
import { defaultResponseLimits } from './http/response-limits.ts';
import { defaultHttp1Options } from './http1/options.ts';
import { HpackDecoder } from './http2/hpack-decoder.ts';
import { defaultHttp2Options } from './http2/options.ts';
import { ResponseFields } from './http2/response-fields.ts';
import { type RetryPolicy, retryNever } from './route/retry-policy.ts';
import { cluster, forward, route } from './testing/configs.ts';
import { type Harness, startProxy } from './testing/harness.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Answer = { status: number; headers: IncomingHttpHeaders; body: string; trailers: IncomingHttpHeaders };
type Upstream = { port: number; sessions: Set<ServerHttp2Session>; requests: number };

const http2Upstream: ClusterConfig['http'] = {
  protocol: 'http2',
  http1: defaultHttp1Options,
  http2: defaultHttp2Options,
  responseLimits: defaultResponseLimits,
  maxConnectionDuration: 0,
  maxStreamDuration: 0,
  preconnectRatio: 1,
  requestNames: null,
  edits: null,
};

/** Answers with what it got as JSON and the body's length as a trailer; `/close` and the like are up to the tests. */
async function startUpstream(version: 1 | 2, settings = {}): Promise<Upstream> {
  const state: Upstream = { port: 0, sessions: new Set(), requests: 0 };
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    state.requests += 1;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      response.setHeader('trailer', 'x-length');
      response.writeHead(200, { 'x-version': String(version), 'content-type': 'application/json' });
      response.write(
        JSON.stringify({
          method: request.method,
          url: request.url,
          headers: request.headers,
          trailers: request.trailers,
        }),
      );
      response.addTrailers({ 'x-length': String(body.length) });
      response.end(body.length > 100_000 ? body : '');
    });
  };
  const server: Server =
    version === 1
      ? createHttp1Server(answer)
      : createHttp2Server({ settings }, answer as never).on('session', (session) => {
          state.sessions.add(session);
          session.on('close', () => state.sessions.delete(session));
        });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.port = (server.address() as AddressInfo).port;
  cleanups.push(() => {
    for (const session of state.sessions) session.destroy();
    server.close();
  });
  return state;
}

async function start(
  upstream: Upstream,
  version: 1 | 2,
  change: Partial<HttpConnectionConfig> = {},
  clusterChange: Partial<ClusterConfig> = {},
): Promise<Harness> {
  const http = version === 2 ? { http: http2Upstream } : {};
  const proxy = await startProxy(
    { '/': route(forward('up')) },
    [cluster('up', [upstream.port], { ...http, ...clusterChange })],
    change,
  );
  cleanups.push(() => proxy.dataPlane.close());
  return proxy;
}

function client(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  cleanups.push(() => session.destroy());
  return session;
}

function collect(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const answer: Answer = { status: 0, headers: {}, body: '', trailers: {} };
    stream.on('response', (headers) => {
      answer.status = headers[':status'] ?? 0;
      answer.headers = headers;
    });
    stream.on('trailers', (trailers) => {
      answer.trailers = trailers;
    });
    stream.setEncoding('latin1');
    stream.on('data', (chunk: string) => {
      answer.body += chunk;
    });
    stream.on('end', () => resolve(answer));
    stream.on('error', reject);
  });
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Buffer): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return collect(stream);
}

function askHttp1(port: number, method: string, path: string, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http1Request({ port, host: '127.0.0.1', method, path, headers: { te: 'trailers' } }, (response) => {
      let text = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text,
          trailers: response.trailers,
        }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe.each([
  [1, 1],
  [1, 2],
  [2, 1],
  [2, 2],
] as const)('HTTP/%d to HTTP/%d', (downstream, upstream) => {
  const send = (port: number, method: string, path: string, body: string) =>
    downstream === 1
      ? askHttp1(port, method, path, body)
      : ask(client(port), { ':method': method, ':path': path, te: 'trailers' }, method === 'GET' ? undefined : body);

  test('a request without a body', async () => {
    const proxy = await start(await startUpstream(upstream), upstream);
    const answer = await send(proxy.port, 'GET', '/a?b=c', '');
    expect(answer.status).toBe(200);
    expect(answer.headers['x-version']).toBe(String(upstream));
    expect(JSON.parse(answer.body)).toMatchObject({ method: 'GET', url: '/a?b=c' });
    expect(proxy.complaints).toEqual([]);
  });

  test('a body goes up and its trailers come down', async () => {
    const proxy = await start(await startUpstream(upstream), upstream);
    const answer = await send(proxy.port, 'POST', '/', 'x'.repeat(5_000));
    expect(answer.status).toBe(200);
    expect(answer.trailers['x-length']).toBe('5000');
  });

  test('a large body both ways', async () => {
    const proxy = await start(await startUpstream(upstream), upstream);
    const answer = await send(proxy.port, 'POST', '/', 'x'.repeat(3_000_000));
    expect(answer.body.length).toBeGreaterThan(3_000_000);
    expect(answer.trailers['x-length']).toBe('3000000');
    expect(proxy.complaints).toEqual([]);
  });
});

describe('a shared connection', () => {
  test('many requests at once go over one connection each way', async () => {
    const upstream = await startUpstream(2);
    const proxy = await start(upstream, 2);
    const session = client(proxy.port);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => ask(session, { ':path': `/${i}`, ':method': 'POST' }, 'y'.repeat(i))),
    );
    expect(answers.map(({ trailers }) => trailers['x-length'])).toEqual(answers.map((_, i) => String(i)));
    expect(upstream.sessions.size).toBe(1);
    expect(proxy.stat('cluster.up.upstream_rq_active')).toBe(0);
    expect(proxy.stat('http.test.http2.streams_active')).toBe(0);
  });

  test("more requests than the upstream's limit wait or get a connection of their own", async () => {
    const upstream = await startUpstream(2, { maxConcurrentStreams: 2 });
    const proxy = await start(upstream, 2);
    const session = client(proxy.port);
    await ask(session, { ':path': '/' });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(session, { ':path': `/${i}` })));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });

  test('cookie crumbs become one header', async () => {
    const proxy = await start(await startUpstream(1), 1);
    const answer = await ask(client(proxy.port), { ':path': '/', cookie: ['a=1', 'b=2'] });
    expect(JSON.parse(answer.body).headers.cookie).toBe('a=1; b=2');
  });

  test('HEAD has no body', async () => {
    const proxy = await start(await startUpstream(2), 2);
    const answer = await ask(client(proxy.port), { ':path': '/', ':method': 'HEAD' });
    expect([answer.status, answer.body]).toEqual([200, '']);
  });

  test('a graceful end lets requests in progress finish', async () => {
    const proxy = await start(await startUpstream(1), 1);
    const session = client(proxy.port);
    await ask(session, { ':path': '/' });
    const slow = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false });
    slow.write('begin');
    const said = new Promise<void>((resolve) => session.once('goaway', () => resolve()));
    const drained = proxy.dataPlane.drain();
    await said;
    slow.end('end');
    expect((await collect(slow)).status).toBe(200);
    await drained;
  });
});

test('a stream the upstream refuses goes to another try where the route says so', async () => {
  let refusals = 0;
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    if (refusals++ === 0) stream.close(constants.NGHTTP2_REFUSED_STREAM);
    else {
      stream.respond({ ':status': 200 });
      stream.end('second');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  const retry: RetryPolicy = { ...retryNever(null), retries: 1, retriable: ({ kind }) => kind === 'refused-stream' };
  const proxy = await startProxy({ '/': route(forward('up', { retry })) }, [
    cluster('up', [(server.address() as AddressInfo).port], { http: http2Upstream }),
  ]);
  cleanups.push(() => proxy.dataPlane.close());
  const answer = await ask(client(proxy.port), { ':path': '/' });
  expect([answer.status, answer.body, refusals]).toEqual([200, 'second', 2]);
  expect(proxy.stat('http.test.downstream_rq_http2_total')).toBe(1);
});

describe('an exception', () => {
  const boom = (): never => {
    throw new Error('a bug');
  };
  const filters = [
    {
      name: 'broken',
      open: ({ request }: { request: { path: string } }) =>
        request.path === '/bug' ? { request: { data: boom } } : null,
    },
  ];

  test('in the exchange of a stream costs the stream', async () => {
    const proxy = await start(await startUpstream(2), 2, { filters });
    const session = client(proxy.port);
    const held = session.request({ ':path': '/', ':method': 'POST' });
    const bystander = collect(held);
    expect((await ask(session, { ':path': '/bug', ':method': 'POST' }, 'abc')).status).toBe(500);
    held.end('abc');
    expect((await bystander).trailers['x-length']).toBe('3');
    expect(proxy.stat('http.test.uncaught_exceptions')).toBe(1);
    expect(proxy.stat('http.test.downstream_rq_active')).toBe(0);
    expect(proxy.stat('http.test.http2.streams_active')).toBe(0);
  });

  test('in the reader of a connection costs the connection', async () => {
    const proxy = await start(await startUpstream(2), 2);
    const [broken, other] = [client(proxy.port), client(proxy.port)];
    for (const session of [broken, other]) await ask(session, { ':path': '/' });
    const decode = vi.spyOn(HpackDecoder.prototype, 'decode').mockImplementationOnce(boom);
    expect((await ask(broken, { ':path': '/' })).status).toBe(0);
    decode.mockRestore();
    expect((await ask(other, { ':path': '/' })).status).toBe(200);
    expect(proxy.stat('http.test.uncaught_exceptions')).toBe(1);
    await expect.poll(() => proxy.stat('http.test.downstream_cx_active')).toBe(1);
  });

  test('in the reader of a response is answered 500', async () => {
    const proxy = await start(await startUpstream(2), 2);
    const session = client(proxy.port);
    await ask(session, { ':path': '/' });
    const read = vi.spyOn(ResponseFields.prototype, 'head').mockImplementationOnce(boom);
    expect((await ask(session, { ':path': '/' })).status).toBe(500);
    read.mockRestore();
    expect((await ask(session, { ':path': '/' })).status).toBe(200);
    expect(proxy.stat('http.test.uncaught_exceptions')).toBe(1);
    await expect.poll(() => proxy.stat('cluster.up.upstream_cx_active')).toBe(1);
    expect(proxy.stat('cluster.up.upstream_rq_active')).toBe(0);
  });
});
