import { expect, test } from 'vitest';
import { cluster } from '../testing/configs.ts';
import { breakerGauges } from './circuit-breakers.ts';
import type { Cluster } from './cluster.ts';
import { ClusterStats } from './stats.ts';

const limits = {
  maxConnections: 2,
  maxPendingRequests: 3,
  maxRequests: 4,
  maxRetries: 5,
  retryBudget: null,
  trackRemaining: true,
};

function gauges(active: { cx?: number; pending?: number; rq?: number; retries?: number }, trackRemaining = true) {
  const stats = new ClusterStats();
  stats.upstream_cx_active = active.cx ?? 0;
  stats.upstream_rq_pending_active = active.pending ?? 0;
  stats.upstream_rq_active = active.rq ?? 0;
  const config = cluster('c', [], { limits: { ...limits, trackRemaining } });
  return breakerGauges({ config, stats, activeRetries: active.retries ?? 0, maxRetries: 5 } as Cluster);
}

test.each([
  ['nothing', {}, []],
  ['connections', { cx: 2 }, ['cx_open']],
  ['requests that wait', { pending: 3 }, ['rq_pending_open']],
  ['requests', { rq: 9 }, ['rq_open']],
  ['retries', { retries: 5 }, ['rq_retry_open']],
])('open for %s', (_name, active, wants) => {
  const open = Object.entries(gauges(active)).filter(([name, value]) => name.endsWith('_open') && value === 1);
  expect(open.map(([name]) => name)).toEqual(wants);
});

test('what remains is shown where it is tracked', () => {
  const left = { remaining_cx: 1, remaining_pending: 2, remaining_rq: 0, remaining_retries: 4 };
  expect(gauges({ cx: 1, pending: 1, rq: 9, retries: 1 })).toMatchObject(left);
  expect(Object.keys(gauges({}, false)).filter((name) => name.startsWith('remaining'))).toEqual([]);
});
