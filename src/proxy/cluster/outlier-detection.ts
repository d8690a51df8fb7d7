// Outlier detection (Envoy's passive health check): endpoints that fail in a row, or more than the others do, are left out for a
// while, longer each time. They come back, and are compared with each other, once per interval.
import { unreachable } from '../../lib/unreachable.ts';
import { unfit } from '../balance/health.ts';
import type { OutlierConfig } from '../config/cluster-types.ts';
import type { Host } from './host.ts';
import type { Comparison, OutlierLog } from './outlier-log.ts';
import type { OutlierMonitor } from './outlier-monitor.ts';
import type { OutlierStats } from './stats.ts';

export type OutlierContext = {
  readonly hosts: () => readonly Host[];
  readonly stats: OutlierStats;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
  /** An endpoint was ejected or came back. */
  readonly onChange: (host: Host) => void;
  /** null: nobody wants to know. */
  readonly log: OutlierLog | null;
  /** Where another thread judges: it is told of failures in a row, and does all that is left to do. */
  readonly tell: ((host: Host, detector: Detector) => void) | null;
};

/** A detector by the name that its counters bear. */
export type Detector = 'consecutive_5xx' | 'consecutive_gateway_failure' | 'consecutive_local_origin_failure';

export type AnyDetector =
  | Detector
  | 'success_rate'
  | 'local_origin_success_rate'
  | 'failure_percentage'
  | 'local_origin_failure_percentage';

type Origin = 'external' | 'local';

export class OutlierDetection {
  readonly #config: OutlierConfig;
  readonly #context: OutlierContext;

  constructor(config: OutlierConfig, context: OutlierContext) {
    this.#config = config;
    this.#context = context;
  }

  get config(): OutlierConfig {
    return this.#config;
  }

  /** A response came. */
  observe(host: Host, status: number): void {
    const monitor = host.outlier;
    monitor.external.count(status < 500);
    if (status < 500) {
      monitor.succeeded('status');
      monitor.succeeded('gateway');
      return;
    }
    if (status < 502 || status > 504) monitor.succeeded('gateway');
    else if (monitor.failed('gateway', this.#config.consecutiveGatewayFailure.count))
      this.#failedInRow(host, 'consecutive_gateway_failure');
    if (monitor.failed('status', this.#config.consecutive5xx.count)) this.#failedInRow(host, 'consecutive_5xx');
  }

  /** No response came: for want of a connection, or of time. `status` is what it counts as where the two are not told apart. */
  observeFailure(host: Host, status: number): void {
    if (!this.#config.splitLocalOrigin) {
      this.observe(host, status);
      return;
    }
    const monitor = host.outlier;
    monitor.local.count(false);
    if (monitor.failed('local', this.#config.consecutiveLocalOriginFailure.count))
      this.#failedInRow(host, 'consecutive_local_origin_failure');
  }

  /** `final`: nothing more will be heard of it, so that it counts as an answer where the two are not told apart. */
  observeConnected(host: Host, final: boolean): void {
    if (this.#config.splitLocalOrigin) {
      host.outlier.local.count(true);
      host.outlier.succeeded('local');
    } else if (final) this.observe(host, 200);
  }

  /** An active health check found it well, which is worth more than old errors. */
  observeCheck(host: Host): void {
    if (this.#config.unejectOnCheck && host.is(unfit.failedOutlierCheck)) this.#return(host);
  }

  /** It failed so many times in a row as the detector asks for, here or in another thread. */
  judgeRow(host: Host, detector: Detector): void {
    if (!host.is(unfit.failedOutlierCheck)) this.#detected(host, detector, this.#enforcing(detector), null);
  }

  /** Goes on with an ejection that another judge began. */
  resume(host: Host, backoff: number): void {
    host.outlier.backoff = backoff;
    this.#leaveOut(host);
  }

  /** Once per interval. */
  sweep(): void {
    const hosts = this.#context.hosts();
    for (const host of hosts) {
      if (host.is(unfit.failedOutlierCheck) && this.#isOver(host.outlier)) this.#return(host);
      host.outlier.external.turn();
      host.outlier.local.turn();
    }
    this.#compare(hosts, 'external');
    this.#compare(hosts, 'local');
    const calm = this.#context.now() - this.#config.interval;
    for (const host of hosts) {
      const { outlier } = host;
      const isCalm = outlier.returnedAt !== null && outlier.returnedAt <= calm;
      if (isCalm && outlier.backoff > 0 && !host.is(unfit.failedOutlierCheck)) outlier.backoff -= 1;
    }
  }

  /** It leaves the cluster. */
  forget(host: Host): void {
    if (host.is(unfit.failedOutlierCheck)) this.#context.stats.ejections_active -= 1;
    host.unmark(unfit.failedOutlierCheck);
  }

  #isOver({ backoff, jitter, ejectedAt }: OutlierMonitor): boolean {
    const { baseEjection, maxEjection } = this.#config;
    return Math.min(baseEjection * backoff, maxEjection) + jitter <= this.#context.now() - ejectedAt;
  }

  #failedInRow(host: Host, detector: Detector): void {
    if (this.#context.tell === null) this.judgeRow(host, detector);
    else if (!host.is(unfit.failedOutlierCheck)) this.#context.tell(host, detector);
  }

  #enforcing(detector: Detector): number {
    const { consecutive5xx, consecutiveGatewayFailure, consecutiveLocalOriginFailure } = this.#config;
    switch (detector) {
      case 'consecutive_5xx':
        return consecutive5xx.enforcing;
      case 'consecutive_gateway_failure':
        return consecutiveGatewayFailure.enforcing;
      case 'consecutive_local_origin_failure':
        return consecutiveLocalOriginFailure.enforcing;
      default:
        return unreachable(detector);
    }
  }

  #compare(hosts: readonly Host[], origin: Origin): void {
    const { successRate, failurePercentage } = this.#config;
    const fit = hosts.filter((host) => !host.is(unfit.failedOutlierCheck) && host.outlier[origin].percent >= 0);
    const rateOf = (host: Host) => host.outlier[origin];
    const rated = fit.filter((host) => rateOf(host).total >= successRate.requestVolume);
    const counted = fit.filter((host) => rateOf(host).total >= failurePercentage.requestVolume);
    const [byRate, byPercentage]: readonly [AnyDetector, AnyDetector] =
      origin === 'external'
        ? ['success_rate', 'failure_percentage']
        : ['local_origin_success_rate', 'local_origin_failure_percentage'];
    if (rated.length > 0 && rated.length >= successRate.minimumHosts) {
      const { mean, threshold } = ejectionThreshold(
        rated.map((host) => rateOf(host).percent),
        successRate.stdevFactor / 1000,
      );
      const chance = origin === 'external' ? successRate.enforcing : successRate.enforcingLocalOrigin;
      for (const host of rated) {
        const rate = rateOf(host).percent;
        if (rate < threshold) this.#detected(host, byRate, chance, { rate, mean, threshold });
      }
    }
    if (counted.length > 0 && counted.length >= failurePercentage.minimumHosts) {
      const chance = origin === 'external' ? failurePercentage.enforcing : failurePercentage.enforcingLocalOrigin;
      const failing = counted.filter((host) => 100 - rateOf(host).percent >= failurePercentage.threshold);
      for (const host of failing)
        this.#detected(host, byPercentage, chance, { rate: rateOf(host).percent, mean: 0, threshold: 0 });
    }
  }

  #detected(host: Host, detector: AnyDetector, enforcing: number, comparison: Comparison): void {
    const { stats, random, log } = this.#context;
    stats[`ejections_detected_${detector}`] += 1;
    if (host.is(unfit.failedOutlierCheck)) return;
    if (!this.#hasRoom()) stats.ejections_overflow += 1;
    else if (random() * 100 < enforcing) {
      stats[`ejections_enforced_${detector}`] += 1;
      this.#eject(host);
      log?.ejected(host, detector, comparison, true);
    } else log?.ejected(host, detector, comparison, false);
  }

  #hasRoom(): boolean {
    const { stats, hosts } = this.#context;
    if (this.#config.alwaysEjectOne && stats.ejections_active === 0) return true;
    return ((stats.ejections_active + 1) * 100) / hosts().length <= this.#config.maxEjectionPercent;
  }

  #eject(host: Host): void {
    const { stats, random, onChange } = this.#context;
    const { baseEjection, maxEjection, maxEjectionJitter } = this.#config;
    const monitor = host.outlier;
    stats.ejections_enforced_total += 1;
    monitor.ejections += 1;
    monitor.jitter = Math.floor(random() * (maxEjectionJitter + 1));
    if (monitor.backoff * baseEjection < maxEjection + baseEjection) monitor.backoff += 1;
    this.#leaveOut(host);
    onChange(host);
  }

  #leaveOut(host: Host): void {
    this.#context.stats.ejections_active += 1;
    host.outlier.ejectedAt = this.#context.now();
    host.mark(unfit.failedOutlierCheck);
  }

  #return(host: Host): void {
    this.#context.stats.ejections_active -= 1;
    host.unmark(unfit.failedOutlierCheck);
    host.outlier.forgetErrors();
    host.outlier.returnedAt = this.#context.now();
    this.#context.log?.returned(host);
    this.#context.onChange(host);
  }
}

/** Percent; the threshold is so many standard deviations below the mean. */
function ejectionThreshold(
  rates: readonly number[],
  factor: number,
): { readonly mean: number; readonly threshold: number } {
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  return { mean, threshold: mean - factor * Math.sqrt(variance) };
}
