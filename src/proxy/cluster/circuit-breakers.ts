// What a cluster's circuit breakers show of themselves: which limits are reached, and what is left of those that are tracked.
import type { Cluster } from './cluster.ts';

/** Gauges with Envoy's names, under `circuit_breakers.default`. */
export function breakerGauges(cluster: Cluster): Readonly<Record<string, number>> {
  const { limits } = cluster.config;
  const { stats, activeRetries, maxRetries } = cluster;
  const connections = limits.maxConnections - stats.upstream_cx_active;
  const pending = limits.maxPendingRequests - stats.upstream_rq_pending_active;
  const requests = limits.maxRequests - stats.upstream_rq_active;
  const retries = maxRetries - activeRetries;
  return {
    cx_open: isOpen(connections),
    cx_pool_open: 0,
    rq_open: isOpen(requests),
    rq_pending_open: isOpen(pending),
    rq_retry_open: isOpen(retries),
    ...(limits.trackRemaining && {
      remaining_cx: Math.max(0, connections),
      remaining_pending: Math.max(0, pending),
      remaining_rq: Math.max(0, requests),
      remaining_retries: Math.max(0, retries),
    }),
  };
}

function isOpen(left: number): number {
  return left <= 0 ? 1 : 0;
}
