// A proxy with two workers is one proxy: one configuration, one set of statistics, one drain; a worker that dies is replaced.
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SnapshotCache } from '../../src/xds/cache.ts';
import { type TypeUrl, typeUrl } from '../../src/xds/resource.ts';
import { adsBootstrap, startAds } from '../support/ads.ts';
import { handBuiltSnapshot } from '../support/hand-built-snapshot.ts';
import { freePorts } from '../support/ports.ts';
import { ProxyUnderTest } from '../support/proxy-under-test.ts';
import { RawConnection } from '../support/raw-http.ts';
import { waitFor } from '../support/wait-for.ts';

const NODE = 'gateway~workers';
const WORKERS = [0, 1];

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Says who it is; a request for /slow is answered when `release` is called. */
async function upstream(name: string) {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', async (bytes) => {
      if (bytes.toString('latin1').startsWith('GET /slow')) await held;
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${name.length}\r\n\r\n${name}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  const bound = server.address();
  return { port: typeof bound === 'object' && bound !== null ? bound.port : 0, release: () => release() };
}

const cache = new SnapshotCache();
let listener: number;
let place: string;
let one: Awaited<ReturnType<typeof upstream>>;
let two: Awaited<ReturnType<typeof upstream>>;
let proxy: ProxyUnderTest;

beforeEach(async () => {
  const [port = 0, admin = 0, xds = 0] = await freePorts(3);
  listener = port;
  place = `127.0.0.1_${port}`;
  one = await upstream('one');
  two = await upstream('two');
  const server = await startAds(cache, NODE, xds);
  cleanups.push(() => server.close());
  set('one', '1');
  proxy = await ProxyUnderTest.start(admin, () => adsBootstrap(NODE, xds), {
    flags: ['--import', join(import.meta.dirname, '../support/end-worker.ts')],
    options: ['--concurrency', '2'],
  });
  cleanups.push(() => proxy[Symbol.asyncDispose]());
});

function set(name: 'one' | 'two', version: string, listenerPort = listener): void {
  const { port } = name === 'one' ? one : two;
  cache.setSnapshot(NODE, handBuiltSnapshot({ listenerPort, upstream: name, upstreamPort: port, version }));
}

const ackedVersion = (type: TypeUrl, name: string) => cache.status(NODE)?.types.get(type)?.acked.get(name)?.version;

async function ask(): Promise<string> {
  using connection = await RawConnection.open(listener);
  connection.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  return (await connection.response()).body.toString();
}

const total = (worker: number) => proxy.stat(`listener.${place}.worker_${worker}.downstream_cx_total`);

/** Asks until both workers have answered so many since now; the answers, without repetition. */
async function askBoth(times = 3): Promise<string[]> {
  const before = await Promise.all(WORKERS.map(total));
  const answers = new Set<string>();
  await waitFor('connections to both workers', async () => {
    for (let i = 0; i < 8; i++) answers.add(await ask());
    const now = await Promise.all(WORKERS.map(total));
    return now.every((count, worker) => count >= before[worker]! + times);
  });
  return [...answers];
}

describe('two workers', () => {
  test('share connections, and what they count adds up', async () => {
    expect(await askBoth()).toEqual(['one']);
    const [first = 0, second = 0] = await Promise.all(WORKERS.map(total));
    expect(await proxy.stat(`listener.${place}.downstream_cx_total`)).toBe(first + second);
    expect(await proxy.stat('http.test.downstream_rq_2xx')).toBe(first + second);
    expect(await proxy.stat('cluster.upstream-one.upstream_rq_total')).toBe(first + second);
    expect(await proxy.stat('cluster.upstream-one.membership_total')).toBe(1);
    expect(await proxy.stat('server.concurrency')).toBe(2);
    expect(await proxy.admin('/stats/prometheus?filter=worker_1.downstream_cx_total')).toContain(
      `envoy_listener_worker_downstream_cx_total{envoy_worker_id="1",envoy_listener_address="${place}"} ${second}\n`,
    );
    expect(await proxy.admin('/clusters')).toContain(`upstream-one::127.0.0.1:${one.port}::health_flags::healthy\n`);
    expect(await proxy.admin('/listeners')).toBe(`listener::127.0.0.1:${listener}\n`);
    await proxy.admin('/reset_counters', 'POST');
    expect(await proxy.stat('http.test.downstream_rq_2xx')).toBe(0);
  });

  test('take an update together, and refuse one together', async () => {
    set('two', '2');
    await waitFor('version 2', () => ackedVersion(typeUrl.routes, 'routes') === '2');
    await waitFor('version 2', () => ackedVersion(typeUrl.listener, 'listener') === '2');
    expect(await askBoth()).toEqual(['two']);

    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => taken.close());
    const bound = taken.address();
    set('two', '3', typeof bound === 'object' && bound !== null ? bound.port : 0);
    const rejected = () => cache.status(NODE)?.types.get(typeUrl.listener)?.rejected.get('listener');
    expect(await waitFor('a refusal', rejected)).toMatchObject({
      version: '3',
      detail: expect.stringContaining('the port is taken by another process'),
    });
    expect(await askBoth()).toEqual(['two']);
  });

  test('one that dies is replaced by one that knows everything; what it counted stays', async () => {
    await askBoth();
    set('two', '2');
    await waitFor('version 2', () => ackedVersion(typeUrl.listener, 'listener') === '2');
    await askBoth();
    const before = await proxy.stat('http.test.downstream_rq_2xx');
    proxy.signal('SIGUSR2');
    await waitFor('a death', async () => (await proxy.stat('server.worker_deaths')) === 1);
    expect(await askBoth()).toEqual(['two']);
    expect(await proxy.stat('http.test.downstream_rq_2xx')).toBeGreaterThan(before);
    expect(proxy.alive).toBe(true);
  });

  test('end together, after the requests in progress', async () => {
    using slow = await RawConnection.open(listener);
    slow.send('GET /slow HTTP/1.1\r\nhost: h\r\n\r\n');
    await waitFor('a request', async () => (await proxy.stat('http.test.downstream_rq_active')) === 1);
    proxy.signal('SIGTERM');
    await waitFor('no more connections', () =>
      ask().then(
        () => false,
        () => true,
      ),
    );
    expect(await proxy.admin('/ready')).toBe('DRAINING\n');
    one.release();
    expect((await slow.response()).status).toBe(200);
    expect(await proxy.exited()).toBe(0);
  });
});
