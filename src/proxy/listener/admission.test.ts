// Connections that wait for a network filter's answer: nothing is read meanwhile, and what becomes of them in the end.
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { DataPlane } from '../data-plane.ts';
import type { Asking, Refusal, RunningNetworkFilter } from '../network-filter/filter.ts';
import { chain, http, listener, routeTable } from '../testing/configs.ts';
import { silentLog } from '../testing/harness.ts';
import { openClient } from '../testing/origin.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

/** A filter that keeps its questions. */
function asking() {
  const answers: ((refusal: Refusal | null) => void)[] = [];
  const listeners: (() => void)[] = [];
  const seen = { givenUp: 0 };
  const ask: Asking['ask'] = (_record, done) => {
    answers.push(done);
    for (const changed of listeners) changed();
    return () => {
      seen.givenUp += 1;
      for (const changed of listeners) changed();
    };
  };
  const until = (test: () => boolean) =>
    new Promise<void>((resolve) => {
      const changed = () => {
        if (test()) resolve();
      };
      listeners.push(changed);
      changed();
    });
  return { filter: { ask }, answers, seen, until };
}

async function start(...filters: readonly RunningNetworkFilter[]) {
  const dataPlane = new DataPlane({ clock: systemClock, random: Math.random, log: silentLog([]) });
  open.push(dataPlane);
  const networkFilters = filters.map((filter, i) => ({ name: `f${i}`, start: () => filter }));
  const echo = chain(http(routeTable('', {})), { network: { kind: 'echo' }, networkFilters });
  await dataPlane.setListener(listener([echo]));
  return { dataPlane, port: dataPlane.listeners()[0]!.port };
}

test('it waits, goes on to the next filter, and is served with what it sent', async () => {
  const [first, second] = [asking(), asking()];
  const { dataPlane, port } = await start(first.filter, second.filter);
  const client = openClient(port);
  client.write('hello');
  await first.until(() => first.answers.length === 1);
  expect(second.answers).toEqual([]);
  expect(dataPlane.listeners()[0]!.activeConnections).toBe(1);
  first.answers[0]!(null);
  second.answers[0]!(null);
  expect(await client.until(/hello/)).toBe('hello');
  client.socket.destroy();
});

test('an answer that is there at once', async () => {
  const { port } = await start({
    ask(_record, done) {
      done(null);
      return () => undefined;
    },
  });
  const client = openClient(port);
  client.write('a');
  expect(await client.until(/a/)).toBe('a');
  client.socket.destroy();
});

test('a refusal closes it before the next filter', async () => {
  const [first, second] = [asking(), asking()];
  const { dataPlane, port } = await start(first.filter, second.filter);
  const client = openClient(port);
  await first.until(() => first.answers.length === 1);
  first.answers[0]!({ delay: 0, details: '' });
  expect(await client.ended()).toBe('');
  expect([second.answers.length, dataPlane.listeners()[0]!.activeConnections]).toEqual([0, 0]);
});

test('a refusal that is to be told later ends with the listener', async () => {
  const first = asking();
  const { dataPlane, port } = await start(first.filter);
  const client = openClient(port);
  await first.until(() => first.answers.length === 1);
  first.answers[0]!({ delay: 600_000, details: '' });
  const [bound] = dataPlane.listeners();
  expect(bound!.activeConnections).toBe(1);
  await dataPlane.close();
  expect(await client.ended()).toBe('');
  expect(bound!.activeConnections).toBe(0);
});

test('what is asked is given up when the connection is closed', async () => {
  const first = asking();
  const { dataPlane, port } = await start(first.filter);
  openClient(port);
  await first.until(() => first.answers.length === 1);
  dataPlane.close();
  await first.until(() => first.seen.givenUp === 1);
  expect(first.seen.givenUp).toBe(1);
});

test('an exception in what an answer calls closes the connection', async () => {
  const first = asking();
  const broken = {
    admit: () => {
      throw new Error('a bug');
    },
  };
  const { dataPlane, port } = await start(first.filter, broken);
  const client = openClient(port);
  await first.until(() => first.answers.length === 1);
  first.answers[0]!(null);
  expect(await client.ended()).toBe('');
  expect(dataPlane.listeners()[0]!.activeConnections).toBe(0);
});
