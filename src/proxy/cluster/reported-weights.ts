// Gives endpoints the weights that follow from what they say of their load, now and again, where the cluster's policy goes by it.
import type { Timer } from '../../lib/timer-wheel.ts';
import { weightsByLoad } from '../balance/reported-load.ts';
import type { PolicyConfig, ReportedLoadConfig } from '../config/cluster-types.ts';
import type { ClusterServices } from './cluster-services.ts';
import type { Host } from './host.ts';

export class ReportedWeights {
  readonly #services: Pick<ClusterServices, 'clock' | 'wheel'>;
  readonly #hosts: () => readonly Host[];
  #timer: Timer | null = null;

  constructor(services: Pick<ClusterServices, 'clock' | 'wheel'>, hosts: () => readonly Host[]) {
    this.#services = services;
    this.#hosts = hosts;
  }

  follow(policy: PolicyConfig): void {
    this.stop();
    if (policy.kind === 'reported-load') this.#later(policy);
  }

  stop(): void {
    this.#services.wheel.cancel(this.#timer);
    this.#timer = null;
  }

  #later(policy: ReportedLoadConfig): void {
    this.#timer = this.#services.wheel.set(policy.updatePeriod, () => {
      this.#weigh(policy);
      this.#later(policy);
    });
  }

  /** The mean is that of a priority. */
  #weigh(policy: ReportedLoadConfig): void {
    const now = this.#services.clock.now();
    for (const hosts of Map.groupBy(this.#hosts(), ({ priority }) => priority).values()) {
      const loads = hosts.map(({ load }) => load);
      const weights = weightsByLoad(loads, now, policy);
      for (const [i, host] of hosts.entries()) host.weight = weights[i]!;
    }
  }
}
