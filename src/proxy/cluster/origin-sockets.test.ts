import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Origin } from '../config/origins.ts';
import type { TimedOption } from '../config/socket-options.ts';
import { intOption } from '../system/sockets.ts';
import { socketsFrom } from './origin-sockets.ts';

const KEEPALIVE = intOption(1, 9, 1);
const NONE_SUCH = intOption(6, 9999, 1);
const v4 = { address: '127.0.0.2', port: 0 };
const v6 = { address: '::1', port: 0 };
const set = (option = KEEPALIVE, change: Partial<TimedOption> = {}): TimedOption => ({
  when: 'before-bind',
  family: 'any',
  option,
  ...change,
});

let server: Server;
beforeAll(async () => {
  server = createServer((socket: Socket) => socket.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

/** Its own address and what it read. */
async function talk(origins: readonly Origin[]): Promise<string> {
  const { port } = server.address() as { port: number };
  const socket = socketsFrom(origins)('127.0.0.1', port);
  await once(socket, 'connect');
  const { localAddress } = socket;
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return `${localAddress} ${text}`;
}

test.each<[string, readonly Origin[], string]>([
  ['from anywhere', [], '127.0.0.1'],
  ['from an address', [{ address: v4, options: [] }], '127.0.0.2'],
  [
    'from that of its family',
    [
      { address: v6, options: [] },
      { address: v4, options: [] },
    ],
    '127.0.0.2',
  ],
  ['with options', [{ address: v4, options: [set()] }], '127.0.0.2'],
  ['with options alone', [{ address: null, options: [set()] }], '127.0.0.1'],
  ['without options of the other family', [{ address: v4, options: [set(NONE_SUCH, { family: 6 })] }], '127.0.0.2'],
  ['without options of listeners', [{ address: v4, options: [set(NONE_SUCH, { when: 'listening' })] }], '127.0.0.2'],
])('%s', async (_name, origins, from) => {
  expect(await talk(origins)).toBe(`${from} hello`);
});

test.each<[string, Origin, string]>([
  ['an option that there is none of', { address: v4, options: [set(NONE_SUCH)] }, 'socket option 9999 of level 6'],
  ['an address that is not here', { address: { address: '192.0.2.1', port: 0 }, options: [set()] }, 'EADDRNOTAVAIL'],
])('%s fails once somebody listens', async (_name, origin, message) => {
  const [error] = (await once(socketsFrom([origin])('127.0.0.1', 1), 'error')) as [Error];
  expect(error.message).toContain(message);
});
