import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { kept, takeViews, withReusedReads } from './reused-reads.ts';

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A connection through a server whose accepted sockets are paused, as a listener's are. */
async function connected(): Promise<{ client: Socket; accepted: Socket; server: ReturnType<typeof createServer> }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  return { client, accepted, server };
}

const connections = (server: ReturnType<typeof createServer>) =>
  new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));

describe('withReusedReads', () => {
  test('bytes already looked at come first, then the rest, each as data', async () => {
    const { client, accepted } = await connected();
    client.write('first ');
    accepted.resume();
    const [looked] = (await once(accepted, 'data')) as [Buffer];
    accepted.pause();
    accepted.unshift(looked);
    const socket = withReusedReads(accepted);
    client.end('second');
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.resume();
    await once(socket, 'end');
    expect(text).toBe('first second');
    socket.destroy();
  });

  test('nothing is read while paused', async () => {
    const { client, accepted } = await connected();
    const socket = withReusedReads(accepted);
    const seen: string[] = [];
    socket.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    socket.pause();
    client.write('wait');
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
    socket.resume();
    await once(socket, 'data');
    expect(seen).toEqual(['wait']);
    socket.destroy();
  });

  test('addresses, writing and half-close work as before', async () => {
    const { client, accepted } = await connected();
    const { remotePort } = accepted;
    const socket = withReusedReads(accepted);
    expect(socket.remotePort).toBe(remotePort);
    client.end();
    socket.resume();
    await once(socket, 'end');
    socket.end('answer');
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toBe('answer');
  });

  test("the server's count follows the new socket", async () => {
    const { accepted, server } = await connected();
    const socket = withReusedReads(accepted);
    expect(await connections(server)).toBe(1);
    socket.destroy();
    await once(accepted, 'close');
    expect(await connections(server)).toBe(0);
  });
});

test('kept copies a small chunk out of the shared buffer and leaves others alone', async () => {
  const { client, accepted } = await connected();
  const socket = withReusedReads(accepted);
  client.write('small');
  socket.resume();
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  const copy = kept(chunk);
  expect(copy).not.toBe(chunk);
  expect(kept(copy)).toBe(copy);
  socket.destroy();
});

test('a large read is a copy, but for a reader that takes views', async () => {
  const large = Buffer.alloc(20_000, 'x');
  for (const views of [false, true]) {
    const { client, accepted } = await connected();
    const socket = withReusedReads(accepted);
    if (views) takeViews(socket);
    const seen: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      if (chunk.length > 4_096) seen.push(chunk);
    });
    socket.resume();
    client.write(large);
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    expect(kept(seen[0]!) === seen[0]).toBe(!views);
    socket.destroy();
  }
});
