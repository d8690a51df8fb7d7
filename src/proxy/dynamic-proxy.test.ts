// A cluster of names without the filter that asks for them: the router does, and gives up with the client.
import { afterEach, expect, test } from 'vitest';
import type { DnsCacheConfig } from './config/dns-cache.ts';
import { cluster, forward, route } from './testing/configs.ts';
import { startProxy } from './testing/harness.ts';
import { openClient, startEcho } from './testing/origin.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

const cache: DnsCacheConfig = {
  name: 'names',
  family: 'v4',
  refresh: 60_000,
  minimumRefresh: 5_000,
  resolver: null,
  failureRefresh: null,
  ttl: 300_000,
  maxNames: 2,
  maxPending: 2,
  timeout: 5_000,
  known: [],
};

async function start() {
  const up = await startEcho();
  const names = cluster('names', [], { discovery: { kind: 'dynamic', cache, insecure: false } });
  const proxy = await startProxy({ '/': route(forward('names')) }, [names]);
  open.push(up, proxy.dataPlane);
  const client = () => {
    const opened = openClient(proxy.port);
    open.push({ close: () => opened.socket.destroy() });
    return opened;
  };
  return { up, proxy, client };
}

test('a request waits for its name', async () => {
  const { up, proxy, client } = await start();
  const { write, until } = client();
  write(`GET / HTTP/1.1\r\nHost: localhost:${up.port}\r\n\r\n`);
  expect(await until(/\r\n\r\n.*\r\n\r\n$/s)).toMatch(/^HTTP\/1\.1 200 /);
  expect(proxy.stat('dns_cache.names.num_hosts')).toBe(1);
  expect(proxy.stat('cluster.names.membership_total')).toBe(1);
});

test('a client that leaves meanwhile is not answered', async () => {
  const { up, proxy, client } = await start();
  const { write, socket } = client();
  write(`GET / HTTP/1.1\r\nHost: localhost:${up.port}\r\n\r\n`);
  await expect.poll(() => proxy.stat('dns_cache.names.dns_query_attempt')).toBe(1);
  socket.destroy();
  await expect.poll(() => proxy.accessLog.length).toBe(1);
  await expect.poll(() => proxy.stat('dns_cache.names.dns_query_success')).toBe(1);
  expect(proxy.stat('cluster.names.upstream_rq_active')).toBe(0);
  expect(proxy.complaints).toEqual([]);
});
