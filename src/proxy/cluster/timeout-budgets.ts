// How much of their timeouts requests to a cluster take, where `track_cluster_stats` asks. Envoy's names, beside the cluster's others.
import { Histogram } from '../../lib/histogram.ts';

/** Recorded are millionths of the timeout, read is percent of it. */
const WHOLE = 1_000_000;
const PARTS = WHOLE / 100;

export class TimeoutBudgets {
  readonly upstream_rq_timeout_budget_percent_used = new Histogram(PARTS);
  readonly upstream_rq_timeout_budget_per_try_percent_used = new Histogram(PARTS);
}

/** Of one attempt. */
export class TryBudget {
  readonly #into: TimeoutBudgets;
  readonly #since: number;
  readonly #timeout: number;

  /** `timeout`: milliseconds, 0 is none. */
  constructor(into: TimeoutBudgets, since: number, timeout: number) {
    this.#into = into;
    this.#since = since;
    this.#timeout = timeout;
  }

  done(now: number): void {
    this.#into.upstream_rq_timeout_budget_per_try_percent_used.record(millionths(now - this.#since, this.#timeout));
  }
}

/** Of no timeout nothing is ever used. */
export function millionths(used: number, timeout: number): number {
  return timeout > 0 ? Math.trunc((Math.trunc(used) * WHOLE) / timeout) : 0;
}
