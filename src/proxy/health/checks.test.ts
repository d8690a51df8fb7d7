import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { adsSource } from '../config/config-source.ts';
import { plainAssignment } from '../config/endpoints.ts';
import type { HealthCheckConfig, ProbeConfig } from '../config/health-check-types.ts';
import type { ClusterConfig } from '../config/types.ts';
import { DataPlane } from '../data-plane.ts';
import { cluster, endpoint, healthCheck, httpProbe } from '../testing/configs.ts';
import { silentLog } from '../testing/harness.ts';
import { freePort, type Origin, startOrigin } from '../testing/origin.ts';
import { ExchangeProbe } from './exchange-probe.ts';

const kept: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of kept.splice(0)) await one.close();
});
function keep<Thing extends { close(): unknown }>(thing: Thing): Thing {
  kept.push(thing);
  return thing;
}

const http = httpProbe;

const check = (probe: ProbeConfig, change: Partial<HealthCheckConfig> = {}): HealthCheckConfig =>
  healthCheck(probe, 20, change);

function run(ports: readonly number[], checks: HealthCheckConfig[], change: Partial<ClusterConfig> = {}) {
  const dataPlane = keep(new DataPlane({ clock: systemClock, random: () => 0.5, log: silentLog([]) }));
  dataPlane.setCluster(cluster('up', ports, { healthChecks: checks, ...change }));
  const up = dataPlane.clusters()[0]!;
  return { dataPlane, up, healthy: () => up.stats.membership_healthy };
}

const origin = async (script: Parameters<typeof startOrigin>[0]): Promise<Origin> => keep(await startOrigin(script));
const answering = (text: string) => origin((socket) => void socket.write(text, 'latin1'));
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';

describe('HTTP', () => {
  test('an endpoint is unfit until it has answered, and again when it answers badly', async () => {
    let answer = OK;
    const up = await origin((socket) => void socket.write(answer, 'latin1'));
    const { healthy } = run([up.port], [check(http)]);
    expect(healthy()).toBe(0);
    await expect.poll(healthy).toBe(1);
    answer = OK.replace('200', '503');
    await expect.poll(healthy).toBe(0);
    answer = OK;
    await expect.poll(healthy).toBe(1);
    expect(up.connections()).toBe(1);
    expect(up.requests[0]).toMatch(/^GET \/health HTTP\/1\.1\r\nhost: up\r\nuser-agent: Envoy\/HC\r\n/i);
  });

  test('asks as it is told to', async () => {
    const up = await answering('HTTP/1.1 404 x\r\ncontent-length: 5\r\nx-envoy-degraded: 1\r\n\r\nabcde');
    const probe: ProbeConfig = {
      ...http,
      host: 'shop',
      path: '/a?b',
      method: 'POST',
      addHeaders: [{ name: 'x-a', value: '1', append: true }],
      removeHeaders: ['user-agent'],
      expected: [{ start: 404, end: 405 }],
      receive: [Buffer.from('b'), Buffer.from('de')],
    };
    const { up: running } = run([up.port], [check(probe)]);
    await expect.poll(() => running.stats.membership_degraded).toBe(1);
    expect(up.requests[0]).toMatch(/^POST \/a\?b HTTP\/1\.1\r\nhost: shop\r\nx-a: 1\r\n/i);
  });

  test.each<[string, Partial<typeof http>]>([
    ['a body that lacks something', { receive: [Buffer.from('no')] }],
    ['another service', { service: (name) => name === 'shop' }],
  ])('%s is no good answer', async (_name, change) => {
    const up = await answering(OK);
    const { up: running } = run([up.port], [check({ ...http, ...change })]);
    await expect.poll(() => running.stats.health_check.failure).toBeGreaterThan(1);
    expect(running.stats.membership_healthy).toBe(0);
  });

  test('a connection per check, where none is to be reused', async () => {
    const up = await answering(OK);
    const { up: running } = run([up.port], [check(http, { reuseConnection: false })]);
    await expect.poll(() => running.stats.health_check.success).toBeGreaterThan(2);
    expect(up.connections()).toBeGreaterThan(2);
  });

  test('nobody listens', async () => {
    const { up: running } = run([await freePort()], [check(http)]);
    await expect.poll(() => running.stats.health_check.network_failure).toBeGreaterThan(1);
    expect(running.stats.membership_healthy).toBe(0);
  });

  test('at a place of its own', async () => {
    const [up, checked] = [await answering(OK), await answering(OK)];
    const own = { check: { address: '', port: checked.port, hostname: 'me', disabled: false } };
    const { dataPlane, healthy } = run([], [check(http)]);
    dataPlane.setCluster(
      cluster('up', [], {
        healthChecks: [check(http)],
        discovery: { kind: 'static', assignment: plainAssignment([endpoint(up.port, own)]) },
      }),
    );
    await expect.poll(healthy).toBe(1);
    expect(up.requests).toEqual([]);
    expect(checked.requests[0]).toMatch(/host: me\r\n/i);
  });
});

describe('TCP', () => {
  const tcp = (receive: string[], send = '') =>
    ({ kind: 'tcp', send: Buffer.from(send), receive: receive.map((text) => Buffer.from(text)) }) as const;

  test('a connection is enough where nothing is to be received', async () => {
    const up = await answering('');
    const { healthy } = run([up.port], [check(tcp([]))]);
    await expect.poll(healthy).toBe(1);
    up.close();
    await expect.poll(healthy).toBe(0);
  });

  test.each([
    ['everything in order', ['PO', 'NG'], 20_000, 1],
    ['something is missing', ['PONG', 'PO'], 300, 0],
  ])('%s', async (_name, receive, timeout, wants) => {
    const up = await answering('+PO_NG\r\n');
    const { up: running, healthy } = run([up.port], [check(tcp(receive, 'PING\r\n\r\n'), { timeout })]);
    const { health_check: stats } = running.stats;
    await expect.poll(() => stats.success + stats.failure, { timeout: 30_000 }).toBeGreaterThan(1);
    expect(healthy()).toBe(wants);
  });
});

test.each([
  ['SERVING', Buffer.from([0, 0, 0, 0, 2, 8, 1]), '0', 1],
  ['NOT_SERVING', Buffer.from([0, 0, 0, 0, 2, 8, 2]), '0', 0],
  ['an error', Buffer.alloc(0), '5', 0],
])('gRPC: %s', async (_name, message, status, wants) => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers[':authority']}`);
    request.on('data', (chunk: Buffer) => asked.push(chunk.toString('latin1')));
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/grpc', trailer: 'grpc-status' });
      response.addTrailers({ 'grpc-status': status });
      response.end(message);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const probe: ProbeConfig = { kind: 'grpc', service: 'shop', authority: 'a', addHeaders: [] };
  const { up: running, healthy } = run([(server.address() as AddressInfo).port], [check(probe)]);
  const { health_check: stats } = running.stats;
  await expect.poll(() => stats.success + stats.failure, { timeout: 30_000 }).toBeGreaterThan(1);
  expect(healthy()).toBe(wants);
  expect(asked.slice(0, 2)).toEqual(['/grpc.health.v1.Health/Check a', '\0\0\0\0\x06\x0a\x04shop']);
  running.close();
  server.close();
});

describe('with discovery', () => {
  const eds = { discovery: { kind: 'eds', serviceName: 'up', source: adsSource } } as const;

  test.each([
    ['stays while checks find it well', false, 2],
    ['goes at once where that is wanted', true, 1],
  ])('an endpoint that discovery forgets %s', async (_name, ignoreHealthOnRemoval, left) => {
    let answer = OK;
    const [a, b] = [await origin((socket) => void socket.write(answer)), await answering(OK)];
    const { dataPlane, up, healthy } = run([], [check(http)], { ...eds, ignoreHealthOnRemoval });
    dataPlane.setEndpoints('up', plainAssignment([endpoint(a.port), endpoint(b.port)]));
    await expect.poll(healthy).toBe(2);
    dataPlane.setEndpoints('up', plainAssignment([endpoint(b.port)]));
    expect(up.hosts).toHaveLength(left);
    answer = OK.replace('200', '500');
    await expect.poll(() => up.hosts.length).toBe(1);
  });

  test('one that is not to be checked is taken as it is', async () => {
    const own = { check: { address: '', port: 0, hostname: '', disabled: true } };
    const { dataPlane, healthy } = run([], [check(http)], eds);
    dataPlane.setEndpoints('up', plainAssignment([endpoint(await freePort(), own)]));
    expect(healthy()).toBe(1);
  });

  test('new ones do not count before their first check, where that is wanted', async () => {
    const { dataPlane, up } = run([], [check(http)], { ...eds, ignoreNewHosts: true });
    dataPlane.setEndpoints('up', plainAssignment([endpoint(await freePort())]));
    expect(up.stats.membership_excluded).toBe(1);
    await expect.poll(() => up.stats.membership_excluded).toBe(0);
  });
});

test.each<[name: string, probe: ProbeConfig, breakIt: () => unknown]>([
  ['HTTP', http, () => vi.spyOn(ExchangeProbe.prototype, 'onResponse').mockImplementationOnce(boom)],
  [
    'TCP',
    { kind: 'tcp', send: Buffer.from('GET / HTTP/1.1\r\n\r\n'), receive: [Buffer.from('200')] },
    () => vi.spyOn(Buffer.prototype, 'indexOf').mockImplementationOnce(boom),
  ],
])('an exception in a check by %s is a failed one; the next check comes', async (_name, probe, breakIt) => {
  const up = await answering(OK);
  const complaints: string[] = [];
  const dataPlane = keep(new DataPlane({ clock: systemClock, random: () => 0.5, log: silentLog(complaints) }));
  breakIt();
  dataPlane.setCluster(cluster('up', [up.port], { healthChecks: [check(probe)] }));
  await expect.poll(() => dataPlane.clusters()[0]!.stats.membership_healthy).toBe(1);
  expect(complaints).toEqual(['exception in a health check Error: a bug']);
  vi.restoreAllMocks();
});

function boom(): never {
  throw new Error('a bug');
}
