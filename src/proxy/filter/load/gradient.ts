// How many requests what is behind can take at a time, found by their latency: while they take longer than the fastest they were seen to take, fewer
// are let through; while they do not, more. The fastest is measured now and then, with few requests at a time:
//
//   measuring ──(enough requests)──► adjusting the limit at every interval ──(its time, or the least limit five times)──► measuring
import { Histogram } from '../../../lib/histogram.ts';
import type { Timer } from '../../../lib/timer-wheel.ts';
import type { Keyed } from '../../config/runtime-keys.ts';
import type { FilterScope } from '../filter.ts';

/** Times are milliseconds, shares in [0, 1]. */
export type GradientConfig = {
  /** Which of the latencies of a window stands for all. */
  readonly percentile: Keyed<number>;
  readonly leastLimit: Keyed<number>;
  readonly mostLimit: Keyed<number>;
  readonly updateInterval: Keyed<number>;
  /** null: measured. */
  readonly fixedLatency: number | null;
  readonly measuring: {
    readonly interval: Keyed<number>;
    readonly jitter: Keyed<number>;
    /** Requests at a time. */
    readonly limit: Keyed<number>;
    /** Requests in all. */
    readonly requests: Keyed<number>;
  };
  /** How much longer than the fastest is no longer at all. */
  readonly tolerance: Keyed<number>;
};

/** With Envoy's names. */
export class GradientStats {
  rq_blocked = 0;
  burst_queue_size = 0;
  concurrency_limit = 0;
  gradient = 0;
  min_rtt_calculation_active = 0;
  min_rtt_msecs = 0;
  sample_rtt_msecs = 0;
}

/** A limit that stays at the least so often says that the fastest was measured wrongly. */
const PATIENCE = 5;

export class Gradient {
  readonly #config: GradientConfig;
  readonly #scope: FilterScope;
  readonly #stats: GradientStats;
  /** Microseconds. */
  readonly #latencies = new Histogram();
  #running = 0;
  #limit: number;
  /** The limit that is to hold after a measurement; null while there is none. */
  #held: number | null = null;
  /** Of requests that began before, nothing is learnt. */
  #epoch = Number.NEGATIVE_INFINITY;
  #fastest = 0;
  #timesAtLeast = 0;
  #updateTimer: Timer | null = null;
  #measureTimer: Timer | null = null;
  #stopped = false;

  constructor(config: GradientConfig, stats: GradientStats, scope: FilterScope) {
    this.#config = config;
    this.#scope = scope;
    this.#stats = stats;
    const fixed = config.fixedLatency;
    this.#limit = (fixed === null ? config.measuring.limit : config.leastLimit)(scope.runtime);
    stats.concurrency_limit = this.#limit;
    if (fixed === null) this.#measure();
    else this.#setFastest(fixed);
  }

  start(): void {
    this.#scheduleUpdate();
  }

  /** Requests under way may end later. */
  stop(): void {
    this.#stopped = true;
    this.#scope.wheel.cancel(this.#updateTimer);
    this.#scope.wheel.cancel(this.#measureTimer);
  }

  /** false: it would be one too many. What is admitted is `finish`ed or `abandon`ed later. */
  admit(): boolean {
    if (this.#running >= this.#limit) {
      this.#stats.rq_blocked += 1;
      return false;
    }
    this.#running += 1;
    return true;
  }

  /** `started`: monotonic milliseconds. */
  finish(started: number): void {
    this.#running -= 1;
    if (started < this.#epoch) return;
    this.#latencies.record((this.#scope.clock.now() - started) * 1_000);
    if (this.#held === null) return;
    if (this.#latencies.count >= this.#config.measuring.requests(this.#scope.runtime)) this.#measured(this.#held);
  }

  abandon(): void {
    this.#running -= 1;
  }

  #measure(): void {
    if (this.#held !== null) return;
    this.#stats.min_rtt_calculation_active = 1;
    this.#held = this.#limit;
    this.#setLimit(this.#config.measuring.limit(this.#scope.runtime));
    this.#latencies.reset();
    this.#epoch = this.#scope.clock.now();
  }

  #measured(limit: number): void {
    this.#setFastest(this.#takeLatency());
    this.#setLimit(limit);
    this.#held = null;
    this.#stats.min_rtt_calculation_active = 0;
    const { interval, jitter } = this.#config.measuring;
    const { runtime, random } = this.#scope;
    const rest = interval(runtime);
    this.#scheduleMeasurement(rest + Math.floor(random() * Math.ceil(rest * jitter(runtime))));
    this.#scheduleUpdate();
  }

  #scheduleMeasurement(delay: number): void {
    if (this.#stopped) return;
    this.#scope.wheel.cancel(this.#measureTimer);
    this.#measureTimer = this.#scope.wheel.set(delay, () => this.#measure());
  }

  #scheduleUpdate(): void {
    if (this.#stopped) return;
    this.#scope.wheel.cancel(this.#updateTimer);
    this.#updateTimer = this.#scope.wheel.set(this.#config.updateInterval(this.#scope.runtime), () => {
      // A measurement ends with the next update being scheduled.
      if (this.#held !== null) return;
      if (this.#latencies.count > 0) this.#update();
      this.#scheduleUpdate();
    });
  }

  #update(): void {
    const latency = this.#takeLatency();
    const { runtime } = this.#scope;
    this.#stats.sample_rtt_msecs = Math.floor(latency);
    const tolerated = this.#fastest * (1 + this.#config.tolerance(runtime));
    const gradient = latency === 0 ? 2 : Math.max(0.5, Math.min(2, tolerated / latency));
    const limit = this.#limit * gradient;
    const headroom = Math.sqrt(limit);
    this.#stats.gradient = Math.floor(gradient * 1_000);
    this.#stats.burst_queue_size = Math.floor(headroom);
    const most = this.#config.mostLimit(runtime);
    this.#setLimit(Math.max(this.#config.leastLimit(runtime), Math.min(most, Math.floor(limit + headroom))));
  }

  #setFastest(latency: number): void {
    this.#fastest = latency;
    this.#stats.min_rtt_msecs = Math.floor(latency);
  }

  #takeLatency(): number {
    const [latency] = this.#latencies.quantiles([this.#config.percentile(this.#scope.runtime)]);
    this.#latencies.reset();
    return latency! / 1_000;
  }

  #setLimit(limit: number): void {
    const least = this.#config.leastLimit(this.#scope.runtime);
    const stays = this.#held === null && this.#limit === least && limit === least;
    this.#timesAtLeast = stays ? this.#timesAtLeast + 1 : 0;
    this.#limit = limit;
    this.#stats.concurrency_limit = limit;
    if (this.#timesAtLeast >= PATIENCE && this.#config.fixedLatency === null) this.#scheduleMeasurement(0);
  }
}
