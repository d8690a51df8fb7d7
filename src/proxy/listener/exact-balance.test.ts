import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Counts } from '../../lib/shared-counts.ts';
import { libcFunction } from '../system/libc.ts';
import { CONNECTIONS, ExactBalance, SERVES } from './exact-balance.ts';

const kept: (Server | Socket)[] = [];
afterEach(() => {
  for (const one of kept.splice(0)) {
    if ('destroy' in one) one.destroy();
    else one.close();
  }
});

const possible = libcFunction('int dup(int fd)') !== null;

/** Two threads in one; whatever is handed over is taken at once. */
function pair(counts = [new Counts(), new Counts()]) {
  for (const its of counts) its.set(SERVES, 1);
  const taken: Socket[] = [];
  const threads: ExactBalance[] = [0, 1].map(
    (own) =>
      new ExactBalance({
        own,
        counts,
        handOver: (worker, descriptor) => {
          const socket = threads[worker]!.take(descriptor);
          kept.push(socket);
          taken.push(socket);
        },
      }),
  );
  return { threads, taken, counts, has: () => counts.map((one) => one.get(CONNECTIONS)) };
}

async function accepted(): Promise<{ readonly client: Socket; readonly socket: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  kept.push(server, client, socket);
  return { client, socket };
}

test.skipIf(!possible)('every second connection goes to the other, until one of them ends', async () => {
  const { threads, taken, has } = pair();
  const sockets: Socket[] = [];
  for (const wants of [false, true, false, true]) {
    const { socket } = await accepted();
    sockets.push(socket);
    expect(threads[0]!.handsOver(socket)).toBe(wants);
  }
  expect(has()).toEqual([2, 2]);
  const closed = [sockets[0]!, taken[0]!, taken[1]!].map((socket) => once(socket, 'close'));
  for (const socket of [sockets[0]!, ...taken]) socket.destroy();
  await Promise.all(closed);
  expect(has()).toEqual([1, 0]);
});

test('nothing is given to one that does not have the listener', async () => {
  const { threads, counts, has } = pair();
  counts[1]!.clear(SERVES);
  for (let i = 0; i < 2; i++) expect(threads[0]!.handsOver((await accepted()).socket)).toBe(false);
  expect(has()).toEqual([2, 0]);
});

/** While one thread looks at these, something happens in another. */
class WatchedCounts extends Counts {
  meanwhile: (() => void) | null = null;

  override get(field: number): number {
    const found = super.get(field);
    const { meanwhile } = this;
    this.meanwhile = null;
    meanwhile?.();
    return found;
  }
}

test.skipIf(!possible)(
  'two threads that choose at the same moment do not both choose the one that had fewer',
  async () => {
    const watched = new WatchedCounts();
    const { threads, has } = pair([new Counts(), watched]);
    threads[0]!.handsOver((await accepted()).socket);
    const [here, there] = [(await accepted()).socket, (await accepted()).socket];
    watched.meanwhile = () => threads[1]!.handsOver(there);
    expect(threads[0]!.handsOver(here)).toBe(false);
    expect(has()).toEqual([2, 1]);
  },
);

test.skipIf(!possible)('one that cannot be handed over counts nowhere', async () => {
  const { threads, has } = pair();
  threads[0]!.handsOver((await accepted()).socket);
  const { socket } = await accepted();
  socket.destroy();
  expect(() => threads[0]!.handsOver(socket)).toThrow('descriptor');
  expect(has()).toEqual([1, 0]);
});

test.skipIf(!possible)('what the client sent before and sends after is read by the one that has it', async () => {
  const { threads, taken, has } = pair();
  threads[0]!.handsOver((await accepted()).socket);
  const { client, socket } = await accepted();
  client.write('before');
  const { remotePort, localPort } = socket;
  threads[0]!.handsOver(socket);
  expect([socket.destroyed, has()]).toEqual([true, [1, 1]]);
  const [there] = taken;
  expect(there).toMatchObject({ remotePort, localPort });
  there!.resume();
  expect(String(await once(there!, 'data'))).toBe('before');
  client.write('after');
  expect(String(await once(there!, 'data'))).toBe('after');
  there!.end('bye');
  expect(String(await once(client, 'data'))).toBe('bye');
});
