// When and how soon a failed attempt is repeated.
import type { Endpoint, PickContext } from '../balance/balancer.ts';
import { PreviousPriorities } from '../balance/previous-priorities.ts';
import type { CircuitBreaker } from '../cluster/circuit-breaker.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { RoutingPriority } from '../config/cluster-types.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { Charges } from '../route/charges.ts';
import type { RateLimitedBackOff, RetryPolicy } from '../route/retry-policy.ts';
import type { AttemptOutcome } from '../route/table.ts';

export type RetryDecision = 'no' | 'retry' | 'limit' | 'overflow';

/** Counts the retries of one request and keeps its place in the cluster's retry budget. */
export class RetryState {
  count = 0;
  /** Milliseconds until the upstream wants to be asked again; 0 where it did not say. */
  #reset = 0;
  #holding = false;
  #tried: Endpoint[] = [];
  readonly #priorities: PreviousPriorities | null;
  readonly #policy: RetryPolicy;
  readonly #cluster: Cluster;
  readonly #breaker: CircuitBreaker;
  readonly #charges: Charges | null;

  constructor(policy: RetryPolicy, cluster: Cluster, priority: RoutingPriority, charges: Charges | null) {
    this.#policy = policy;
    this.#priorities = policy.leavesPriorities === null ? null : new PreviousPriorities(policy.leavesPriorities);
    this.#cluster = cluster;
    this.#breaker = cluster.breakers[priority];
    this.#charges = charges;
  }

  /** `now`: milliseconds since the epoch. */
  decide(outcome: AttemptOutcome, now: number): RetryDecision {
    if (!this.#policy.retriable(outcome)) {
      if (this.#holding) this.#count('retry_success');
      this.release();
      return 'no';
    }
    const decision = this.another();
    const { rateLimited } = this.#policy;
    if (decision === 'retry' && rateLimited !== null && outcome.kind === 'response') {
      this.#reset = resetInterval(outcome.head.headers, rateLimited, now);
    }
    return decision;
  }

  /** Another try whatever became of the ones before, as far as the limits go. */
  another(): Exclude<RetryDecision, 'no'> {
    this.release();
    if (this.count >= this.#policy.retries) {
      this.#count('retry_limit_exceeded');
      return 'limit';
    }
    this.count += 1;
    if (!this.#breaker.allowsRetry) {
      this.#count('retry_overflow');
      return 'overflow';
    }
    this.#holding = true;
    this.#breaker.beginRetry();
    this.#count('retry');
    return 'retry';
  }

  #count(what: 'retry' | 'retry_success' | 'retry_limit_exceeded' | 'retry_overflow'): void {
    this.#cluster.stats[`upstream_rq_${what}`] += 1;
    this.#charges?.count(what);
  }

  /** Of an attempt that was given up on before: nothing is counted. */
  wouldRetry(outcome: AttemptOutcome): boolean {
    return this.#policy.retriable(outcome);
  }

  /** Milliseconds: uniform below an interval that doubles (Envoy's jittered exponential back-off); up to half more than the upstream asked for. */
  delay(random: () => number): number {
    const { stats } = this.#cluster;
    const reset = this.#reset;
    this.#reset = 0;
    if (reset > 0) {
      stats.upstream_rq_retry_backoff_ratelimited += 1;
      return reset + random() * (reset / 2);
    }
    stats.upstream_rq_retry_backoff_exponential += 1;
    const { base, max } = this.#policy.backoff;
    return random() * Math.min(base * 2 ** (this.count - 1), max);
  }

  /** What the policy wants of the endpoint of a retry. */
  get wanted(): Pick<PickContext, 'tried' | 'reselect' | 'rejects' | 'reshare'> {
    const { reselect, rejects } = this.#policy;
    return { tried: this.#tried, reselect, rejects, reshare: this.#priorities?.reshare ?? null };
  }

  note(endpoint: Endpoint): void {
    if (this.#policy.avoidsTried) this.#tried.push(endpoint);
    this.#priorities?.note(endpoint);
  }

  /** Gives the place in the budget back; safe to call again. */
  release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    this.#breaker.endRetry();
  }
}

function resetInterval(headers: HeaderMap, { headers: names, max }: RateLimitedBackOff, now: number): number {
  for (const { name, format } of names) {
    const text = headers.get(name);
    if (text === undefined || !/^\s*\d{1,15}\s*$/.test(text)) continue;
    const interval = format === 'seconds' ? Number(text) * 1000 : Number(text) * 1000 - now;
    if (interval >= 0 && interval <= max) return interval > 1 ? interval : 0;
  }
  return 0;
}
