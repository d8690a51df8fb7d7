// What requests of one priority use of a cluster, and whether they may use more. Gauges of the whole cluster change with it.
import type { Limits } from '../config/cluster-types.ts';
import type { ClusterStats } from './stats.ts';

export class CircuitBreaker {
  limits: Limits;
  connections = 0;
  /** Requests that wait for a connection. */
  pending = 0;
  requests = 0;
  retries = 0;
  readonly #stats: ClusterStats;

  constructor(limits: Limits, stats: ClusterStats) {
    this.limits = limits;
    this.#stats = stats;
  }

  /** Of all threads, as the other three are. */
  get usedConnections(): number {
    return this.connections;
  }

  get usedPending(): number {
    return this.pending;
  }

  get usedRequests(): number {
    return this.requests;
  }

  get usedRetries(): number {
    return this.retries;
  }

  get allowsConnection(): boolean {
    return this.connections < this.limits.maxConnections;
  }

  get allowsPending(): boolean {
    return this.pending < this.limits.maxPendingRequests;
  }

  get allowsRequest(): boolean {
    return this.requests < this.limits.maxRequests;
  }

  /** Retries that may be in progress at once. */
  get maxRetries(): number {
    const { retryBudget, maxRetries } = this.limits;
    if (retryBudget === null) return maxRetries;
    return Math.max(
      retryBudget.minimum,
      Math.floor(((this.usedRequests + this.usedPending) * retryBudget.percent) / 100),
    );
  }

  get allowsRetry(): boolean {
    return this.usedRetries < this.maxRetries;
  }

  beginConnection(): void {
    this.connections += 1;
    this.#stats.upstream_cx_total += 1;
    this.#stats.upstream_cx_active += 1;
  }

  endConnection(): void {
    this.connections -= 1;
    this.#stats.upstream_cx_active -= 1;
  }

  beginWait(): void {
    this.pending += 1;
    this.#stats.upstream_rq_pending_total += 1;
    this.#stats.upstream_rq_pending_active += 1;
  }

  endWait(): void {
    this.pending -= 1;
    this.#stats.upstream_rq_pending_active -= 1;
  }

  beginRequest(): void {
    this.requests += 1;
    this.#stats.upstream_rq_active += 1;
  }

  endRequest(): void {
    this.requests -= 1;
    this.#stats.upstream_rq_active -= 1;
  }

  beginRetry(): void {
    this.retries += 1;
  }

  endRetry(): void {
    this.retries -= 1;
  }

  /** Gauges with Envoy's names, under `circuit_breakers.<priority>`: which limits are reached, and what is left where that is tracked. */
  gauges(): Readonly<Record<string, number>> {
    const { limits } = this;
    const connections = limits.maxConnections - this.usedConnections;
    const pending = limits.maxPendingRequests - this.usedPending;
    const requests = limits.maxRequests - this.usedRequests;
    const retries = this.maxRetries - this.usedRetries;
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
}

function isOpen(left: number): number {
  return left <= 0 ? 1 : 0;
}
