// Linkerd's circuit breaker on one endpoint: it opens after so many failures in a row, and lets a single request try after a
// penalty that grows with every try that fails.
//
//   closed ──failures──► open ──penalty over──► probation ──picked──► probing ──success──► closed
//                          ▲                                            └──failure, or nothing heard──► open, longer

import type { Counts } from '../../lib/shared-counts.ts';
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { AccrualConfig } from '../config/cluster-types.ts';
import { ACCRUED_FAILURES, TRIAL } from './outlier-monitor.ts';

export type AccrualState = 'closed' | 'open' | 'probation' | 'probing';

/** What the circuit breaker of an endpoint is to those that send requests to it. */
export type Accrual = {
  readonly state: AccrualState;
  /** A request is to go to the endpoint; false: the one on probation has been had by another thread. */
  onPicked(): boolean;
  onSuccess(): void;
  onFailure(): void;
  stop(): void;
};

export type AccrualContext = {
  readonly wheel: TimerWheel;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Failures are counted there, by all threads. */
  readonly counts: Counts;
  /** Whether the endpoint may be picked has changed. */
  readonly onChange: (available: boolean) => void;
};

const GROWTH = 2;

export class FailureAccrual implements Accrual {
  readonly #config: AccrualConfig;
  readonly #context: AccrualContext;
  #state: AccrualState = 'closed';
  /** Penalties in a row. */
  #rounds = 0;
  #timer: Timer | null = null;

  constructor(config: AccrualConfig, context: AccrualContext) {
    this.#config = config;
    this.#context = context;
  }

  get state(): AccrualState {
    return this.#state;
  }

  get rounds(): number {
    return this.#rounds;
  }

  onPicked(): boolean {
    if (this.#state !== 'probation') return true;
    const first = this.#context.counts.take(TRIAL) === 1;
    this.beginTrial();
    return first;
  }

  /** The request on probation is on its way, from here or from another thread. */
  beginTrial(): void {
    if (this.#state !== 'probation') return;
    this.#state = 'probing';
    this.#context.onChange(false);
    // A try that is given up says nothing: another one may follow.
    this.#wait(this.#config.maxPenalty, () => this.#admitOne());
  }

  /** Another thread saw the last of so many failures in a row. */
  onFailures(): void {
    if (this.#state === 'closed') this.#open();
  }

  /** Goes on from the penalties that another judge gave. */
  resume(rounds: number): void {
    this.#rounds = Math.max(0, rounds - 1);
    this.#open();
  }

  onSuccess(): void {
    this.#context.counts.clear(ACCRUED_FAILURES);
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#rounds = 0;
    this.stop();
    this.#context.onChange(true);
  }

  onFailure(): void {
    if (this.#state === 'probing') this.#open();
    else if (this.#state === 'closed' && this.#context.counts.increment(ACCRUED_FAILURES) >= this.#config.maxFailures)
      this.#open();
  }

  stop(): void {
    this.#context.wheel.cancel(this.#timer);
    this.#timer = null;
  }

  #open(): void {
    this.#state = 'open';
    this.#context.counts.clear(ACCRUED_FAILURES);
    this.#context.onChange(false);
    const { minPenalty, maxPenalty, jitterRatio } = this.#config;
    const penalty = Math.min(minPenalty * GROWTH ** this.#rounds, maxPenalty);
    this.#rounds += 1;
    const jittered = Math.min(penalty * (1 + jitterRatio * this.#context.random()), Math.max(penalty, maxPenalty));
    this.#wait(jittered, () => this.#admitOne());
  }

  #admitOne(): void {
    this.#state = 'probation';
    this.#context.counts.set(TRIAL, 1);
    this.#context.onChange(true);
  }

  #wait(delay: number, then: () => void): void {
    this.stop();
    this.#timer = this.#context.wheel.set(delay, then);
  }
}
