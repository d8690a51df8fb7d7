// A circuit breaker whose limits hold for all threads of the proxy together. Two threads that ask at the same moment may both be let
// through: a limit can be passed by as many as there are other threads, as in Envoy.
import type { Tally } from '../../lib/shared-tallies.ts';
import type { Limits } from '../config/cluster-types.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { ClusterStats } from './stats.ts';

const CONNECTIONS = 0;
const PENDING = 1;
const REQUESTS = 2;
const RETRIES = 3;

export class SharedBreaker extends CircuitBreaker {
  readonly #tally: Tally;

  constructor(limits: Limits, stats: ClusterStats, tally: Tally) {
    super(limits, stats);
    this.#tally = tally;
  }

  override get usedConnections(): number {
    return this.connections + this.#tally.others(CONNECTIONS);
  }

  override get usedPending(): number {
    return this.pending + this.#tally.others(PENDING);
  }

  override get usedRequests(): number {
    return this.requests + this.#tally.others(REQUESTS);
  }

  override get usedRetries(): number {
    return this.retries + this.#tally.others(RETRIES);
  }

  override get allowsConnection(): boolean {
    return this.usedConnections < this.limits.maxConnections;
  }

  override get allowsPending(): boolean {
    return this.usedPending < this.limits.maxPendingRequests;
  }

  override get allowsRequest(): boolean {
    return this.usedRequests < this.limits.maxRequests;
  }

  override beginConnection(): void {
    super.beginConnection();
    this.#tally.add(CONNECTIONS, 1);
  }

  override endConnection(): void {
    super.endConnection();
    this.#tally.add(CONNECTIONS, -1);
  }

  override beginWait(): void {
    super.beginWait();
    this.#tally.add(PENDING, 1);
  }

  override endWait(): void {
    super.endWait();
    this.#tally.add(PENDING, -1);
  }

  override beginRequest(): void {
    super.beginRequest();
    this.#tally.add(REQUESTS, 1);
  }

  override endRequest(): void {
    super.endRequest();
    this.#tally.add(REQUESTS, -1);
  }

  override beginRetry(): void {
    super.beginRetry();
    this.#tally.add(RETRIES, 1);
  }

  override endRetry(): void {
    super.endRetry();
    this.#tally.add(RETRIES, -1);
  }
}
