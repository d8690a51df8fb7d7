import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { ReadBuffer, withLargeReads } from './large-reads.ts';

test('the buffer grows while reads fill it, and shrinks when they have long been small', () => {
  const buffer = new ReadBuffer();
  const sizes: number[] = [];
  for (let i = 0; i < 7; i++) sizes.push(buffer.next(buffer.bytes.length).length);
  expect(sizes).toEqual([16_384, 32_768, 65_536, 131_072, 262_144, 262_144, 262_144]);
  for (let i = 0; i < 63; i++) expect(buffer.next(100).length).toBe(262_144);
  expect(buffer.next(100).length).toBe(131_072);
});

test('it never grows beyond its limit', () => {
  const buffer = new ReadBuffer(10_000);
  for (let i = 0; i < 5; i++) buffer.next(buffer.bytes.length);
  expect(buffer.bytes.length).toBe(10_000);
});

test('a socket gives its handle to one that reads when it is told to, and closes with it', async () => {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  let text = '';
  const reader = {
    onBytes(bytes: Buffer): boolean {
      text += bytes.toString();
      return false;
    },
  };
  const socket = withLargeReads(accepted, reader, 1_000)!;
  client.write('one');
  socket.resume();
  await expect.poll(() => text).toBe('one');
  client.write('two');
  await new Promise((resolve) => setImmediate(resolve));
  expect(text).toBe('one');
  socket.resume();
  await expect.poll(() => text).toBe('onetwo');
  client.end();
  socket.resume();
  await once(socket, 'end');
  const closed = once(accepted, 'close');
  socket.end();
  await closed;
  server.close();
});
