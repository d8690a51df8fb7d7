// What a proxy must do without: descriptors, readers, and in the end time.
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { ProxyUnderTest } from '../support/proxy-under-test.ts';
import { RawConnection } from '../support/raw-http.ts';
import { settled, startStaticProxy } from '../support/static-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';
const MEBIBYTE = 1024 * 1024;
const TCP = {
  name: 'tcp',
  typed_config: { '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: 'tcp', cluster: 'up' },
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function upstream(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

const echo = () =>
  upstream((socket) => socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi')));

async function start(...args: Parameters<typeof startStaticProxy>) {
  const started = await startStaticProxy(...args);
  cleanups.push(() => started.proxy[Symbol.asyncDispose]());
  return started;
}

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => socket.destroy());
  cleanups.push(() => socket.destroy());
  return socket;
}

async function statusOf(port: number, deadline?: number): Promise<number> {
  using connection = await RawConnection.open(port);
  connection.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  return (await connection.response({ deadline })).status;
}

/** Whether anything is answered at all. */
const answers = (port: number) =>
  statusOf(port, 8_000).then(
    () => true,
    () => false,
  );

test('without descriptors it neither spins nor ends, and goes on when there are some again', async () => {
  const { proxy, port } = await start(await echo(), {}, { descriptors: 100 });
  const clients = Array.from({ length: 200 }, () => open(port));
  await waitFor('descriptors to run out', async () => !(await answers(port)));
  const before = await proxy.cpu();
  await pause(2_000);
  expect((await proxy.cpu()) - before).toBeLessThan(0.5);
  for (const client of clients) client.destroy();
  await waitFor('descriptors', () => answers(port));
  expect(await statusOf(port)).toBe(200);
  await settled(proxy);
});

test('a client of TCP that does not read holds back the upstream, not the memory; nor does an upstream that does not', async () => {
  const chunk = Buffer.alloc(MEBIBYTE, 'x');
  const pour = (socket: Socket) => {
    const send = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', send);
    send();
  };
  const { proxy, port } = await start(await upstream((socket) => pour(socket.pause())), { chain: { filters: [TCP] } });
  const before = await proxy.memory();
  for (let i = 0; i < 8; i++) pour(open(port).pause());
  await waitFor('connections', async () => (await proxy.stat('tcp.tcp.downstream_cx_total')) === 8);
  const passed = async () =>
    (await proxy.stat('tcp.tcp.downstream_cx_rx_bytes_total')) +
    (await proxy.stat('tcp.tcp.downstream_cx_tx_bytes_total'));
  let seen = -1;
  await waitFor('nothing more to be read', async () => {
    const last = seen;
    seen = await passed();
    await pause(200);
    return seen > 0 && seen === last;
  });
  expect((await proxy.memory()) - before).toBeLessThan(64 * MEBIBYTE);
  expect(await proxy.stat('tcp.tcp.downstream_cx_active')).toBe(8);
});

async function refusesConnections(port: number, proxy: ProxyUnderTest): Promise<void> {
  await waitFor('no more connections', async () => !(await answers(port)));
  expect(proxy.alive).toBe(true);
}

test('told to end it lets a request finish, closes its connection after it and takes no other', async () => {
  let finish: () => void = () => undefined;
  const { proxy, port } = await start(
    await upstream((socket) =>
      socket.on('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello');
        finish = () => socket.write('world');
      }),
    ),
  );
  using running = await RawConnection.open(port);
  running.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await waitFor('the answer to begin', async () => (await proxy.stat('cluster.up.upstream_rq_active')) === 1);
  using idle = await RawConnection.open(port);
  proxy.signal('SIGTERM');
  await refusesConnections(port, proxy);
  finish();
  const { status, body } = await running.response();
  expect([status, body.toString()]).toEqual([200, 'helloworld']);
  await waitFor('the idle connection to end', () => idle.socket.readableEnded || idle.socket.destroyed);
  expect(await proxy.exited()).toBe(0);
});

test('told to end it waits no longer than it may', async () => {
  const { proxy, port } = await start(await upstream(() => undefined), {}, { options: ['--drain-time-s', '1'] });
  using running = await RawConnection.open(port);
  running.send('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await waitFor('a request', async () => (await proxy.stat('cluster.up.upstream_rq_active')) === 1);
  proxy.signal('SIGTERM');
  expect(await proxy.exited()).toBe(0);
});
