// Options as the kernel has them afterwards.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { libcFunction } from './libc.ts';
import { bindSocket, intOption, SOL_IP, SOL_SOCKET, SOL_TCP, setSocketOptions } from './sockets.ts';

const SO_KEEPALIVE = 9;
const TCP_KEEPIDLE = 4;
const IP_FREEBIND = 15;
const plain = { reusePort: false, ipv6Only: true };

type GetSocketOption = (fd: number, level: number, name: number, value: Buffer, length: Buffer) => number;
const getsockopt = libcFunction<GetSocketOption>(
  'int getsockopt(int fd, int level, int name, _Inout_ uint8_t *value, _Inout_ uint8_t *length)',
);

function optionOf(owner: object, level: number, name: number): number {
  const [value, length] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32LE(4);
  const { fd } = (owner as { _handle: { fd: number } })._handle;
  expect(getsockopt!(fd, level, name, value, length)).toBe(0);
  return value.readInt32LE();
}

test.skipIf(getsockopt === null).each(['127.0.0.1', '::1'])(
  'bound to %s with options that its connections have',
  async (address) => {
    const options = [intOption(SOL_SOCKET, SO_KEEPALIVE, 1), intOption(SOL_TCP, TCP_KEEPIDLE, 7)];
    const server = createServer();
    server.listen({ fd: bindSocket({ address, port: 0 }, options, plain) });
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, address);
    const [accepted] = (await once(server, 'connection')) as [Socket];
    expect(optionOf(accepted, SOL_SOCKET, SO_KEEPALIVE)).toBe(1);
    expect(optionOf(accepted, SOL_TCP, TCP_KEEPIDLE)).toBe(7);
    setSocketOptions(client, [intOption(SOL_TCP, TCP_KEEPIDLE, 9)]);
    expect(optionOf(client, SOL_TCP, TCP_KEEPIDLE)).toBe(9);
    client.destroy();
    accepted.destroy();
    server.close();
  },
);

test.skipIf(getsockopt === null)('an address this machine does not have, where that is wanted', async () => {
  const elsewhere = { address: '192.0.2.77', port: 0 };
  expect(() => bindSocket(elsewhere, [], plain)).toThrow('EADDRNOTAVAIL');
  const server = createServer();
  server.listen({ fd: bindSocket(elsewhere, [intOption(SOL_IP, IP_FREEBIND, 1)], plain) });
  await once(server, 'listening');
  expect(server.address()).toMatchObject({ address: elsewhere.address });
  server.close();
});

test.skipIf(getsockopt === null)('what the kernel refuses', () => {
  const place = { address: '127.0.0.1', port: 0 };
  expect(() => bindSocket(place, [intOption(SOL_TCP, 9999, 1)], plain)).toThrow('socket option 9999 of level 6');
  expect(() => bindSocket({ address: 'here', port: 0 }, [], plain)).toThrow('here is no IP address');
});
