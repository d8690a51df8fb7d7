// What holds for a proxy with two workers as a whole, and not for each of them: checks, limits, sessions.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { makeAuthority } from '../support/certificates.ts';
import { freePorts } from '../support/ports.ts';
import { address, ProxyUnderTest } from '../support/proxy-under-test.ts';
import { RawConnection } from '../support/raw-http.ts';
import { waitFor } from '../support/wait-for.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Answers by `answer`; null holds the request until the end of the test. */
async function upstream(answer: (path: string) => number | null) {
  const seen = { connections: 0, checks: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let counted = false;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const path = bytes.toString('latin1').split(' ')[1] ?? '';
      if (path === '/health' && !counted) {
        counted = true;
        seen.checks += 1;
      }
      const status = answer(path);
      if (status !== null) socket.write(`HTTP/1.1 ${status} x\r\ncontent-length: 0\r\n\r\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  return { seen, port: typeof bound === 'object' && bound !== null ? bound.port : 0 };
}

type Change = {
  /** Before the router. */
  readonly filters?: readonly object[];
  readonly place?: object;
  readonly listener?: object;
  readonly chain?: object;
  readonly cluster?: object;
  readonly overload?: object;
};

async function start(upstreamPort: number, { filters = [], place, listener, chain, cluster, overload }: Change) {
  const [port = 0, admin = 0] = await freePorts(2);
  const manager = {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'front',
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'up' } }] }],
    },
    http_filters: [...filters, { name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } }],
  };
  const endpoint = { endpoint: { address: address(upstreamPort) } };
  const bootstrap = {
    node: { id: 'workers', metadata: { TULLE_CONCURRENCY: 2 } },
    ...(overload !== undefined && { overload_manager: overload }),
    static_resources: {
      listeners: [
        {
          name: 'front',
          address: place ?? address(port),
          filter_chains: [{ filters: [{ name: 'http', typed_config: manager }], ...chain }],
          ...listener,
        },
      ],
      clusters: [
        {
          name: 'up',
          type: 'STATIC',
          connect_timeout: '20s',
          load_assignment: { cluster_name: 'up', endpoints: [{ lb_endpoints: [endpoint] }] },
          ...cluster,
        },
      ],
    },
  };
  const proxy = await ProxyUnderTest.start(admin, () => bootstrap);
  cleanups.push(() => proxy[Symbol.asyncDispose]());
  const totals = () =>
    Promise.all([0, 1].map((worker) => proxy.stat(`listener.127.0.0.1_${port}.worker_${worker}.downstream_cx_total`)));
  return { proxy, port, totals };
}

async function statusOf(port: number, path = '/'): Promise<number> {
  using connection = await RawConnection.open(port);
  connection.send(`GET ${path} HTTP/1.1\r\nhost: h\r\n\r\n`);
  return (await connection.response()).status;
}

/** Statuses of requests until both workers have had some. */
async function statuses(port: number, totals: () => Promise<readonly number[]>): Promise<number[]> {
  const before = await totals();
  const seen = new Set<number>();
  await waitFor('connections to both workers', async () => {
    for (let i = 0; i < 6; i++) seen.add(await statusOf(port));
    const now = await totals();
    return now.every((count, worker) => count >= before[worker]! + 2);
  });
  return [...seen];
}

test('failures in a row are of both together, and leave an endpoint out in both', async () => {
  let failures = 0;
  const bad = await upstream(() => {
    failures += 1;
    return 503;
  });
  const good = await upstream(() => 200);
  const lb_endpoints = [bad, good].map((one) => ({ endpoint: { address: address(one.port) } }));
  const { proxy, port, totals } = await start(bad.port, {
    cluster: {
      load_assignment: { cluster_name: 'up', endpoints: [{ lb_endpoints }] },
      outlier_detection: { consecutive_5xx: 9, consecutive_gateway_failure: 100, max_ejection_percent: 50 },
    },
  });
  const seen = await statuses(port, totals);
  while (failures < 9) seen.push(await statusOf(port));
  expect(new Set(seen)).toEqual(new Set([200, 503]));
  await waitFor('the endpoint to be out', async () =>
    (await proxy.admin('/clusters')).includes(`up::127.0.0.1:${bad.port}::health_flags::/failed_outlier_check`),
  );
  expect(await statuses(port, totals)).toEqual([200]);
  const enforced = 'cluster.up.outlier_detection.ejections_enforced_';
  expect(await proxy.stat(`${enforced}consecutive_5xx`)).toBe(1);
  expect(await proxy.stat(`${enforced}total`)).toBe(1);
  expect(await proxy.stat('cluster.up.outlier_detection.ejections_active')).toBe(1);
  expect(await proxy.stat('cluster.up.membership_healthy')).toBe(1);
});

test('an endpoint is asked for its health by one, and judged alike by both', async () => {
  let health = 200;
  const up = await upstream((path) => (path === '/health' ? health : 200));
  const check = { timeout: '20s', interval: '0.05s', no_traffic_interval: '0.05s', unhealthy_threshold: 1 };
  const { proxy, port, totals } = await start(up.port, {
    cluster: { health_checks: [{ ...check, healthy_threshold: 1, http_health_check: { path: '/health' } }] },
  });
  expect(await statuses(port, totals)).toEqual([200]);
  expect(up.seen.checks).toBe(1);
  health = 503;
  await waitFor('the endpoint to be out', async () => (await proxy.admin('/clusters')).includes('/failed_active_hc'));
  // By what is left to choose from: an endpoint that is out is used all the same when there is no other (panic).
  expect(await proxy.stat('cluster.up.membership_healthy')).toBe(0);
  health = 200;
  await waitFor('the endpoint to be back', async () => (await proxy.stat('cluster.up.membership_healthy')) === 1);
  expect(up.seen.checks).toBe(1);
});

test('a circuit breaker counts the requests of both', async () => {
  const up = await upstream((path) => (path === '/held' ? null : 200));
  const { proxy, port, totals } = await start(up.port, {
    cluster: { circuit_breakers: { thresholds: [{ max_requests: 2 }] } },
  });
  for (let i = 0; i < 2; i++) {
    const held = await RawConnection.open(port);
    cleanups.push(() => held[Symbol.dispose]());
    held.send('GET /held HTTP/1.1\r\nhost: h\r\n\r\n');
  }
  await waitFor('both requests', async () => (await proxy.stat('cluster.up.upstream_rq_active')) === 2);
  expect(await statuses(port, totals)).toEqual([503]);
  expect(await proxy.stat('cluster.up.circuit_breakers.default.rq_open')).toBe(1);
});

test('a limit of bandwidth is that of both: one may have all of it, and both have no more', async () => {
  const server = createHttpServer((request, response) => void request.resume().on('end', () => response.end()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close().closeAllConnections());
  const typed_config = {
    '@type': `${TYPE}.filters.http.bandwidth_limit.v3.BandwidthLimit`,
    ...{ stat_prefix: 'both', enable_mode: 'REQUEST', limit_kbps: 64 },
  };
  const { proxy, port, totals } = await start((server.address() as AddressInfo).port, {
    filters: [{ name: 'bandwidth', typed_config }],
    listener: { connection_balance_config: { exact_balance: {} } },
  });
  const connections = await Promise.all(Array.from({ length: 4 }, () => RawConnection.open(port)));
  for (const connection of connections) cleanups.push(() => connection[Symbol.dispose]());
  const post = async (connection: RawConnection) => {
    connection.send(`POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 60000\r\n\r\n${'x'.repeat(60_000)}`);
    expect((await connection.response()).status).toBe(200);
  };
  const began = performance.now();
  await post(connections[0]!);
  expect(await proxy.stat('both.http_bandwidth_limit.request_enforced')).toBe(0);
  await Promise.all(connections.map(post));
  // 300,000 bytes at 65,536 a second, of which the first are there from the start: never sooner, however slow the machine is.
  expect(performance.now() - began).toBeGreaterThan(3_400);
  expect(await totals()).toEqual([2, 2]);
});

test('the limit of connections is that of both', async () => {
  const up = await upstream(() => 200);
  const name = 'envoy.resource_monitors.global_downstream_max_connections';
  const typed_config = {
    '@type': `${TYPE}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig`,
    max_active_downstream_connections: 4,
  };
  const { proxy, port, totals } = await start(up.port, {
    // Two are given to each, and then one that neither may take.
    listener: { connection_balance_config: { exact_balance: {} } },
    overload: { resource_monitors: [{ name, typed_config }] },
  });
  const listener = `listener.127.0.0.1_${port}`;
  const open = async () => {
    const connection = await RawConnection.open(port);
    cleanups.push(() => connection[Symbol.dispose]());
    connection.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
    const status = await connection.response().then(
      (response) => response.status,
      () => 'closed',
    );
    return { connection, status };
  };
  const taken = [await open(), await open(), await open(), await open()];
  expect(taken.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(await totals()).toEqual([2, 2]);
  expect([(await open()).status, (await open()).status]).toEqual(['closed', 'closed']);
  expect(await proxy.stat(`${listener}.downstream_global_cx_overflow`)).toBe(2);
  taken[0]!.connection[Symbol.dispose]();
  await waitFor('room', async () => (await proxy.stat(`${listener}.downstream_cx_active`)) === 3);
  expect((await open()).status).toBe(200);
});

test('a TLS session that one made is resumed by the other', async () => {
  const authority = await makeAuthority();
  const { certificate, key } = await authority.issue({ dns: ['front.test'] });
  const up = await upstream(() => 200);
  const { port, totals } = await start(up.port, {
    chain: {
      transport_socket: {
        name: 'tls',
        typed_config: {
          '@type': `${TYPE}.transport_sockets.tls.v3.DownstreamTlsContext`,
          common_tls_context: {
            tls_params: { tls_maximum_protocol_version: 'TLSv1_2' },
            tls_certificates: [
              { certificate_chain: { inline_string: certificate }, private_key: { inline_string: key } },
            ],
          },
        },
      },
    },
  });
  const tls = { ca: authority.certificate, servername: 'front.test' };
  using first = await RawConnection.open(port, tls);
  const session = (first.socket as TLSSocket).getSession();
  const resumed = new Set<boolean>();
  await waitFor('connections to both workers', async () => {
    for (let i = 0; i < 4; i++) {
      using next = await RawConnection.open(port, { ...tls, session });
      resumed.add((next.socket as TLSSocket).isSessionReused());
    }
    return (await totals()).every((count) => count >= 2);
  });
  expect([...resumed]).toEqual([true]);
});

test('a Unix socket is served by both, and its path is free when they end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-workers-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const up = await upstream(() => 200);
  const path = join(folder, 'front.sock');
  const { proxy } = await start(up.port, { place: { pipe: { path } } });
  const ask = async () => {
    const socket = connect(path);
    socket.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return bytes.toString('latin1').slice(0, 12);
  };
  const both = async () => {
    const text = await proxy.admin('/stats?filter=worker_.*cx_total');
    return [...text.matchAll(/: (\d+)$/gm)].map(([, count]) => Number(count) > 0);
  };
  await waitFor('connections to both workers', async () => {
    expect(await Promise.all([ask(), ask(), ask(), ask()])).toEqual(Array(4).fill('HTTP/1.1 200'));
    return (await both()).filter(Boolean).length === 2;
  });
  proxy.signal('SIGTERM');
  expect(await proxy.exited()).toBe(0);
  expect(existsSync(path)).toBe(false);
});

test('without enable_reuse_port there is one socket, which nobody else may bind', async () => {
  const up = await upstream(() => 200);
  const { port, totals } = await start(up.port, { listener: { enable_reuse_port: false } });
  expect(await statuses(port, totals)).toEqual([200]);
  const other = createServer();
  other.listen({ port, host: '127.0.0.1', reusePort: true });
  expect(await once(other, 'error')).toMatchObject([{ code: 'EADDRINUSE' }]);
});

test('exact_balance gives each as many connections', async () => {
  const up = await upstream(() => 200);
  const { proxy, port } = await start(up.port, { listener: { connection_balance_config: { exact_balance: {} } } });
  const connections = await Promise.all(Array.from({ length: 20 }, () => RawConnection.open(port)));
  cleanups.push(() => {
    for (const connection of connections) connection[Symbol.dispose]();
  });
  for (const connection of connections) connection.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  const answers = await Promise.all(connections.map((connection) => connection.response()));
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  const active = (worker: number) => proxy.stat(`listener.127.0.0.1_${port}.worker_${worker}.downstream_cx_active`);
  expect(await Promise.all([0, 1].map(active))).toEqual([10, 10]);
  expect(await proxy.stat('http.front.downstream_rq_2xx')).toBe(20);
});
