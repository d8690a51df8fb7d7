// Gives endpoints the weights that follow from what they say of their load, now and again, where the cluster's policy goes by it; and asks them,
// where that is not said with responses.
import type { Timer } from '../../lib/timer-wheel.ts';
import { weightsByLoad } from '../balance/reported-load.ts';
import type { ReportedLoadConfig } from '../config/cluster-types.ts';
import type { ClusterConfig } from '../config/types.ts';
import type { ClusterServices } from './cluster-services.ts';
import type { Host } from './host.ts';
import { LoadStream, type LoadStreamContext, LoadStreamStats } from './load-stream.ts';
import { poolLimits } from './pool-limits.ts';

type Services = Pick<ClusterServices, 'clock' | 'wheel' | 'random' | 'log'>;

export class ReportedWeights {
  readonly #services: Services;
  readonly #hosts: () => readonly Host[];
  #timer: Timer | null = null;
  readonly #streams = new Map<Host, LoadStream>();
  #asking: LoadStreamContext | null = null;
  /** null: endpoints were never asked. */
  stats: LoadStreamStats | null = null;

  constructor(services: Services, hosts: () => readonly Host[]) {
    this.#services = services;
    this.#hosts = hosts;
  }

  follow(config: ClusterConfig): void {
    this.stop();
    const { balancing } = config;
    if (balancing.kind !== 'reported-load') return;
    this.#later(balancing);
    if (balancing.streamPeriod === null) return;
    this.stats ??= new LoadStreamStats();
    const { connectTimeout, http1, http2, responseLimits } = poolLimits(config);
    const { clock, wheel, random, log } = this.#services;
    this.#asking = {
      period: balancing.streamPeriod,
      stats: this.stats,
      settings: { clock, wheel, random, connectTimeout, http1, http2, responseLimits },
      onBug: (err) => log.error({ err, cluster: config.name }, 'exception in a report of load'),
    };
    for (const host of this.#hosts()) this.add(host);
  }

  add(host: Host): void {
    if (this.#asking === null) return;
    const stream = new LoadStream(host, this.#asking);
    this.#streams.set(host, stream);
    stream.start();
  }

  remove(host: Host): void {
    this.#streams.get(host)?.stop();
    this.#streams.delete(host);
  }

  stop(): void {
    this.#services.wheel.cancel(this.#timer);
    this.#timer = null;
    this.#asking = null;
    for (const stream of this.#streams.values()) stream.stop();
    this.#streams.clear();
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
