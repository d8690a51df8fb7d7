import { expect, test } from 'vitest';
import { SharedTallies } from '../../lib/shared-tallies.ts';
import { limits } from '../testing/configs.ts';
import { SharedBreaker } from './shared-breaker.ts';
import { ClusterStats } from './stats.ts';

const few = limits({ maxConnections: 2, maxPendingRequests: 2, maxRequests: 2, maxRetries: 2, trackRemaining: true });

function pair(change: Parameters<typeof limits>[0] = few) {
  const memory = SharedTallies.allocate(2);
  const stats = [new ClusterStats(), new ClusterStats()];
  const breakers = stats.map((own, thread) => {
    return new SharedBreaker(limits(change), own, new SharedTallies(memory, 2, thread).of('web')!);
  });
  return { a: breakers[0]!, b: breakers[1]!, stats };
}

test.each([
  ['connections', 'beginConnection', 'endConnection', 'allowsConnection', 'cx_open'],
  ['requests that wait', 'beginWait', 'endWait', 'allowsPending', 'rq_pending_open'],
  ['requests', 'beginRequest', 'endRequest', 'allowsRequest', 'rq_open'],
  ['retries', 'beginRetry', 'endRetry', 'allowsRetry', 'rq_retry_open'],
] as const)('%s of one thread count for the other', (_name, begin, end, allows, open) => {
  const { a, b } = pair();
  a[begin]();
  expect([a[allows], b[allows]]).toEqual([true, true]);
  b[begin]();
  expect([a[allows], b[allows]]).toEqual([false, false]);
  expect([a.gauges()[open], b.gauges()[open]]).toEqual([1, 1]);
  a[end]();
  expect([a[allows], b[allows], b.gauges()[open]]).toEqual([true, true, 0]);
});

test('gauges of the cluster are those of the thread, what remains is that of all', () => {
  const { a, b, stats } = pair();
  a.beginConnection();
  expect(stats.map((one) => one.upstream_cx_active)).toEqual([1, 0]);
  expect(b.gauges()).toMatchObject({ remaining_cx: 1, remaining_rq: 2 });
});

test('a budget of retries goes by the requests of all', () => {
  const { a, b } = pair({ ...few, retryBudget: { percent: 50, minimum: 0 } });
  for (let i = 0; i < 4; i++) a.beginRequest();
  expect(b.maxRetries).toBe(2);
});
