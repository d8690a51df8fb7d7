// Configuration changes under traffic: what is kept, what is drained, what takes effect at once.

import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { adsSource } from './config/config-source.ts';
import { plainAssignment } from './config/endpoints.ts';
import { DataPlane } from './data-plane.ts';
import {
  chain,
  cluster,
  endpoint,
  forward,
  http,
  listener,
  outlierDetection,
  route,
  routeTable,
} from './testing/configs.ts';
import { silentLog, startProxy } from './testing/harness.ts';
import { type Origin, openClient, startEcho, startOrigin } from './testing/origin.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const table = (body: string) => routeTable('routes', { '/': route({ kind: 'respond', status: 200, body }) });

function keep<T extends { close(): unknown }>(thing: T): T {
  open.push(thing);
  return thing;
}

function client(port: number) {
  const opened = openClient(port);
  open.push({ close: () => opened.socket.destroy() });
  return opened;
}

function bareRuntime(drainTime = 1_000): DataPlane {
  return keep(new DataPlane({ clock: systemClock, random: Math.random, log: silentLog([]), drainTime }));
}

async function named(name: string): Promise<Origin> {
  return keep(
    await startOrigin((socket) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${name.length}\r\n\r\n${name}`)),
  );
}

test('open connections follow new routes at once', async () => {
  const { dataPlane, port } = await startProxy({ '/': route({ kind: 'respond', status: 200, body: 'one' }) }, []);
  keep(dataPlane);
  const connection = client(port);
  connection.write(GET);
  await connection.until(/one$/);
  dataPlane.setRoutes(table('two'));
  connection.write(GET);
  expect(await connection.until(/two$/)).not.toContain('connection: close');
});

test('a changed listener keeps its socket; connections of the old chain leave with their next answer', async () => {
  const dataPlane = bareRuntime();
  await dataPlane.setListener(listener([chain(http(table('old')))]));
  const { port } = dataPlane.listeners()[0]!;
  const busy = client(port);
  busy.write('GET / HT');
  const idle = client(port);
  idle.write(GET);
  await idle.until(/old$/);
  await dataPlane.setListener(listener([chain(http(table('new')))]));
  expect(dataPlane.listeners()[0]!.port).toBe(port);
  await idle.ended();
  busy.write('TP/1.1\r\nHost: a\r\n\r\n');
  expect(await busy.ended()).toMatch(/connection: close\r\n[\s\S]*old$/);
  const late = client(port);
  late.write(GET);
  expect(await late.until(/new$/)).not.toContain('connection: close');
});

test('a chain that did not change keeps its connections', async () => {
  const dataPlane = bareRuntime();
  const same = chain(http(table('same')));
  await dataPlane.setListener(listener([same]));
  const connection = client(dataPlane.listeners()[0]!.port);
  connection.write(GET);
  await connection.until(/same$/);
  await dataPlane.setListener(
    listener([same, chain(http(table('other')), { name: 'other', match: { ...same.match, destinationPort: 1 } })]),
  );
  connection.write(GET);
  expect(await connection.until(/same[\s\S]*same$/)).not.toContain('connection: close');
});

test('a taken port is refused with its number, and nothing else changes', async () => {
  const dataPlane = bareRuntime();
  await dataPlane.setListener(listener([chain(http(table('ok')))]));
  const { port } = dataPlane.listeners()[0]!;
  const second = listener([chain(http(table('no')))], { name: 'second', port });
  await expect(dataPlane.setListener(second)).rejects.toThrow(
    `listener second: 127.0.0.1:${port}: the port is taken by another process`,
  );
  expect(dataPlane.listeners().map(({ config }) => config.name)).toEqual(['listener']);
});

test('a listener that is removed while it waits for its filters never serves', async () => {
  const dataPlane = bareRuntime();
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const stop = vi.fn();
  const slow = http(table('never'), { filters: [{ name: 'slow', start: () => ({ ready, stop }) }] });
  const serves = dataPlane.setListener(listener([chain(slow)]));
  expect(dataPlane.listeners()).toEqual([]);
  dataPlane.removeListener('listener');
  expect(stop).toHaveBeenCalledTimes(1);
  await dataPlane.setListener(listener([chain(http(table('successor')))]));
  resolve();
  await serves;
  const connection = client(dataPlane.listeners()[0]!.port);
  connection.write(GET);
  await connection.until(/successor$/);
});

test('a removed listener answers what it has begun, then its port is free', async () => {
  const slow = keep(await startOrigin(() => undefined));
  const { dataPlane, port } = await startProxy({ '/': route(forward('up')) }, [cluster('up', [slow.port])]);
  keep(dataPlane);
  const connection = client(port);
  connection.write(GET);
  await expect.poll(() => slow.requests.length).toBe(1);
  dataPlane.removeListener('listener');
  const again = bareRuntime();
  await again.setListener(listener([chain(http(table('successor')))], { port }));
  slow.close();
  expect(await connection.ended()).toMatch(/^HTTP\/1\.1 503 [\s\S]*connection: close\r\n/);
});

test('drain waits for requests in progress, and no longer than it may', async () => {
  let answer: () => void = () => undefined;
  const up = keep(
    await startOrigin((socket) => {
      answer = () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    }),
  );
  const { dataPlane, port } = await startProxy({ '/': route(forward('up')) }, [cluster('up', [up.port])]);
  keep(dataPlane);
  const connection = client(port);
  connection.write(GET);
  await expect.poll(() => up.requests.length).toBe(1);
  const drained = dataPlane.drain();
  answer();
  expect(await connection.ended()).toMatch(/connection: close\r\n[\s\S]*ok$/);
  await drained;
  const stuck = bareRuntime(50);
  stuck.setCluster(cluster('up', [up.port]));
  await stuck.setListener(listener([chain(http(routeTable('', { '/': route(forward('up')) })))]));
  const hanging = client(stuck.listeners()[0]!.port);
  hanging.write(GET);
  await expect.poll(() => up.requests.length).toBe(2);
  await stuck.drain();
  expect(hanging.socket.destroyed).toBe(false);
});

test('endpoints that stay keep their connections; one that goes closes its idle ones', async () => {
  const [a, b] = [await named('a'), await named('b')];
  const up = cluster('up', [], { discovery: { kind: 'eds', serviceName: 'up', source: adsSource } });
  const { dataPlane, port, stat } = await startProxy({ '/': route(forward('up')) }, [up]);
  keep(dataPlane);
  dataPlane.setEndpoints('up', plainAssignment([endpoint(a.port), endpoint(b.port)]));
  for (let i = 0; i < 4; i++) {
    const connection = client(port);
    connection.write(GET);
    await connection.until(/[ab]$/);
  }
  expect(stat('cluster.up.upstream_cx_active')).toBe(2);
  const host = dataPlane.clusters()[0]!.hosts[0];
  dataPlane.setEndpoints('up', plainAssignment([endpoint(a.port, { weight: 5 })]));
  expect(stat('cluster.up.upstream_cx_active')).toBe(1);
  dataPlane.setCluster({ ...up, connectTimeout: 1_234 });
  expect(dataPlane.clusters()[0]!.hosts[0]).toBe(host);
  const connection = client(port);
  connection.write(GET);
  await connection.until(/a$/);
  expect(a.connections()).toBe(1);
});

test('endpoints that came before their cluster are used', async () => {
  const up = keep(await startEcho());
  const { dataPlane, port } = await startProxy({ '/': route(forward('up')) }, []);
  keep(dataPlane);
  dataPlane.setEndpoints('up', plainAssignment([endpoint(up.port)]));
  dataPlane.setCluster(cluster('up', [], { discovery: { kind: 'eds', serviceName: 'up', source: adsSource } }));
  const connection = client(port);
  connection.write(GET);
  await connection.until(/200 OK/);
});

test('an endpoint that fails in a row is left out', async () => {
  const bad = keep(await startOrigin((socket) => socket.write('HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n')));
  const good = await named('good');
  const { dataPlane, port, stat } = await startProxy({ '/': route(forward('up')) }, [
    cluster('up', [bad.port, good.port], {
      outlierDetection: outlierDetection({ consecutive5xx: { count: 3, enforcing: 100 }, maxEjectionPercent: 50 }),
    }),
  ]);
  keep(dataPlane);
  const statuses: string[] = [];
  for (let i = 0; i < 12; i++) {
    const connection = client(port);
    connection.write(GET);
    statuses.push((await connection.until(/\r\n\r\n(good)?$/)).slice(9, 12));
  }
  expect(statuses.filter((status) => status === '500')).toHaveLength(3);
  expect(stat('cluster.up.outlier_detection.ejections_enforced_total')).toBe(1);
});
