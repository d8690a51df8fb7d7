// Filters with a part of their own in an exchange, over real sockets: who sees what when, what waits, what is answered instead.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { afterEach, describe, expect, test } from 'vitest';
import { GzipSchema } from '../xds/gen/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.ts';
import { DecompressorSchema } from '../xds/gen/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts';
import type { FilterScope, FilterStream, HttpFilter, LocalReply, StreamFilter } from './filter/filter.ts';
import { compileFilter } from './filter/registry.ts';
import type { Exchange } from './http/exchange.ts';
import { cluster, forward, route } from './testing/configs.ts';
import { type Harness, startProxy } from './testing/harness.ts';
import { type Origin, openClient, startEcho, startOrigin } from './testing/origin.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

type Opener = (exchange: Exchange, scope: FilterScope, stream: FilterStream) => StreamFilter | null;
const opens = (name: string, opener: Opener): HttpFilter => ({ name, open: opener });
const refusal: LocalReply = { status: 418, body: 'no', details: 'refused', flags: 0, headers: null };

async function start(
  filters: HttpFilter[],
  overrides: [string, HttpFilter | null][] = [],
): Promise<Harness & { up: Origin }> {
  const up = await startEcho();
  open.push(up);
  const routes = { '/': route(forward('up'), { filters: new Map(overrides) }) };
  const proxy = await startProxy(routes, [cluster('up', [up.port])], { filters });
  open.push({ close: () => proxy.dataPlane.close() });
  return { ...proxy, up };
}

async function post(port: number, body = 'abc'): Promise<string> {
  const client = openClient(port);
  open.push({ close: () => client.socket.destroy() });
  client.write(`POST / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  return client.ended();
}

/** Notes every call; passes everything on. */
const witness = (name: string, seen: string[]): HttpFilter =>
  opens(name, (_exchange, _scope, stream) => ({
    request: {
      head: (head) => void seen.push(`${name} > ${head.method}`),
      data: (chunk) => {
        seen.push(`${name} > ${chunk.length} bytes`);
        stream.request.write(chunk);
      },
      end: (trailers) => {
        seen.push(`${name} > end`);
        stream.request.finish(trailers);
      },
    },
    response: {
      head: (head) => void seen.push(`${name} < ${head.status}`),
      data: (chunk) => {
        seen.push(`${name} < bytes`);
        stream.response.write(chunk);
      },
      end: (trailers) => {
        seen.push(`${name} < end`);
        stream.response.finish(trailers);
      },
    },
    done: () => void seen.push(`${name} done`),
  }));

/** Holds or collects the request's head until `go`, which waits for it to be there. */
function waits(how: 'hold' | 'collect', seen: string[]): { filter: HttpFilter; go: () => Promise<void> } {
  const reached = Promise.withResolvers<FilterStream>();
  const kept: Buffer[] = [];
  let waiting = true;
  let ended = false;
  const filter = opens('waits', (_exchange, _scope, stream) => ({
    request: {
      head: () => {
        reached.resolve(stream);
        return how;
      },
      data: (chunk) => {
        seen.push(`waits > ${chunk.length} bytes`);
        if (waiting && how === 'collect') kept.push(chunk);
        else stream.request.write(chunk);
      },
      end: (trailers) => {
        ended = true;
        if (!waiting || how === 'hold') stream.request.finish(trailers);
      },
    },
  }));
  const go = async () => {
    const stream = await reached.promise;
    stream.run(() => {
      waiting = false;
      stream.request.proceed();
      for (const chunk of kept) stream.request.write(chunk);
      if (ended && how === 'collect') stream.request.finish(null);
    });
  };
  return { filter, go };
}

describe('order', () => {
  test('down the chain for the request, up for the response, done last', async () => {
    const seen: string[] = [];
    const { port } = await start([witness('a', seen), witness('b', seen)]);
    expect(await post(port)).toContain('200 OK');
    const down = ['a > POST', 'b > POST', 'a > 3 bytes', 'b > 3 bytes', 'a > end', 'b > end'];
    const up = ['b < 200', 'a < 200', 'b < bytes', 'a < bytes', 'b < end', 'a < end'];
    expect(seen).toEqual([...down, ...up, 'a done', 'b done']);
  });

  test('a local reply passes the whole chain, filters it never reached included', async () => {
    const seen: string[] = [];
    const deny: HttpFilter = { name: 'deny', request: () => refusal };
    const { port, up } = await start([witness('a', seen), deny, witness('b', seen)]);
    expect(await post(port)).toContain('418');
    expect(seen.filter((line) => line.includes('<'))).toEqual([
      'b < 418',
      'a < 418',
      'b < bytes',
      'a < bytes',
      'b < end',
      'a < end',
    ]);
    expect(up.requests).toEqual([]);
  });

  test('a route has another filter in its place, or none', async () => {
    const seen: string[] = [];
    const { port } = await start(
      [witness('a', seen), witness('b', seen)],
      [
        ['a', null],
        ['b', witness('own', seen)],
      ],
    );
    await post(port);
    expect(seen[0]).toBe('own > POST');
    expect(seen.some((line) => line.startsWith('a') || line.startsWith('b'))).toBe(false);
  });
});

describe('a waiting request head', () => {
  test.each([
    ['hold', ['b > POST', 'waits > 3 bytes', 'b > 3 bytes', 'b > end']],
    ['collect', ['waits > 3 bytes', 'b > POST', 'b > 3 bytes', 'b > end']],
  ] as const)('%s: the body follows it, in order', async (how, wants) => {
    const seen: string[] = [];
    const { filter, go } = waits(how, seen);
    const { port, up } = await start([filter, witness('b', seen)]);
    const answer = post(port);
    if (how === 'collect') await expect.poll(() => seen).toEqual(['waits > 3 bytes']);
    expect(up.requests).toEqual([]);
    await go();
    expect(await answer).toContain('abc');
    expect(seen.filter((line) => line.includes('>'))).toEqual(wants);
  });

  test('a large body waits in the socket, not in memory', async () => {
    const { filter, go } = waits('hold', []);
    const { port } = await start([filter]);
    const client = openClient(port);
    open.push({ close: () => client.socket.destroy() });
    const size = 20_000_000;
    client.write(`POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`);
    await expect.poll(() => client.socket.writableLength).toBeGreaterThan(0);
    await go();
    await client.until(/\r\n\r\n/);
  });

  test('behind a stateless filter that takes its time, what has come is not lost', async () => {
    const seen: string[] = [];
    const slow = Promise.withResolvers<undefined>();
    const { port } = await start([{ name: 'slow', request: () => slow.promise }, witness('b', seen)]);
    const answer = post(port);
    await expect.poll(() => seen.length).toBe(0);
    slow.resolve(undefined);
    expect(await answer).toContain('abc');
    expect(seen.slice(0, 3)).toEqual(['b > POST', 'b > 3 bytes', 'b > end']);
  });
});

describe('transforms', () => {
  const upper = opens('upper', (_exchange, _scope, stream) => ({
    request: { data: (chunk) => stream.request.write(Buffer.from(chunk.toString('latin1').toUpperCase())) },
  }));

  test('of the request body', async () => {
    const { port } = await start([upper]);
    expect(await post(port)).toMatch(/\r\n\r\nABC$/);
  });

  test('the whole response, replaced', async () => {
    const whole = opens('whole', (_exchange, _scope, stream) => ({
      response: {
        head: (head) => {
          head.headers.set('content-length', '4');
          return 'collect';
        },
        data: () => undefined,
        end: () => {
          stream.response.proceed();
          stream.response.write(Buffer.from('mine'));
          stream.response.finish(null);
        },
      },
    }));
    const { port } = await start([whole]);
    expect(await post(port)).toMatch(/content-length: 4\r\n[\s\S]*\r\n\r\nmine$/);
  });

  test('a body for a request that had none', async () => {
    const adds = opens('adds', (_exchange, _scope, stream) => ({
      request: {
        head: (head) => {
          head.headers.set('content-length', '2');
          queueMicrotask(() =>
            stream.run(() => {
              stream.request.proceed(false);
              stream.request.write(Buffer.from('hi'));
              stream.request.finish(null);
            }),
          );
          return 'hold';
        },
      },
    }));
    const { port } = await start([adds]);
    const client = openClient(port);
    open.push({ close: () => client.socket.destroy() });
    client.write('GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n');
    expect(await client.ended()).toMatch(/\r\n\r\nhi$/);
  });
});

describe('answers', () => {
  test('instead of the upstream response, past the filters', async () => {
    const seen: string[] = [];
    const replaces = opens('replaces', () => ({ response: { head: () => refusal } }));
    const { port, accessLog } = await start([witness('a', seen), replaces]);
    expect(await post(port)).toMatch(/^HTTP\/1\.1 418 [\s\S]*\r\n\r\nno$/);
    expect(seen.filter((line) => line.includes('<'))).toEqual([]);
    expect(accessLog).toEqual(['/ 418 - refused']);
  });

  test('while the body comes in', async () => {
    const limits = opens('limits', (_exchange, _scope, stream) => ({
      request: { head: () => 'collect', data: () => stream.answer(refusal), end: () => undefined },
    }));
    const { port, up } = await start([limits]);
    expect(await post(port)).toContain('418');
    expect(up.requests).toEqual([]);
  });

  test('after the response began, it is broken off', async () => {
    const breaks = opens('breaks', (_exchange, _scope, stream) => ({
      response: { data: () => stream.answer(refusal) },
    }));
    const { port, accessLog } = await start([breaks]);
    expect(await post(port)).not.toContain('abc');
    expect(accessLog).toEqual(['/ 200 - refused']);
  });

  test('an exception in a filter costs the exchange only', async () => {
    const throws = opens('throws', (_exchange, _scope, stream) => {
      queueMicrotask(() =>
        stream.run(() => {
          throw new Error('bug');
        }),
      );
      return { request: { head: () => 'hold' } };
    });
    const { port, complaints } = await start([throws]);
    expect(await post(port)).toMatch(/^HTTP\/1\.1 500 /);
    expect(complaints.join()).toContain('bug');
    expect(await post(port)).toMatch(/^HTTP\/1\.1 500 /);
  });

  test('to a gRPC client in the trailers-only form', async () => {
    const { port } = await start([{ name: 'deny', request: () => ({ ...refusal, status: 403, body: 'a%b\n' }) }]);
    const client = openClient(port);
    open.push({ close: () => client.socket.destroy() });
    client.write(
      'POST / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n',
    );
    expect(await client.ended()).toMatch(/^HTTP\/1\.1 200 [\s\S]*grpc-status: 7\r\n[\s\S]*grpc-message: a%25b%0A\r\n/);
  });
});

test('a filter that takes the response slowly slows the upstream down', async () => {
  const size = 30_000_000;
  const up = await startOrigin((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
    socket.write(Buffer.alloc(size));
  });
  open.push(up);
  let taken = 0;
  const resumes: (() => void)[] = [];
  const stops = opens('stops', (_exchange, _scope, stream) => ({
    response: {
      data: (chunk) => {
        taken += chunk.length;
        stream.response.pause();
        resumes.push(() => stream.run(() => stream.response.resume()));
        stream.response.write(chunk);
      },
    },
  }));
  const proxy = await startProxy({ '/': route(forward('up')) }, [cluster('up', [up.port])], { filters: [stops] });
  open.push({ close: () => proxy.dataPlane.close() });
  const answer = post(proxy.port);
  await expect.poll(() => taken).toBeGreaterThan(0);
  expect(taken).toBeLessThan(size / 10);
  const timer = setInterval(() => {
    for (const resume of resumes.splice(0)) resume();
  }, 1);
  expect((await answer).length).toBeGreaterThan(size);
  clearInterval(timer);
});

test.each(['response', 'request'] as const)(
  'a %s that grows is held back by who takes it slowly',
  async (direction) => {
    const SIZE = 48 * 1024 * 1024;
    const packed = gzipSync(Buffer.alloc(SIZE));
    const head = `content-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`;
    let [grown, taken, most] = [0, 0, 0];
    const upload = Promise.withResolvers<void>();
    /** A piece in each turn. */
    const takeSlowly = (socket: Socket) => {
      socket.on('data', (bytes) => {
        taken += bytes.length;
        most = Math.max(most, grown - taken);
        socket.pause();
        setImmediate(() => socket.resume());
        if (taken >= SIZE) upload.resolve();
      });
    };
    const server = createServer((socket) => {
      open.push({ close: () => socket.destroy() });
      if (direction === 'request') takeSlowly(socket);
      else socket.once('data', () => socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}`), packed])));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push(server);
    const counts = opens('counts', (_exchange, _scope, stream) => ({
      [direction]: {
        data: (chunk: Buffer) => {
          grown += chunk.length;
          stream[direction].write(chunk);
        },
      },
    }));
    const library = create(GzipSchema, { maxInflateRatio: 1_032 });
    const grows = compileFilter(
      anyPack(
        DecompressorSchema,
        create(DecompressorSchema, { decompressorLibrary: { name: 'z', typedConfig: anyPack(GzipSchema, library) } }),
      ),
      'grows',
      '',
    );
    const filters = direction === 'request' ? [grows, counts] : [counts, grows];
    const proxy = await startProxy(
      { '/': route(forward('up')) },
      [cluster('up', [(server.address() as AddressInfo).port])],
      { filters },
    );
    open.push({ close: () => proxy.dataPlane.close() });
    const client = connect(proxy.port, '127.0.0.1');
    open.push({ close: () => client.destroy() });
    if (direction === 'response') {
      client.write('GET / HTTP/1.1\r\nHost: shop\r\n\r\n');
      takeSlowly(client);
    } else client.write(Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\nHost: shop\r\n${head}`), packed]));
    await upload.promise;
    // What the buffers of the two ends' sockets hold, as the system sizes them, and no more.
    expect(most).toBeLessThan(SIZE / 3);
  },
);

test('without a filter that opens, none of it is made', async () => {
  const { port } = await start([{ name: 'plain', response: (_exchange, head) => head.headers.set('x-plain', '1') }]);
  expect(await post(port)).toContain('x-plain: 1');
});

test('what was chosen by is chosen anew where a filter asks for it', async () => {
  const up = await startEcho();
  open.push(up);
  const routes = { '/new': route({ kind: 'respond', status: 200, body: 'rerouted' }), '/': route(forward('up')) };
  const moves: HttpFilter = {
    name: 'moves',
    request(exchange) {
      exchange.request.path = '/new';
      exchange.routeStale = true;
      return undefined;
    },
  };
  const proxy = await startProxy(routes, [cluster('up', [up.port])], { filters: [moves] });
  open.push({ close: () => proxy.dataPlane.close() });
  expect(await post(proxy.port)).toContain('rerouted');
});

test('a copy for another cluster has the body that came while a filter took its time', async () => {
  const [up, copy] = [await startEcho(), await startEcho()];
  open.push(up, copy);
  const mirrors = [
    { clusterFor: () => 'copy', share: () => 1, edits: [], sampled: true, rename: (host: string) => host },
  ];
  const slow = Promise.withResolvers<undefined>();
  const filter: HttpFilter = { name: 'slow', request: () => slow.promise };
  const clusters = [cluster('up', [up.port]), cluster('copy', [copy.port])];
  const proxy = await startProxy({ '/': route(forward('up', { mirrors })) }, clusters, { filters: [filter] });
  open.push({ close: () => proxy.dataPlane.close() });
  const answer = post(proxy.port);
  await expect.poll(() => proxy.stat('http.test.downstream_rq_active')).toBe(1);
  slow.resolve(undefined);
  expect(await answer).toContain('abc');
  await expect.poll(() => copy.requests.join()).toContain('\r\n\r\nabc');
});
