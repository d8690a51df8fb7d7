import { expect, test } from 'vitest';
import type { Flow, FlowReading } from './flow.ts';
import { noCounts } from './flow.ts';
import { TelemetryStore } from './store.ts';

const end = (workload: string) => ({ workload, namespace: 'shop', app: workload, version: '' });
const flow: Flow = {
  reporter: 'source',
  source: end('web'),
  destination: end('cart'),
  service: { name: 'cart', namespace: 'shop' },
};

function reading(requests: number, cumulative: readonly number[] = [], id = 'a'): FlowReading {
  const bounds = [5, Infinity].slice(0, cumulative.length);
  return { id, flow, counts: { ...noCounts, requests }, latency: { bounds, cumulative } };
}

/** Records one round a second: each entry is what proxy `p` had counted, null when it did not answer. */
function filled(requests: readonly (number | null)[], limits = { rounds: 11, series: 10 }): TelemetryStore {
  const store = new TelemetryStore(limits);
  for (const [i, count] of requests.entries()) {
    store.record((i + 1) * 1000, new Map(count === null ? [] : [['p', [reading(count)]]]));
  }
  return store;
}

const requestsIn = (store: TelemetryStore, seconds: number): number =>
  store.window(seconds).reduce((sum, { counts }) => sum + counts.requests, 0);

test.each([
  ['what grew within the window', [0, 10, 20, 30], 2, 20],
  ['all of it when the window is longer', [0, 10, 20, 30], 60, 30],
  ['nothing of what the first round found', [500, 510], 10, 10],
  ['a restart: what was counted since, and what was before', [0, 10, 20, 4, 8], 10, 28],
  ['rounds without an answer: all at once when it answers again', [0, 10, null, null, 40], 2, 30],
  ['a proxy that is gone for good', [0, 10, null, null, null], 2, 0],
  ['only what the ring still has', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14], 600, 10],
])('a window counts %s', (_name, counts, seconds, expected) => {
  expect(requestsIn(filled(counts), seconds)).toBe(expected);
});

test('one round tells nothing of time', () => {
  expect(filled([5]).window(10)).toEqual([]);
});

test('seconds are those between the rounds', () => {
  expect(filled([0, 10, 20]).window(60)[0]?.seconds).toBe(2);
});

test('a flow that appears later was counted from nothing', () => {
  const store = filled([0, 1]);
  store.record(3000, new Map([['p', [reading(1), reading(7, [], 'b')]]]));
  expect(requestsIn(store, 1)).toBe(7);
});

test('between two times: only the rounds inside', () => {
  const [delta] = filled([0, 1, 3, 7, 15]).between(2000, 4000);
  expect(delta).toMatchObject({ seconds: 2, counts: { requests: 6 } });
});

test('totals have what was counted before the first round, and survive restarts and removal', () => {
  const store = filled([500, 510, 3]);
  const total = () => store.totals().reduce((sum, { counts }) => sum + counts.requests, 0);
  expect(total()).toBe(513);
  for (let round = 4; round < 80; round++) store.record(round * 1000, new Map());
  expect(store.window(5)).toEqual([]);
  expect(total()).toBe(513);
});

test('latencies are those of the window', () => {
  const store = new TelemetryStore();
  store.record(1000, new Map([['p', [reading(10, [8, 10])]]]));
  store.record(2000, new Map([['p', [reading(15, [9, 15])]]]));
  expect(store.window(10)[0]?.latency).toEqual({ bounds: [5, Infinity], cumulative: [1, 5] });
});

test('a histogram that appears later begins a new series and loses no total', () => {
  const store = filled([0, 10]);
  store.record(3000, new Map([['p', [reading(12, [11, 12])]]]));
  store.record(4000, new Map([['p', [reading(14, [12, 14])]]]));
  expect(store.totals()[0]?.counts.requests).toBe(14);
  expect(requestsIn(store, 1)).toBe(2);
});

test('flows over the limit are dropped and counted', () => {
  const store = new TelemetryStore({ rounds: 3, series: 1 });
  store.record(1000, new Map([['p', [reading(1), reading(1, [], 'b')]]]));
  expect(store.totals()).toHaveLength(1);
  expect(store.dropped).toBe(1);
});
