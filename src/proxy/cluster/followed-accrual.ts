// Linkerd's circuit breaker in a thread that does not judge: it counts with the others, tells the judge what may change something, and does
// as the judge says.
import type { Counts } from '../../lib/shared-counts.ts';
import type { Accrual, AccrualState } from './failure-accrual.ts';
import type { Evidence } from './judgement.ts';
import { ACCRUED_FAILURES, TRIAL } from './outlier-monitor.ts';

type Event = Extract<Evidence, { kind: 'accrual' }>['event'];

export type FollowedAccrualContext = {
  /** All threads count in them. */
  readonly counts: Counts;
  /** The judge is to know. */
  readonly tell: (event: Event) => void;
  /** The request on probation is had; the judge need not say that the endpoint is left out again. */
  readonly onTrial: () => void;
};

export class FollowedAccrual implements Accrual {
  readonly #maxFailures: number;
  readonly #context: FollowedAccrualContext;
  #state: AccrualState = 'closed';

  constructor(maxFailures: number, context: FollowedAccrualContext) {
    this.#maxFailures = maxFailures;
    this.#context = context;
  }

  get state(): AccrualState {
    return this.#state;
  }

  follow(state: AccrualState): void {
    this.#state = state;
  }

  onPicked(): boolean {
    if (this.#state !== 'probation') return true;
    const first = this.#context.counts.take(TRIAL) === 1;
    this.#state = 'probing';
    this.#context.onTrial();
    if (first) this.#context.tell('picked');
    return first;
  }

  onSuccess(): void {
    this.#context.counts.clear(ACCRUED_FAILURES);
    if (this.#state !== 'closed') this.#context.tell('success');
  }

  onFailure(): void {
    if (this.#state === 'probing') this.#context.tell('failure');
    else if (this.#state === 'closed' && this.#context.counts.increment(ACCRUED_FAILURES) >= this.#maxFailures)
      this.#context.tell('failures');
  }

  stop(): void {
    // The judge has the timers, and clears the counts.
  }
}
