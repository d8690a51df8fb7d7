// What a proxy must survive: a control plane that goes, certificates and configuration that change under load, peers that break off, dawdle or do not
// read, and a long time of it all.
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SnapshotCache } from '../../src/xds/cache.ts';
import { pushOrder } from '../../src/xds/resource.ts';
import type { XdsServer } from '../../src/xds/server.ts';
import { adsBootstrap, startAds } from '../support/ads.ts';
import { makeAuthority, type TestAuthority } from '../support/certificates.ts';
import { handBuiltSnapshot } from '../support/hand-built-snapshot.ts';
import { Load } from '../support/load.ts';
import { freePorts } from '../support/ports.ts';
import { ProxyUnderTest } from '../support/proxy-under-test.ts';
import { RawConnection, TruncatedResponse } from '../support/raw-http.ts';
import { type StaticChange, settled, startStaticProxy } from '../support/static-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

/** `TULLE_FAULT_REQUESTS=1000000` for a longer look at memory. */
const REQUESTS = Number(process.env['TULLE_FAULT_REQUESTS'] ?? 30_000);
const TYPE = 'type.googleapis.com/envoy.extensions';
const MEBIBYTE = 1024 * 1024;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Answers every request by `answer`; heads only. */
async function upstream(answer: (socket: Socket, nth: number) => void): Promise<number> {
  let requests = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    let held = '';
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      held += bytes.toString('latin1');
      for (let end = held.indexOf('\r\n\r\n'); end >= 0; end = held.indexOf('\r\n\r\n')) {
        held = held.slice(end + 4);
        answer(socket, requests++);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';
const echo = () => upstream((socket) => socket.write(OK));

async function startStatic(upstreamPort: number, change: StaticChange = {}) {
  const started = await startStaticProxy(upstreamPort, change);
  cleanups.push(() => started.proxy[Symbol.asyncDispose]());
  return started;
}

async function statusOf(port: number): Promise<number> {
  using connection = await RawConnection.open(port);
  connection.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  return (await connection.response()).status;
}

describe('a control plane', () => {
  const NODE = 'sidecar~faults';
  const cache = new SnapshotCache();
  let ports: { listener: number; admin: number; xds: number; one: number; two: number };
  let server: XdsServer | null = null;
  let proxy: ProxyUnderTest;

  const serve = async () => {
    server = await startAds(cache, NODE, ports.xds);
  };
  const set = (name: 'one' | 'two', version: string) =>
    cache.setSnapshot(
      NODE,
      handBuiltSnapshot({ listenerPort: ports.listener, upstream: name, upstreamPort: ports[name], version }),
    );
  const applied = (version: string) =>
    waitFor(`version ${version} to be in use`, () =>
      pushOrder.slice(0, 4).every((type) => {
        const acked = cache.status(NODE)?.types.get(type)?.acked;
        const wanted = [...(cache.snapshot(NODE)?.resources.get(type)?.keys() ?? [])];
        return wanted.every((name) => acked?.get(name)?.version === version);
      }),
    );

  beforeEach(async () => {
    const [listener = 0, admin = 0, xds = 0] = await freePorts(3);
    ports = {
      listener,
      admin,
      xds,
      one: await upstream((socket) => socket.write(OK)),
      two: await upstream((socket) => socket.write(OK)),
    };
    await serve();
    set('one', '1');
    proxy = await ProxyUnderTest.start(admin, () => adsBootstrap(NODE, xds));
    cleanups.push(
      () => proxy[Symbol.asyncDispose](),
      () => server?.close(),
    );
  });

  test('that is gone changes nothing, and is heard again when it is back', async () => {
    const load = new Load({ port: ports.listener, connections: 8, rate: 500 }).start();
    await waitFor('requests', () => load.report.answered > 50);
    await server?.close();
    const before = load.report.answered;
    await waitFor('requests without a control plane', () => load.report.answered > before + 300);
    set('two', '2');
    await serve();
    await applied('2');
    const report = await load.stop();
    expect(report).toMatchObject({ answered: report.sent, failed: 0, lost: 0 });
    expect(await proxy.stat('cluster.upstream-two.membership_total')).toBe(1);
  });

  test('that changes everything ten times a second loses no request of 2,000 a second', async () => {
    const load = new Load({ port: ports.listener, connections: 64, rate: 2_000 }).start();
    await waitFor('requests', () => load.report.answered > 50);
    const before = load.report.sent;
    for (let version = 2; version < 32; version++) {
      set(version % 2 === 0 ? 'two' : 'one', String(version));
      await pause(100);
    }
    const report = await load.stop();
    // What is due is asked on any machine; a busy one answers later.
    expect(report.sent - before).toBeGreaterThanOrEqual(2_000 * 3 - 100);
    expect(report).toMatchObject({ answered: report.sent, failed: 0, lost: 0 });
    await applied('31');
  });
});

describe('a certificate', () => {
  let authority: TestAuthority;
  const write = async (path: string) => {
    const { certificate, key } = await authority.issue({ dns: ['front.test'] });
    const secret = {
      '@type': `${TYPE}.transport_sockets.tls.v3.Secret`,
      name: 'server',
      tls_certificate: { certificate_chain: { inline_string: certificate }, private_key: { inline_string: key } },
    };
    await writeFile(`${path}.new`, JSON.stringify({ resources: [secret] }));
    await rename(`${path}.new`, path);
  };

  test('that is replaced four times a second apart fails no handshake and no request', async () => {
    authority = await makeAuthority();
    const folder = await mkdtemp(join(tmpdir(), 'tulle-sds-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const path = join(folder, 'sds.json');
    await write(path);
    const common_tls_context = {
      tls_certificate_sds_secret_configs: [{ name: 'server', sds_config: { path_config_source: { path } } }],
    };
    const transport_socket = {
      name: 'tls',
      typed_config: { '@type': `${TYPE}.transport_sockets.tls.v3.DownstreamTlsContext`, common_tls_context },
    };
    const { proxy, port } = await startStatic(await echo(), { chain: { transport_socket } });
    const tls = { ca: authority.certificate, servername: 'front.test' };
    const load = new Load({ port, connections: 4, rate: 0, tls }).start();
    const serials = new Set<string>();
    const shake = async () => {
      using connection = await RawConnection.open(port, tls);
      serials.add((connection.socket as TLSSocket).getPeerCertificate().serialNumber);
    };
    await shake();
    for (let round = 1; round <= 4; round++) {
      const end = performance.now() + 1_000;
      await write(path);
      await waitFor('the new certificate', async () => {
        await shake();
        return serials.size > round && performance.now() >= end;
      });
    }
    await waitFor('requests', () => load.report.answered >= 800);
    const report = await load.stop();
    expect(report).toMatchObject({ answered: report.sent, failed: 0, lost: 0 });
    expect(serials.size).toBe(5);
    await settled(proxy);
  });
});

describe('an upstream', () => {
  test('that resets after every byte of its answer', async () => {
    const answers: number[] = [];
    const head = OK.indexOf('\r\n\r\n') + 4;
    const port = await upstream((socket, nth) => {
      socket.write(OK.slice(0, nth % OK.length), () => socket.resetAndDestroy());
    });
    const { proxy, port: front } = await startStatic(port);
    for (let bytes = 0; bytes < OK.length; bytes++) {
      using connection = await RawConnection.open(front);
      connection.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
      const status = await connection.response().then(
        (response) => response.status,
        (error: unknown) => (error instanceof TruncatedResponse ? -error.status : 0),
      );
      answers.push(status);
    }
    // Nothing came: terminated. A part of a head: a protocol error. A part of the body: cut. A reset may overtake the bytes before it.
    expect(answers[0]).toBe(503);
    expect(answers.slice(1, head).filter((status) => status !== 502 && status !== 503)).toEqual([]);
    expect(answers.slice(head).filter((status) => status !== -200 && status !== 503)).toEqual([]);
    await settled(proxy);
  });
});

describe('clients', () => {
  test('that send a head byte by byte are cut off, and nobody else waits', async () => {
    const { proxy, port } = await startStatic(await echo(), { manager: { request_headers_timeout: '0.5s' } });
    const slow = await Promise.all(Array.from({ length: 50 }, () => RawConnection.open(port)));
    const drip = setInterval(() => {
      for (const connection of slow) if (!connection.socket.destroyed) connection.socket.write('a');
    }, 50);
    cleanups.push(() => clearInterval(drip));
    for (const connection of slow) {
      connection.send('GET /');
      connection.socket.on('error', () => connection.socket.destroy());
    }
    expect(await statusOf(port)).toBe(200);
    const statuses = await Promise.all(slow.map((connection) => connection.response().then(({ status }) => status)));
    expect(new Set(statuses)).toEqual(new Set([408]));
    for (const connection of slow) connection[Symbol.dispose]();
    await settled(proxy);
  });

  test('that do not read hold back the upstream, not the memory', async () => {
    const size = 64 * MEBIBYTE;
    const chunk = Buffer.alloc(MEBIBYTE, 'x');
    const port = await upstream((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
      let left = size / chunk.length;
      const send = () => {
        while (left > 0) {
          left -= 1;
          if (!socket.write(chunk)) return void socket.once('drain', send);
        }
      };
      send();
    });
    const { proxy, port: front } = await startStatic(port);
    const before = await proxy.memory();
    const clients = await Promise.all(Array.from({ length: 4 }, () => RawConnection.open(front)));
    for (const client of clients) {
      client.socket.pause();
      client.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
    }
    await waitFor('requests to be under way', async () => (await proxy.stat('cluster.up.upstream_rq_active')) === 4);
    await pause(1_000);
    expect((await proxy.memory()) - before).toBeLessThan(48 * MEBIBYTE);
    for (const client of clients) client[Symbol.dispose]();
    await settled(proxy);
  });
});

test(`memory is flat over ${REQUESTS} requests, and nothing is left behind`, { timeout: 600_000 }, async () => {
  const { proxy, port } = await startStatic(await echo());
  const run = async (requests: number) => {
    const load = new Load({ port, connections: 16, rate: 0 }).start();
    await waitFor('requests', () => load.report.answered >= requests, { deadline: 600_000 });
    expect(await load.stop()).toMatchObject({ failed: 0, lost: 0 });
  };
  await run(REQUESTS / 3);
  const before = await proxy.memory();
  await run(REQUESTS);
  expect((await proxy.memory()) - before).toBeLessThan(32 * MEBIBYTE);
  await settled(proxy);
});
