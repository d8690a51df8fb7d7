import { expect, test } from 'vitest';
import { edgesOf, inboundOf, measure, outboundOf, workloadId } from './edges.ts';
import { type Flow, type FlowCounts, type FlowDelta, noCounts } from './flow.ts';
import { noLatency } from './latency.ts';

const end = (workload: string) => ({ workload, namespace: workload === '' ? '' : 'shop', app: workload, version: '' });

function delta(
  reporter: Flow['reporter'],
  from: string | null,
  to: string,
  counts: Partial<FlowCounts>,
  service = 'cart',
): FlowDelta {
  const flow: Flow = {
    reporter,
    source: from === null ? null : end(from),
    destination: end(to),
    service: { name: service, namespace: 'shop' },
  };
  return { flow, seconds: 10, counts: { ...noCounts, ...counts }, latency: noLatency };
}

test('the caller says how many and how many failed, the called side whether encrypted and whether refused', () => {
  const [edge] = edgesOf([
    delta('source', 'web', 'cart', { requests: 100, failed: 10 }),
    delta('destination', 'web', 'cart', { requests: 90, failed: 1, denied: 20, secure: 45, plain: 45 }),
  ]);
  expect(edge).toMatchObject({ services: ['cart.shop'], from: { workload: 'web' }, to: { workload: 'cart' } });
  expect(measure(edge?.traffic ?? inboundOf([], ''))).toMatchObject({
    rate: 10,
    failed: 1,
    denied: 2,
    success: 0.875,
    encrypted: 0.5,
  });
});

test.each([
  ['nothing', {}, null],
  ['only refusals', { requests: 5, denied: 5 }, null],
  ['one of four failed', { requests: 4, failed: 1 }, 0.75],
  ['refusals are neither', { requests: 8, failed: 1, denied: 4 }, 0.75],
])('success of %s', (_name, counts, expected) => {
  const traffic = { seconds: 1, counts: { ...noCounts, ...counts }, latency: noLatency };
  expect(measure(traffic).success).toBe(expected);
});

test('replicas add up; only one side reporting is enough', () => {
  const edges = edgesOf([
    delta('source', 'web', 'cart', { requests: 10 }),
    delta('source', 'web', 'cart', { requests: 20 }),
    delta('destination', '', 'web', { requests: 5 }),
  ]);
  expect(edges.map(({ from, to, traffic }) => [workloadId(from), workloadId(to), traffic.counts.requests])).toEqual([
    ['/', 'shop/web', 5],
    ['shop/web', 'shop/cart', 30],
  ]);
});

test('destinations nobody answered for are told apart by service', () => {
  const edges = edgesOf([
    delta('source', 'web', '', { requests: 1, failed: 1 }, 'gone'),
    delta('source', 'web', '', { requests: 1, failed: 1 }, 'lost'),
  ]);
  expect(edges.map(({ services }) => services)).toEqual([['gone.shop'], ['lost.shop']]);
});

test('a reporter that cannot say who called makes no edge, but counts as inbound', () => {
  const deltas = [delta('destination', null, 'cart', { requests: 7 })];
  expect(edgesOf(deltas)).toEqual([]);
  expect(inboundOf(deltas, 'shop/cart').counts.requests).toBe(7);
});

test('inbound by its own word, outbound by its own word', () => {
  const deltas = [
    delta('source', 'web', 'cart', { requests: 10 }),
    delta('destination', 'web', 'cart', { requests: 12 }),
  ];
  expect(inboundOf(deltas, 'shop/cart').counts.requests).toBe(12);
  expect(outboundOf(deltas, 'shop/web').counts.requests).toBe(10);
});

/** As Envoys report: callers say what was answered 403, the called side what it refused, from nobody in particular. */
test.each([
  ['all 403 are refusals', 30, { snooper: 20, web: 10 }],
  ['some are the application’s own: who gets nothing else is refused', 20, { snooper: 20, web: 0 }],
  ['the called side refused nothing', 0, { snooper: 0, web: 0 }],
  ['the rest goes to the next', 25, { snooper: 20, web: 5 }],
])('refusals between Envoys: %s', (_name, refused, expected) => {
  const edges = edgesOf([
    delta('source', 'snooper', 'cart', { requests: 20, denied: 20 }),
    delta('source', 'web', 'cart', { requests: 100, denied: 10 }),
    delta('source', 'web', 'other', { requests: 10 }),
    delta('destination', null, 'cart', { requests: 120, denied: refused }),
  ]);
  const denied = edges
    .filter(({ to }) => to.workload === 'cart')
    .map(({ from, traffic }) => [from.workload, traffic.counts.denied]);
  expect(Object.fromEntries(denied)).toEqual(expected);
});

test('a called side that tells its callers apart is believed over a 403 that the caller saw', () => {
  const [edge] = edgesOf([
    delta('source', 'web', 'cart', { requests: 10, denied: 10 }),
    delta('destination', 'web', 'cart', { requests: 10, denied: 0 }),
  ]);
  expect(edge?.traffic.counts.denied).toBe(0);
});
