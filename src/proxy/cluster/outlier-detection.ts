// Outlier detection (Envoy's passive health check): endpoints that fail in a row, or more than the others do, are left out for a
// while, longer each time. They come back, and are compared with each other, once per interval.
import { unfit } from '../balance/health.ts';
import type { ConsecutiveConfig, OutlierConfig } from '../config/cluster-types.ts';
import type { Host } from './host.ts';
import type { OutlierMonitor, SuccessRate } from './outlier-monitor.ts';
import type { OutlierStats } from './stats.ts';

export type OutlierContext = {
  readonly hosts: () => readonly Host[];
  readonly stats: OutlierStats;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
  /** An endpoint was ejected or came back. */
  readonly onChange: (host: Host) => void;
};

/** A detector by the name that its counters bear. */
export type Detector =
  | 'consecutive_5xx'
  | 'consecutive_gateway_failure'
  | 'consecutive_local_origin_failure'
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
      monitor.consecutive5xx = 0;
      monitor.consecutiveGatewayFailures = 0;
      return;
    }
    monitor.consecutiveGatewayFailures = status >= 502 && status <= 504 ? monitor.consecutiveGatewayFailures + 1 : 0;
    monitor.consecutive5xx += 1;
    if (monitor.consecutiveGatewayFailures === this.#config.consecutiveGatewayFailure.count) {
      this.#failedInRow(host, 'consecutive_gateway_failure', this.#config.consecutiveGatewayFailure);
      monitor.consecutiveGatewayFailures = 0;
    }
    if (monitor.consecutive5xx === this.#config.consecutive5xx.count) {
      this.#failedInRow(host, 'consecutive_5xx', this.#config.consecutive5xx);
      monitor.consecutive5xx = 0;
    }
  }

  /** No response came: for want of a connection, or of time. `status` is what it counts as where the two are not told apart. */
  observeFailure(host: Host, status: number): void {
    if (!this.#config.splitLocalOrigin) {
      this.observe(host, status);
      return;
    }
    const monitor = host.outlier;
    monitor.local.count(false);
    monitor.consecutiveLocalFailures += 1;
    if (monitor.consecutiveLocalFailures !== this.#config.consecutiveLocalOriginFailure.count) return;
    this.#failedInRow(host, 'consecutive_local_origin_failure', this.#config.consecutiveLocalOriginFailure);
    monitor.consecutiveLocalFailures = 0;
  }

  /** `final`: nothing more will be heard of it, so that it counts as an answer where the two are not told apart. */
  observeConnected(host: Host, final: boolean): void {
    if (this.#config.splitLocalOrigin) {
      host.outlier.local.count(true);
      host.outlier.consecutiveLocalFailures = 0;
    } else if (final) this.observe(host, 200);
  }

  /** An active health check found it well, which is worth more than old errors. */
  observeCheck(host: Host): void {
    if (this.#config.unejectOnCheck && host.is(unfit.failedOutlierCheck)) this.#return(host);
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

  #failedInRow(host: Host, detector: Detector, { enforcing }: ConsecutiveConfig): void {
    if (host.is(unfit.failedOutlierCheck)) return;
    this.#detected(host, detector, enforcing);
  }

  #compare(hosts: readonly Host[], origin: Origin): void {
    const { successRate, failurePercentage } = this.#config;
    const fit = hosts.filter((host) => !host.is(unfit.failedOutlierCheck) && host.outlier[origin].percent >= 0);
    const rateOf = (host: Host): SuccessRate => host.outlier[origin];
    const rated = fit.filter((host) => rateOf(host).total >= successRate.requestVolume);
    const counted = fit.filter((host) => rateOf(host).total >= failurePercentage.requestVolume);
    const [byRate, byPercentage]: readonly [Detector, Detector] =
      origin === 'external'
        ? ['success_rate', 'failure_percentage']
        : ['local_origin_success_rate', 'local_origin_failure_percentage'];
    if (rated.length > 0 && rated.length >= successRate.minimumHosts) {
      const threshold = ejectionThreshold(
        rated.map((host) => rateOf(host).percent),
        successRate.stdevFactor / 1000,
      );
      const chance = origin === 'external' ? successRate.enforcing : successRate.enforcingLocalOrigin;
      for (const host of rated) if (rateOf(host).percent < threshold) this.#detected(host, byRate, chance);
    }
    if (counted.length > 0 && counted.length >= failurePercentage.minimumHosts) {
      const chance = origin === 'external' ? failurePercentage.enforcing : failurePercentage.enforcingLocalOrigin;
      const failing = counted.filter((host) => 100 - rateOf(host).percent >= failurePercentage.threshold);
      for (const host of failing) this.#detected(host, byPercentage, chance);
    }
  }

  #detected(host: Host, detector: Detector, enforcing: number): void {
    const { stats, random } = this.#context;
    stats[`ejections_detected_${detector}`] += 1;
    if (host.is(unfit.failedOutlierCheck)) return;
    if (!this.#hasRoom()) stats.ejections_overflow += 1;
    else if (random() * 100 < enforcing) {
      stats[`ejections_enforced_${detector}`] += 1;
      this.#eject(host);
    }
  }

  #hasRoom(): boolean {
    const { stats, hosts } = this.#context;
    if (this.#config.alwaysEjectOne && stats.ejections_active === 0) return true;
    return ((stats.ejections_active + 1) * 100) / hosts().length <= this.#config.maxEjectionPercent;
  }

  #eject(host: Host): void {
    const { stats, random, now, onChange } = this.#context;
    const { baseEjection, maxEjection, maxEjectionJitter } = this.#config;
    const monitor = host.outlier;
    stats.ejections_active += 1;
    stats.ejections_enforced_total += 1;
    monitor.ejectedAt = now();
    monitor.jitter = Math.floor(random() * (maxEjectionJitter + 1));
    if (monitor.backoff * baseEjection < maxEjection + baseEjection) monitor.backoff += 1;
    host.mark(unfit.failedOutlierCheck);
    onChange(host);
  }

  #return(host: Host): void {
    this.#context.stats.ejections_active -= 1;
    host.unmark(unfit.failedOutlierCheck);
    host.outlier.forgetErrors();
    host.outlier.returnedAt = this.#context.now();
    this.#context.onChange(host);
  }
}

/** Percent: so many standard deviations below the mean. */
function ejectionThreshold(rates: readonly number[], factor: number): number {
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  return mean - factor * Math.sqrt(variance);
}
