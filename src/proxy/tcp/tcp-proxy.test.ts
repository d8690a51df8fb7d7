// TCP proxied over loopback: bytes, ends, limits, and what is counted and logged of it.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { systemClock } from '../../lib/clock.ts';
import { adsSource } from '../config/config-source.ts';
import type { TcpProxyConfig } from '../config/network-types.ts';
import type { ClusterOutcome, ClusterQuestion } from '../config/on-demand.ts';
import type { ClusterConfig } from '../config/types.ts';
import { DataPlane } from '../data-plane.ts';
import type { Exchange } from '../http/exchange.ts';
import { formatFlags } from '../http/flags.ts';
import { chain, cluster, http, limits, listener, routeTable } from '../testing/configs.ts';
import { silentLog } from '../testing/harness.ts';
import { freePort, openClient } from '../testing/origin.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

function tcp(change: Partial<TcpProxyConfig> = {}): TcpProxyConfig {
  return {
    statPrefix: 'test',
    clusters: [{ name: 'c', weight: 1, subset: null }],
    totalWeight: 1,
    idleTimeout: 0,
    maxDuration: 0,
    maxDurationJitter: 0,
    maxConnectAttempts: 1,
    hashSourceIp: false,
    onDemand: null,
    tunnel: null,
    accessLogs: [],
    onOpened: null,
    logOnConnected: false,
    ...change,
  };
}

type Proxy = {
  readonly port: number;
  readonly dataPlane: DataPlane;
  readonly log: string[];
  stat(name: string): number;
};

async function start(
  config: Partial<TcpProxyConfig>,
  clusters: readonly ClusterConfig[],
  bufferLimit = 1e6,
): Promise<Proxy> {
  const dataPlane = new DataPlane({ clock: systemClock, random: () => 0.5, log: silentLog([]) });
  open.push(dataPlane);
  const log: string[] = [];
  for (const one of clusters) dataPlane.setCluster(one);
  const accessLogs = [
    {
      write: (record: Parameters<TcpProxyConfig['accessLogs'][number]['write']>[0]) =>
        void log.push(`${record.requestBytes} ${record.responseBytes} ${formatFlags(record.flags)}`),
    },
  ];
  const network = { kind: 'tcp', tcp: tcp({ accessLogs, ...config }) } as const;
  await dataPlane.setListener(listener([chain(http(routeTable('', {})), { network })], { bufferLimit }));
  const stat = (name: string) => new Map(dataPlane.stats()).get(name) ?? Number.NaN;
  return { port: dataPlane.listeners()[0]!.port, dataPlane, log, stat };
}

async function upstream(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  open.push({
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const echo = () =>
  upstream((socket) => {
    socket.on('data', (bytes) => socket.write(bytes));
    socket.on('end', () => socket.end());
  });

function client(port: number) {
  const opened = openClient(port);
  open.push({ close: () => opened.socket.destroy() });
  return opened;
}

describe('bytes', () => {
  test('both ways, and counted', async () => {
    const proxy = await start({}, [cluster('c', [await echo()])]);
    const one = client(proxy.port);
    one.write('hello');
    await one.until(/hello$/);
    one.socket.end();
    expect(await one.ended()).toBe('hello');
    await expect.poll(() => proxy.log).toEqual(['5 5 -']);
    expect(proxy.stat('tcp.test.downstream_cx_total')).toBe(1);
    expect(proxy.stat('tcp.test.downstream_cx_rx_bytes_total')).toBe(5);
    expect(proxy.stat('tcp.test.downstream_cx_tx_bytes_total')).toBe(5);
    await expect.poll(() => proxy.stat('cluster.c.upstream_cx_active')).toBe(0);
    await expect.poll(() => proxy.stat(`listener.127.0.0.1_${proxy.port}.downstream_cx_active`)).toBe(0);
  });

  test('a server that speaks first', async () => {
    const port = await upstream((socket) => socket.write('220 ready\r\n'));
    const proxy = await start({}, [cluster('c', [port])]);
    expect(await client(proxy.port).until(/ready/)).toBe('220 ready\r\n');
  });

  test('megabytes unchanged, through a small buffer too', async () => {
    const all = Buffer.alloc(3_000_001);
    for (let i = 0; i < all.length; i++) all[i] = (i * 7 + (i >> 8)) & 0xff;
    for (const limit of [1, 1_048_576]) {
      const size = limit === 1 ? 5_000 : all.length;
      const proxy = await start({}, [cluster('c', [await echo()])], limit);
      const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
      const parts: Buffer[] = [];
      socket.on('data', (bytes) => parts.push(bytes));
      socket.end(all.subarray(0, size));
      await once(socket, 'end');
      expect(Buffer.concat(parts).equals(all.subarray(0, size))).toBe(true);
    }
  });

  test('a client that does not read stops the server: memory is bounded', async () => {
    let sent = 0;
    const chunk = Buffer.alloc(65_536);
    const port = await upstream((socket) => {
      const push = () => {
        while (sent < 1e9 && socket.write(chunk)) sent += chunk.length;
      };
      socket.on('drain', push);
      push();
    });
    const proxy = await start({}, [cluster('c', [port])]);
    const slow = connect({ port: proxy.port, host: '127.0.0.1' });
    open.push({ close: () => slow.destroy() });
    slow.pause();
    await once(slow, 'connect');
    let before = -1;
    await expect
      .poll(
        () => {
          const still = sent === before;
          before = sent;
          return still && sent > 0;
        },
        { interval: 200, timeout: 30_000 },
      )
      .toBe(true);
    expect(sent).toBeLessThan(100e6);
  });
});

describe('ends', () => {
  test('a half-closed client still gets its answer', async () => {
    const port = await upstream((socket) => {
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString();
      });
      socket.on('end', () => socket.end(`got ${text}`));
    });
    const proxy = await start({}, [cluster('c', [port])]);
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end('question');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toBe('got question');
    await once(socket, 'end');
  });

  test('a half-closed server still gets the rest', async () => {
    let text = '';
    const port = await upstream((socket) => {
      socket.end('bye');
      socket.on('data', (bytes) => {
        text += bytes.toString();
      });
    });
    const proxy = await start({}, [cluster('c', [port])]);
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.resume();
    await once(socket, 'end');
    socket.end('still here');
    await expect.poll(() => text).toBe('still here');
  });

  test('a reset is passed on', async () => {
    const port = await upstream((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const proxy = await start({}, [cluster('c', [port])]);
    const socket = connect({ port: proxy.port, host: '127.0.0.1' });
    socket.write('x');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });
});

describe('failures', () => {
  const cases: readonly (readonly [string, Partial<TcpProxyConfig>, () => Promise<ClusterConfig[]>, string, string])[] =
    [
      ['no cluster', {}, async () => [], '0 0 NC', 'tcp.test.downstream_cx_no_route'],
      ['no endpoint', {}, async () => [cluster('c', [])], '0 0 UH', 'cluster.c.upstream_cx_none_healthy'],
      [
        'nobody listens',
        {},
        async () => [cluster('c', [await freePort()])],
        '0 0 URX,UF',
        'cluster.c.upstream_cx_connect_attempts_exceeded',
      ],
      [
        'too many connections',
        {},
        async () => [
          cluster('c', [await echo()], {
            limits: { default: limits({ maxConnections: 0 }), high: limits() },
          }),
        ],
        '0 0 UO',
        'cluster.c.upstream_cx_overflow',
      ],
    ];
  test.each(cases)('%s', async (_name, config, clusters, logged, counter) => {
    const proxy = await start(config, await clusters());
    await client(proxy.port).ended();
    await expect.poll(() => proxy.log).toEqual([logged]);
    expect(proxy.stat(counter)).toBe(1);
  });

  test('another endpoint is tried', async () => {
    const proxy = await start({ maxConnectAttempts: 3 }, [cluster('c', [await freePort(), await echo()])]);
    const one = client(proxy.port);
    one.write('x');
    await one.until(/x/);
  });
});

test('a fault in one connection ends that one', async () => {
  const broken = {
    write: () => {
      throw new Error('a bug');
    },
  };
  const proxy = await start({ logOnConnected: true, accessLogs: [broken] }, [cluster('c', [await echo()])]);
  const crashed: unknown[] = [];
  const note = (error: unknown) => void crashed.push(error);
  process.on('uncaughtException', note);
  await client(proxy.port).ended();
  process.off('uncaughtException', note);
  expect(crashed).toEqual([]);
  expect(proxy.dataPlane.listeners()[0]!.stats.uncaught_exceptions).toBe(2);
});

test('a fault while bytes are passed on ends that connection', async () => {
  const port = await echo();
  const proxy = await start({}, [cluster('c', [port])]);
  const [one, other] = [client(proxy.port), client(proxy.port)];
  for (const each of [one, other]) {
    each.write('x');
    await each.until(/x/);
  }
  const write = Socket.prototype.write;
  const spy = vi.spyOn(Socket.prototype, 'write').mockImplementation(function (this: Socket, ...args: unknown[]) {
    if (this.remotePort === port && String(args[0]) === 'bug') throw new Error('a bug');
    return Reflect.apply(write, this, args) as boolean;
  });
  one.write('bug');
  await one.ended();
  other.write('y');
  await other.until(/xy/);
  spy.mockRestore();
  expect(proxy.dataPlane.listeners()[0]!.stats.uncaught_exceptions).toBe(1);
});

test('a silent connection is closed after the idle timeout', async () => {
  const proxy = await start({ idleTimeout: 60 }, [cluster('c', [await echo()])]);
  await client(proxy.port).ended();
  expect(proxy.stat('tcp.test.idle_timeout')).toBe(1);
});

test('a busy one after the longest duration', async () => {
  const proxy = await start({ maxDuration: 60 }, [cluster('c', [await echo()])]);
  const one = client(proxy.port);
  const timer = setInterval(() => one.write('x'), 10);
  await one.ended();
  clearInterval(timer);
  expect(proxy.stat('tcp.test.max_downstream_connection_duration')).toBe(1);
  await expect.poll(() => proxy.log[0]).toMatch(/DT$/);
});

test('which may be longer by chance', async () => {
  // The random source of these tests adds half of the most: 30 ms and as much again.
  const proxy = await start({ maxDuration: 30, maxDurationJitter: 2 }, [cluster('c', [await echo()])]);
  const began = performance.now();
  await client(proxy.port).ended();
  expect(performance.now() - began).toBeGreaterThan(50);
});

test('who counts connections hears of their beginning with an endpoint, and of their end', async () => {
  const heard: string[] = [];
  const onOpened: TcpProxyConfig['onOpened'] = ({ endpoint, flags }) => {
    heard.push(`opened ${endpoint === null ? 'nowhere' : 'somewhere'} ${formatFlags(flags)}`);
    return () => void heard.push('closed');
  };
  const proxy = await start({ onOpened }, [cluster('c', [await echo()])]);
  const socket = connect(proxy.port, '127.0.0.1');
  socket.write('x');
  await once(socket, 'data');
  expect(heard).toEqual(['opened somewhere -']);
  socket.end();
  await waitFor('the end', () => heard.length === 2);
  const nowhere = await start({ onOpened, clusters: [{ name: 'none', weight: 1, subset: null }] }, []);
  const refused = connect(nowhere.port, '127.0.0.1');
  await once(refused, 'close');
  await waitFor('the other end', () => heard.length === 4);
  expect(heard).toEqual(['opened somewhere -', 'closed', 'opened nowhere NC', 'closed']);
});

describe('a cluster that is not there is asked for', () => {
  const onDemand = { source: adsSource, timeout: 1_000 };
  const asking = (outcome: ClusterOutcome, given: (dataPlane: DataPlane) => void) =>
    start({ onDemand }, []).then((proxy) => {
      const asked: ClusterQuestion[] = [];
      proxy.dataPlane.serveOnDemand({
        cluster(question, done) {
          asked.push(question);
          given(proxy.dataPlane);
          done(outcome);
        },
        virtualHost: (_table, _host, done) => done(),
      });
      return { ...proxy, asked };
    });

  test('and used', async () => {
    const port = await echo();
    const proxy = await asking('used', (dataPlane) => void dataPlane.setCluster(cluster('c', [port])));
    for (const text of ['one', 'two']) {
      const { socket, write, until } = client(proxy.port);
      write(text);
      expect(await until(new RegExp(text))).toBe(text);
      socket.destroy();
    }
    expect(proxy.asked).toEqual([{ name: 'c', source: adsSource, timeout: 1_000 }]);
    expect(proxy.stat('tcp.test.on_demand_cluster_success')).toBe(1);
  });

  test.each([
    ['absent', 'missing'],
    ['late', 'timeout'],
  ] as const)('or not: %s', async (outcome, counter) => {
    const proxy = await asking(outcome, () => undefined);
    expect(await client(proxy.port).ended()).toBe('');
    await waitFor('the log', () => proxy.log.length > 0);
    expect(proxy.log).toEqual(['0 0 NC']);
    const counters = ['on_demand_cluster_attempt', `on_demand_cluster_${counter}`, 'downstream_cx_no_route'];
    expect(counters.map((name) => proxy.stat(`tcp.test.${name}`))).toEqual([1, 1, 1]);
  });
});

test('fields of a tunnel’s answer, and of its end, stay with the connection', async () => {
  const port = await upstream((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: 1\r\n\r\n2\r\nhi\r\n0\r\nx-end: 2\r\n\r\n');
    });
  });
  const kept: unknown[] = [];
  const write = ({ stateObjects }: Exchange) =>
    void kept.push(...[...(stateObjects ?? [])].map(([name, { text }]) => [name, text]));
  const tunnel = {
    hostOf: () => 'a.test',
    postPath: '/',
    addHeaders: () => undefined,
    keepsHeaders: true,
    keepsTrailers: true,
  };
  const proxy = await start({ tunnel, accessLogs: [{ write }] }, [cluster('c', [port])]);
  const one = client(proxy.port);
  one.socket.end();
  expect(await one.ended()).toBe('hi');
  await waitFor('the log', () => kept.length > 0);
  expect(kept).toEqual([
    [
      'envoy.tcp_proxy.propagate_response_headers',
      expect.stringMatching(/^{"headers":\[{"key":":status","value":"200"},.*{"key":"x-a","value":"1"}/),
    ],
    ['envoy.tcp_proxy.propagate_response_trailers', '{"headers":[{"key":"x-end","value":"2"}]}'],
  ]);
});
