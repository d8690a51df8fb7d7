// Clusters that requests ask for by name (ODCDS). One that came is kept like any other; one that does not exist is asked for again by the next request.
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { ConfigSource } from '../config/config-source.ts';
import type { ClusterOutcome, ClusterQuestion } from '../config/on-demand.ts';
import type { Subscription } from './subscriptions.ts';

export type OnDemandClustersOptions = {
  readonly open: (source: ConfigSource) => Subscription;
  readonly whenUsed: (cluster: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
};

type Settle = (outcome: ClusterOutcome) => void;

/** Names that are wanted of one source, and who waits for each: null once it has come. */
type Wanted = { readonly subscription: Subscription; readonly waiting: Map<string, Set<Settle> | null> };

export class OnDemandClusters {
  readonly #options: OnDemandClustersOptions;
  readonly #sources = new Map<string, Wanted>();

  constructor(options: OnDemandClustersOptions) {
    this.#options = options;
  }

  request({ source, name, timeout }: ClusterQuestion, done: Settle): void {
    let wanted: Wanted;
    try {
      wanted = this.#sources.get(source.key) ?? { subscription: this.#options.open(source), waiting: new Map() };
    } catch (error) {
      this.#options.log.warn({ err: error, cluster: name }, 'cluster cannot be asked for');
      done('absent');
      return;
    }
    this.#sources.set(source.key, wanted);
    const waiting = wanted.waiting.get(name) ?? this.#ask(wanted, name);
    const settle: Settle = (outcome) => {
      if (!waiting.delete(settle)) return;
      cancel();
      done(outcome);
    };
    waiting.add(settle);
    const cancel = this.#options.clock.after(timeout, () => settle('late'));
  }

  /** The control plane says that there is none. */
  absent(name: string): void {
    for (const { subscription, waiting } of this.#sources.values()) {
      const settles = waiting.get(name);
      if (!waiting.delete(name)) continue;
      subscription.setNames(new Set(waiting.keys()));
      for (const settle of settles ?? []) settle('absent');
    }
  }

  #ask({ subscription, waiting }: Wanted, name: string): Set<Settle> {
    const settles = new Set<Settle>();
    waiting.set(name, settles);
    subscription.setNames(new Set(waiting.keys()));
    void this.#options.whenUsed(name).then(() => {
      if (waiting.get(name) === settles) waiting.set(name, null);
      for (const settle of settles) settle('used');
    });
    return settles;
  }
}
