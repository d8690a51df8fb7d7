// When and how soon a failed attempt is repeated.
import type { Cluster } from '../cluster/cluster.ts';
import type { AttemptOutcome, RetryPolicy } from '../route/table.ts';

export type RetryDecision = 'no' | 'retry' | 'limit' | 'overflow';

/** Counts the retries of one request and keeps its place in the cluster's retry budget. */
export class RetryState {
  count = 0;
  #holding = false;
  readonly #policy: RetryPolicy;
  readonly #cluster: Cluster;

  constructor(policy: RetryPolicy, cluster: Cluster) {
    this.#policy = policy;
    this.#cluster = cluster;
  }

  get policy(): RetryPolicy {
    return this.#policy;
  }

  decide(outcome: AttemptOutcome): RetryDecision {
    this.release();
    const { stats } = this.#cluster;
    if (!this.#policy.retriable(outcome)) return 'no';
    if (this.count >= this.#policy.retries) {
      stats.upstream_rq_retry_limit_exceeded += 1;
      return 'limit';
    }
    if (this.#cluster.activeRetries >= this.#cluster.maxRetries) {
      stats.upstream_rq_retry_overflow += 1;
      return 'overflow';
    }
    this.count += 1;
    this.#holding = true;
    this.#cluster.activeRetries += 1;
    stats.upstream_rq_retry += 1;
    return 'retry';
  }

  /** Milliseconds: uniform below an interval that doubles (Envoy's jittered exponential back-off). */
  delay(random: () => number): number {
    const { base, max } = this.#policy.backoff;
    return random() * Math.min(base * 2 ** (this.count - 1), max);
  }

  /** Gives the place in the budget back; safe to call again. */
  release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    this.#cluster.activeRetries -= 1;
  }
}
