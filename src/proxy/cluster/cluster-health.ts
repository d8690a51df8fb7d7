// What a cluster finds out about its endpoints' health: from answers and failures of requests, and from active checks.
import type { Clock } from '../../lib/clock.ts';
import { FROM_CHECKS } from '../balance/health.ts';
import type { ClusterConfig } from '../config/types.ts';
import type { ClusterServices } from './cluster-services.ts';
import type { HealthOwner, HealthWatch } from './health-watch.ts';
import type { Host } from './host.ts';
import { OutlierLog } from './outlier-log.ts';
import { PassiveHealth } from './passive-health.ts';
import { sameJson } from './same-json.ts';
import type { ClusterStats } from './stats.ts';

export type ClusterHealthContext = Pick<
  ClusterServices,
  'wheel' | 'random' | 'watchHealth' | 'judgement' | 'outlierLog'
> & {
  readonly clock: Clock;
  readonly stats: ClusterStats;
  readonly hosts: () => readonly Host[];
  /** Some endpoint is judged otherwise than before. */
  readonly onChange: () => void;
  /** A check has ended. */
  readonly onResult: () => void;
  readonly transportFor: HealthOwner['transportFor'];
  /** A check found the endpoint to be well, or no longer so. */
  readonly onChecked: (host: Host, healthy: boolean) => void;
};

export class ClusterHealth {
  readonly #context: ClusterHealthContext;
  #config: ClusterConfig;
  #passive: PassiveHealth | null = null;
  #active: HealthWatch | null = null;

  constructor(config: ClusterConfig, context: ClusterHealthContext) {
    this.#config = config;
    this.#context = context;
    this.#watchPassively();
    this.#watchActively();
  }

  update(config: ClusterConfig): void {
    const before = this.#config;
    this.#config = config;
    if (!sameJson(before.outlierDetection, config.outlierDetection)) this.#watchPassively();
    if (!sameJson(before.healthChecks, config.healthChecks)) this.#watchActively();
  }

  /** Whether endpoints are checked actively. */
  get checked(): boolean {
    return this.#active !== null;
  }

  /** How many of them are checked. */
  countChecked(hosts: readonly Host[]): number {
    return this.checked ? hosts.filter(({ check }) => !check.disabled).length : 0;
  }

  add(host: Host): void {
    this.#passive?.add(host);
    this.#active?.add(host);
  }

  remove(host: Host): void {
    this.#passive?.remove(host);
    this.#active?.remove(host);
  }

  stop(): void {
    this.#passive?.stop();
  }

  observe(host: Host, status: number): void {
    this.#passive?.observe(host, status);
  }

  observeFailure(host: Host, status: number): void {
    this.#passive?.observeFailure(host, status);
  }

  observeConnected(host: Host, final: boolean): void {
    this.#passive?.observeConnected(host, final);
  }

  failNow(host: Host): void {
    this.#active?.failNow(host);
  }

  #watchPassively(): void {
    const { wheel, random, clock, stats, hosts, onChange, judgement, outlierLog: writer } = this.#context;
    for (const host of hosts()) this.#passive?.remove(host);
    this.#passive?.stop();
    const { name, outlierDetection: config, discovery } = this.#config;
    if (config === null) {
      this.#passive = null;
      return;
    }
    this.#passive = new PassiveHealth(config, {
      ...{ cluster: name, hosts, wheel, random, onChange },
      // Endpoints that requests bring are not the same in every thread.
      judgement: discovery.kind === 'original-dst' || discovery.kind === 'dynamic' ? null : judgement,
      stats: stats.outlier_detection,
      now: () => clock.now(),
      log: writer && new OutlierLog({ cluster: name, now: () => clock.now(), epoch: () => clock.epoch(), writer }),
    });
    for (const host of hosts()) this.#passive.add(host);
  }

  #watchActively(): void {
    const { hosts, watchHealth } = this.#context;
    for (const host of hosts()) {
      this.#active?.remove(host);
      host.unmark(FROM_CHECKS);
    }
    this.#active = this.#config.healthChecks.length === 0 ? null : watchHealth(this.#asOwner());
    for (const host of hosts()) this.#active?.add(host);
  }

  #asOwner(): HealthOwner {
    const { stats, onChecked, onResult, transportFor } = this.#context;
    return {
      config: () => ({
        name: this.#config.name,
        checks: this.#config.healthChecks,
        ignoreNewHosts: this.#config.ignoreNewHosts,
        http1: this.#config.http.http1,
        http2: this.#config.http.http2,
        responseLimits: this.#config.http.responseLimits,
      }),
      stats: stats.health_check,
      transportFor,
      hasTraffic: () => stats.upstream_cx_total > 0,
      onResult: (host, healthy, changed) => {
        if (healthy) this.#passive?.observeCheck(host);
        if (changed) onChecked(host, healthy);
        onResult();
      },
    };
  }
}
