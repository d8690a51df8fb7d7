// Linkerd's circuit breaker on one endpoint: it opens after so many failures in a row, and lets a single request try after a
// penalty that grows with every try that fails.
//
//   closed ──failures──► open ──penalty over──► probation ──picked──► probing ──success──► closed
//                          ▲                                            └──failure, or nothing heard──► open, longer
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { AccrualConfig } from '../config/cluster-types.ts';

export type AccrualContext = {
  readonly wheel: TimerWheel;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Whether the endpoint may be picked has changed. */
  readonly onChange: (available: boolean) => void;
};

const GROWTH = 2;

export class FailureAccrual {
  readonly #config: AccrualConfig;
  readonly #context: AccrualContext;
  #state: 'closed' | 'open' | 'probation' | 'probing' = 'closed';
  #failures = 0;
  /** Penalties in a row. */
  #rounds = 0;
  #timer: Timer | null = null;

  constructor(config: AccrualConfig, context: AccrualContext) {
    this.#config = config;
    this.#context = context;
  }

  get state(): 'closed' | 'open' | 'probation' | 'probing' {
    return this.#state;
  }

  /** A request goes to the endpoint. */
  onPicked(): void {
    if (this.#state !== 'probation') return;
    this.#state = 'probing';
    this.#context.onChange(false);
    // A try that is given up says nothing: another one may follow.
    this.#wait(this.#config.maxPenalty, () => this.#admitOne());
  }

  onSuccess(): void {
    this.#failures = 0;
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#rounds = 0;
    this.stop();
    this.#context.onChange(true);
  }

  onFailure(): void {
    if (this.#state === 'probing') this.#open();
    else if (this.#state === 'closed') {
      this.#failures += 1;
      if (this.#failures >= this.#config.maxFailures) this.#open();
    }
  }

  stop(): void {
    this.#context.wheel.cancel(this.#timer);
    this.#timer = null;
  }

  #open(): void {
    this.#state = 'open';
    this.#failures = 0;
    this.#context.onChange(false);
    const { minPenalty, maxPenalty, jitterRatio } = this.#config;
    const penalty = Math.min(minPenalty * GROWTH ** this.#rounds, maxPenalty);
    this.#rounds += 1;
    const jittered = Math.min(penalty * (1 + jitterRatio * this.#context.random()), Math.max(penalty, maxPenalty));
    this.#wait(jittered, () => this.#admitOne());
  }

  #admitOne(): void {
    this.#state = 'probation';
    this.#context.onChange(true);
  }

  #wait(delay: number, then: () => void): void {
    this.stop();
    this.#timer = this.#context.wheel.set(delay, then);
  }
}
