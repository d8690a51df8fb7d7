// Resources of one type that something in use refers to: their names, each asked for at its own source.
import type { ConfigSource } from '../config/config-source.ts';
import type { Subscription } from './subscriptions.ts';

export type Needed = { readonly source: ConfigSource; readonly name: string };

export class NamedResources {
  readonly #open: (source: ConfigSource) => Subscription;
  readonly #subscriptions = new Map<string, Subscription>();

  constructor(open: (source: ConfigSource) => Subscription) {
    this.#open = open;
  }

  /** Replaces what is needed. */
  set(needed: readonly Needed[]): void {
    const bySource = Map.groupBy(needed, ({ source }) => source.key);
    for (const [key, subscription] of this.#subscriptions) {
      if (bySource.has(key)) continue;
      this.#subscriptions.delete(key);
      subscription.close();
    }
    for (const [key, resources] of bySource) {
      const subscription = this.#subscriptions.get(key) ?? this.#open(resources[0]!.source);
      this.#subscriptions.set(key, subscription);
      subscription.setNames(new Set(resources.map(({ name }) => name)));
    }
  }
}
