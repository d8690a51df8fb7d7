// One endpoint under one health check: asks, counts, waits. Envoy's rules (health checking, "Health check interval", thresholds).
//
//   waiting ──interval──► asking ──answer or time-out──► waiting
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import { unfit } from '../balance/health.ts';
import type { Host } from '../cluster/host.ts';
import type { HealthStats } from '../cluster/stats.ts';
import type { HealthCheckConfig } from '../config/health-check-types.ts';
import { type EventLog, type Failure, failureOf, PASSIVE } from './event-log.ts';
import type { Probe, ProbeResult } from './probe.ts';

export type SessionContext = {
  readonly wheel: TimerWheel;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly stats: HealthStats;
  /** Whether the cluster has ever connected: an unused one is asked less often. */
  readonly hasTraffic: () => boolean;
  /** null: nobody is told. */
  readonly events: EventLog | null;
  /** A result came; `changed` when the endpoint's health did. */
  readonly onResult: (host: Host, healthy: boolean, changed: boolean) => void;
};

type Change = 'none' | 'pending' | 'changed';

export class HealthSession {
  readonly #config: HealthCheckConfig;
  readonly #host: Host;
  readonly #probe: Probe;
  readonly #context: SessionContext;
  #timer: Timer | null = null;
  #first = true;
  #successes = 0;
  #failures = 0;

  constructor(config: HealthCheckConfig, host: Host, probe: Probe, context: SessionContext) {
    this.#config = config;
    this.#host = host;
    this.#probe = probe;
    this.#context = context;
  }

  start(): void {
    const { initialJitter } = this.#config;
    if (initialJitter === 0) this.#ask();
    else this.#wait(this.#context.random() * initialJitter, () => this.#ask());
  }

  stop(): void {
    this.#context.wheel.cancel(this.#timer);
    this.#probe.close();
  }

  /** An answer to a request said that the endpoint must not be used. */
  failNow(): void {
    this.#context.stats.passive_failure += 1;
    this.#failed(false, PASSIVE);
  }

  #ask(): void {
    this.#context.stats.attempt += 1;
    let over = false;
    this.#wait(this.#config.timeout, () => {
      over = true;
      this.#probe.cancel();
      this.#onResult({ kind: 'timeout' });
    });
    this.#probe.start((result) => {
      if (!over) this.#onResult(result);
    });
  }

  #onResult(result: ProbeResult): void {
    this.#context.wheel.cancel(this.#timer);
    const healthy = result.kind === 'healthy';
    let change: Change = 'none';
    try {
      change = healthy ? this.#succeeded(result.degraded) : this.#counted(result);
    } finally {
      // Whatever others make of the result: the endpoint is asked again.
      this.#wait(this.#interval(healthy, change), () => this.#ask());
    }
  }

  #counted(result: Exclude<ProbeResult, { kind: 'healthy' }>): Change {
    const host = this.#host;
    const isNetwork = result.kind !== 'unhealthy';
    if (isNetwork) this.#context.stats.network_failure += 1;
    const change = this.#failed(isNetwork || result.retriable, failureOf(result));
    if (result.kind === 'timeout' && host.is(unfit.failedActiveCheck)) host.mark(unfit.activeCheckTimeout);
    else host.unmark(unfit.activeCheckTimeout);
    return change;
  }

  #succeeded(degraded: boolean): Change {
    const host = this.#host;
    const before = host.health;
    this.#failures = 0;
    const { events } = this.#context;
    let change: Change = 'none';
    if (host.is(unfit.failedActiveCheck)) {
      this.#successes += 1;
      change = 'pending';
      // The first answer there ever was counts in full: it makes starting fast.
      if (this.#first || this.#successes >= this.#config.healthyThreshold) {
        host.unmark(unfit.failedActiveCheck | unfit.activeCheckTimeout | unfit.excludedByImmediateFailure);
        change = 'changed';
      }
    }
    host.unmark(unfit.pendingActiveCheck);
    events?.succeeded(host, change === 'changed', this.#first);
    if (degraded !== host.is(unfit.degradedActiveCheck)) events?.degraded(host, degraded);
    if (degraded) host.mark(unfit.degradedActiveCheck);
    else host.unmark(unfit.degradedActiveCheck);
    this.#first = false;
    this.#context.stats.success += 1;
    if (host.health !== before) change = 'changed';
    this.#context.onResult(host, true, change === 'changed');
    return change;
  }

  /** `lenient`: it takes several in a row. */
  #failed(lenient: boolean, failure: Failure): Change {
    const host = this.#host;
    const before = host.health;
    this.#successes = 0;
    let change: Change = 'none';
    if (!host.is(unfit.failedActiveCheck)) {
      this.#failures += 1;
      change = 'pending';
      if (!lenient || this.#failures >= this.#config.unhealthyThreshold) {
        host.mark(unfit.failedActiveCheck);
        change = 'changed';
      }
    }
    host.unmark(unfit.pendingActiveCheck);
    this.#context.events?.failed(host, failure, change === 'changed', this.#first);
    this.#first = false;
    this.#context.stats.failure += 1;
    if (host.health !== before) change = 'changed';
    this.#context.onResult(host, false, change === 'changed');
    return change;
  }

  #interval(healthy: boolean, change: Change): number {
    const config = this.#config;
    const { random } = this.#context;
    let base: number;
    if (!this.#context.hasTraffic()) base = healthy ? config.noTrafficHealthyInterval : config.noTrafficInterval;
    else if (healthy) base = change === 'pending' ? config.healthyEdgeInterval : config.interval;
    else base = change === 'pending' ? config.unhealthyEdgeInterval : config.unhealthyInterval;
    return base + random() * (base * (config.intervalJitterPercent / 100) + config.intervalJitter);
  }

  #wait(delay: number, then: () => void): void {
    this.#timer = this.#context.wheel.set(delay, then);
  }
}
