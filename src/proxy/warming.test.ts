// New clusters are used once their endpoints were found and checked; until then there is no such cluster.
import { afterEach, expect, test } from 'vitest';
import { plainAssignment } from './config/endpoints.ts';
import { cluster, endpoint, forward, healthCheck, route } from './testing/configs.ts';
import { type Harness, startProxy } from './testing/harness.ts';
import { type Origin, startOrigin } from './testing/origin.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';
const everyFiveSeconds = {
  refresh: 5_000,
  minimumRefresh: 0,
  failureRefresh: null,
  respectTtl: false,
  jitter: 0,
  family: 'v4',
  resolver: null,
} as const;
const seldom = 60_000;
const connects = healthCheck(
  { kind: 'tcp', send: Buffer.from('CHECK / HTTP/1.1\r\n\r\n'), receive: [Buffer.from('!')] },
  seldom,
);

const status = async ({ port }: Harness) => (await fetch(`http://127.0.0.1:${port}/`)).status;

/** An upstream that answers checks when it is told to. */
async function start(): Promise<{ proxy: Harness; up: Origin; answerCheck: () => void }> {
  const asked: (() => void)[] = [];
  const up = await startOrigin((socket, text) => {
    if (text.startsWith('CHECK')) asked.push(() => socket.write('!'));
    else socket.write(OK);
  });
  const proxy = await startProxy({ '/': route(forward('up')) }, []);
  open.push(up, proxy.dataPlane);
  return { proxy, up, answerCheck: () => asked.shift()!() };
}

test('not before the first check', async () => {
  const { proxy, up, answerCheck } = await start();
  const used = proxy.dataPlane.setCluster(cluster('up', [up.port], { healthChecks: [connects] }));
  expect(await status(proxy)).toBe(503);
  expect(proxy.accessLog[0]).toContain(' 503 NC ');
  await expect.poll(() => up.requests.length).toBe(1);
  answerCheck();
  await used;
  expect(await status(proxy)).toBe(200);
});

test('an update of one that is in use waits for nothing', async () => {
  const { proxy, up } = await start();
  const config = cluster('up', [up.port]);
  expect(proxy.dataPlane.setCluster(config)).toBe(undefined);
  expect(proxy.dataPlane.setCluster({ ...config, healthChecks: [connects] })).toBe(undefined);
});

test('one that goes is not waited for', async () => {
  const { proxy, up } = await start();
  const used = proxy.dataPlane.setCluster(cluster('up', [up.port], { healthChecks: [connects] }));
  proxy.dataPlane.removeCluster('up');
  await used;
  expect(proxy.dataPlane.clusters()).toEqual([]);
});

test('names are asked for first', async () => {
  const { proxy, up } = await start();
  const assignment = plainAssignment([endpoint(up.port, { address: 'localhost' })]);
  const dns = { ...everyFiveSeconds, waits: true } as const;
  const discovery = { kind: 'strict-dns', assignment, ...dns } as const;
  const used = proxy.dataPlane.setCluster(cluster('up', [], { discovery }));
  expect(used).toBeInstanceOf(Promise);
  await used;
  expect(await status(proxy)).toBe(200);
});

test('names are not asked for first where nobody wants to wait', async () => {
  const { proxy, up } = await start();
  const assignment = plainAssignment([endpoint(up.port, { address: 'localhost' })]);
  const dns = { ...everyFiveSeconds, waits: false } as const;
  const discovery = { kind: 'strict-dns', assignment, ...dns } as const;
  expect(proxy.dataPlane.setCluster(cluster('up', [], { discovery }))).toBe(undefined);
  await expect.poll(() => status(proxy)).toBe(200);
});
