import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { DEFAULT_FLUSH } from '../log/sink.ts';
import { silentLog } from '../testing/harness.ts';
import { Crew, type CrewOptions } from './crew.ts';
import type { Change } from './messages.ts';

/** A thread that remembers what it is told: refuses `bad` as worker 1, dies of `fatal`, and tells all as the ports it has. */
const script = `
  import { parentPort, workerData } from 'node:worker_threads';
  const held = [];
  parentPort.on('message', ({ kind, id, order }) => {
    if (kind === 'close') process.exit(0);
    const answer = (outcome) => parentPort.postMessage({ kind: 'answer', id, outcome });
    if (order.kind === 'collect') return answer({ kind: 'done', figures: null, ports: held });
    const text = order.change && String.fromCharCode(...(order.change.bytes ?? []));
    if (text === 'fatal' && workerData.index === 1) process.exit(3);
    if (text === 'bad' && workerData.index === 1) return answer({ kind: 'refused', reason: 'no good' });
    if (text === 'slow') return setTimeout(() => (held.push('slow'), answer({ kind: 'done', figures: null, ports: [] })), 20);
    if (order.change) held.push(order.change.kind + ' ' + text);
    answer({ kind: 'done', figures: null, ports: [] });
  });
  if (workerData.logLevel === 'broken') throw new Error('cannot start');
`;

let crew: Crew;
const errors: string[] = [];
afterEach(() => crew.close(1_000));

function make(change: { logLevel?: string } & Partial<CrewOptions> = {}): Crew {
  crew = new Crew({
    size: 2,
    entry: new URL(`data:text/javascript,${encodeURIComponent(script)}`),
    seed: (index) => ({
      index,
      bootstrap: new Uint8Array(),
      runtime: [],
      logLevel: change.logLevel ?? 'info',
      failing: false,
      counts: new SharedArrayBuffer(0),
      tallies: new SharedArrayBuffer(0),
      threads: 2,
      ticketSeed: new Uint8Array(),
      drainTimes: { requests: 0, connections: 0 },
      logFlush: DEFAULT_FLUSH,
    }),
    onDeath: () => undefined,
    onNews: () => undefined,
    briefing: () => [],
    log: silentLog(errors),
    clock: systemClock,
    random: () => 0,
    ...change,
  });
  return crew;
}

const routes = (text: string): Change => ({ kind: 'routes', name: 'r', bytes: Buffer.from(text) });
const held = async () => {
  const outcomes = await crew.ask({ kind: 'collect' });
  return outcomes.map((outcome) => (outcome.kind === 'done' ? outcome.ports : outcome.kind));
};

test('all have the same, in order', async () => {
  await make().start();
  await Promise.all([crew.all(routes('1')), crew.all(routes('2'))]);
  expect(await held()).toEqual([
    ['routes 1', 'routes 2'],
    ['routes 1', 'routes 2'],
  ]);
});

test('what one refuses, none keeps', async () => {
  await make().start();
  await crew.all(routes('1'));
  await expect(crew.all(routes('bad'))).rejects.toThrow('no good');
  expect(await held()).toEqual([
    ['routes 1', 'routes bad', 'routes 1'],
    ['routes 1', 'routes 1'],
  ]);
});

test('one has it first, the others after it', async () => {
  await make().start();
  const { worker } = await crew.first(routes('1'));
  await crew.all(routes('1'), worker);
  expect(await held()).toEqual([['routes 1'], ['routes 1']]);
});

test('one that dies is replaced, and told what is in use', async () => {
  const deaths: number[] = [];
  const briefing = () => [{ kind: 'change', change: routes('0') } as const];
  await make({ onDeath: (index) => deaths.push(index), briefing }).start();
  await crew.all(routes('1'));
  await crew.all({ kind: 'cluster', name: 'c', bytes: Buffer.from('c') });
  // Nobody is kept from it by a worker that is gone.
  await crew.all(routes('fatal'));
  crew.forget({ kind: 'routes gone', name: 'r' });
  await expect.poll(held).toEqual([
    ['routes 1', 'cluster c', 'routes fatal'],
    ['routes 0', 'cluster c'],
  ]);
  expect([crew.deaths, deaths]).toEqual([1, [1]]);
});

test('one that replaces another opens listeners when everything they need is in use', async () => {
  await make().start();
  await crew.all({ kind: 'listener', name: 'l', bytes: Buffer.from('l'), ports: [], sockets: [] });
  await crew.all({ kind: 'cluster', name: 'c', bytes: Buffer.from('slow') });
  await crew.all(routes('fatal'));
  crew.forget({ kind: 'routes gone', name: 'r' });
  await expect.poll(async () => (await held())[1]).toEqual(['slow', 'listener l']);
});

test('a worker that cannot start stops the proxy from starting', async () => {
  await expect(make({ logLevel: 'broken' }).start()).rejects.toThrow('a worker did not start');
  expect(await held()).toEqual(['gone', 'gone']);
});
