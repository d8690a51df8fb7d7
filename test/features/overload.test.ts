// A limit of memory as a whole proxy keeps it: what fills the memory is real, and so is what becomes of it afterwards.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { proxyFlags } from '../../src/lib/proxy-flags.ts';
import { freePorts } from '../support/ports.ts';
import { address, ProxyUnderTest } from '../support/proxy-under-test.ts';
import { RawConnection } from '../support/raw-http.ts';
import { waitFor } from '../support/wait-for.ts';

const TYPE = 'type.googleapis.com/envoy';
const MEBIBYTE = 1 << 20;
/** Far above what an idle proxy has, and far below that with all bodies. */
const LIMIT = 250 * MEBIBYTE;
const BODY = 50 * MEBIBYTE;
const BODIES = 5;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function bootstrapOf(port: number, folder: string): object {
  const http = `${TYPE}.extensions.filters.http`;
  const manager = {
    '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'front',
    access_log: [
      {
        name: 'file',
        typed_config: {
          '@type': `${TYPE}.extensions.access_loggers.file.v3.FileAccessLog`,
          path: join(folder, 'access.log'),
          log_format: {
            text_format_source: {
              inline_string: '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS%\n',
            },
          },
        },
      },
    ],
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'served' } } }],
        },
      ],
    },
    http_filters: [
      { name: 'buffer', typed_config: { '@type': `${http}.buffer.v3.Buffer`, max_request_bytes: BODY + MEBIBYTE } },
      { name: 'router', typed_config: { '@type': `${http}.router.v3.Router` } },
    ],
  };
  const monitor = 'envoy.resource_monitors.fixed_heap';
  return {
    node: { id: 'overload' },
    static_resources: {
      listeners: [
        {
          name: 'front',
          address: address(port),
          filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
        },
      ],
    },
    overload_manager: {
      refresh_interval: '0.05s',
      resource_monitors: [
        {
          name: monitor,
          typed_config: {
            '@type': `${TYPE}.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig`,
            max_heap_size_bytes: String(LIMIT),
          },
        },
      ],
      actions: [
        {
          name: 'envoy.overload_actions.stop_accepting_requests',
          triggers: [{ name: monitor, threshold: { value: 1 } }],
        },
      ],
    },
  };
}

async function ask(port: number, path: string): Promise<string> {
  using connection = await RawConnection.open(port);
  connection.send(`GET ${path} HTTP/1.1\r\nhost: h\r\n\r\n`);
  const { status, body } = await connection.response();
  return `${status} ${body}`;
}

/** A request whose body comes almost to its end. */
async function hold(port: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  connection.socket.on('error', () => undefined);
  connection.send(`POST /held HTTP/1.1\r\nhost: h\r\ncontent-length: ${BODY + 1}\r\n\r\n`);
  connection.send('x'.repeat(BODY));
  return connection;
}

test('a proxy whose memory is full sheds requests, and serves again when there is room', async () => {
  const [port = 0, admin = 0] = await freePorts(2);
  const proxy = await ProxyUnderTest.start(admin, (folder) => bootstrapOf(port, folder), { flags: proxyFlags });
  cleanups.push(() => proxy[Symbol.asyncDispose]());
  const active = 'overload.envoy.overload_actions.stop_accepting_requests.active';
  expect(await ask(port, '/before')).toBe('200 served');
  expect(await proxy.stat(active)).toBe(0);

  const held = await Promise.all(Array.from({ length: BODIES }, () => hold(port)));
  cleanups.push(() => held.map((one) => one[Symbol.dispose]()));
  await waitFor('the memory to be full', async () => (await proxy.stat(active)) === 1, { deadline: 30_000 });
  expect(await ask(port, '/during')).toBe('503 envoy overloaded');
  // What was taken before is served all the same.
  held[0]!.send('x');
  expect((await held[0]!.response()).status).toBe(200);

  for (const one of held) one[Symbol.dispose]();
  const given = async () => (await proxy.memory()) < 0.8 * LIMIT;
  await waitFor('memory to be given back', given, { deadline: 40_000, every: 200 });
  await waitFor('room', async () => (await proxy.stat(active)) === 0, { deadline: 30_000 });
  expect(await ask(port, '/after')).toBe('200 served');
  const log = await waitFor('the log', async () => {
    const text = await readFile(join(proxy.folder, 'access.log'), 'utf8');
    return text.includes('/after') && text.split('\n').filter((line) => !line.startsWith('/held'));
  });
  expect(log.slice(0, -1)).toEqual([
    '/before 200 direct_response -',
    '/during 503 overload -',
    '/after 200 direct_response -',
  ]);
}, 150_000);
