import { describe, expect, test } from 'vitest';
import type { Limits } from '../config/cluster-types.ts';
import { limits } from '../testing/configs.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { ClusterStats } from './stats.ts';

const few = { maxConnections: 2, maxPendingRequests: 3, maxRequests: 4, maxRetries: 5 };

function breaker(change: Partial<Limits> = {}, used: { cx?: number; pending?: number; rq?: number } = {}) {
  const stats = new ClusterStats();
  const made = new CircuitBreaker(limits({ ...few, trackRemaining: true, ...change }), stats);
  for (let i = 0; i < (used.cx ?? 0); i++) made.beginConnection();
  for (let i = 0; i < (used.pending ?? 0); i++) made.beginWait();
  for (let i = 0; i < (used.rq ?? 0); i++) made.beginRequest();
  return { made, stats };
}

test.each([
  ['nothing', {}, []],
  ['connections', { cx: 2 }, ['cx_open']],
  ['requests that wait', { pending: 3 }, ['rq_pending_open']],
  ['requests', { rq: 9 }, ['rq_open']],
])('open for %s', (_name, used, wants) => {
  const { made } = breaker({}, used);
  const open = Object.entries(made.gauges()).filter(([name, value]) => name.endsWith('_open') && value === 1);
  expect(open.map(([name]) => name)).toEqual(wants);
});

test('open for retries', () => {
  const { made } = breaker();
  made.retries = 5;
  expect(made.gauges()).toMatchObject({ rq_retry_open: 1, remaining_retries: 0 });
});

test('what remains is shown where it is tracked', () => {
  const { made } = breaker({}, { cx: 1, pending: 1, rq: 9 });
  expect(made.gauges()).toMatchObject({ remaining_cx: 1, remaining_pending: 2, remaining_rq: 0, remaining_retries: 5 });
  const names = Object.keys(breaker({ trackRemaining: false }).made.gauges());
  expect(names.filter((name) => name.startsWith('remaining'))).toEqual([]);
});

test('two priorities share the gauges of their cluster and nothing else', () => {
  const { made, stats } = breaker({}, { cx: 1, pending: 1, rq: 4 });
  const other = new CircuitBreaker(limits(few), stats);
  other.beginConnection();
  other.beginWait();
  other.beginRequest();
  expect([made.allowsRequest, other.allowsRequest]).toEqual([false, true]);
  const gauges = () => [stats.upstream_cx_active, stats.upstream_rq_pending_active, stats.upstream_rq_active];
  expect(gauges()).toEqual([2, 2, 5]);
  other.endConnection();
  other.endWait();
  other.endRequest();
  expect(gauges()).toEqual([1, 1, 4]);
  expect(stats).toMatchObject({ upstream_cx_total: 2, upstream_rq_pending_total: 2 });
});

describe('a retry budget is', () => {
  test.each([
    ['a share of the requests in progress', 40, 10, 10],
    ['but so many always', 4, 0, 3],
  ])('%s', (_name, rq, pending, wants) => {
    const { made } = breaker({ retryBudget: { percent: 20, minimum: 3 } }, { rq, pending });
    expect(made.maxRetries).toBe(wants);
  });
});
