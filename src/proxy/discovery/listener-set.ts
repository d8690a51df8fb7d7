// Listeners and the route tables they name: a listener starts once its routes and secrets have come.
import type { Clock } from '../../lib/clock.ts';
import type { SecretRef } from '../config/tls-types.ts';
import type { FilterChainConfig, HttpConnectionConfig, ListenerConfig } from '../config/types.ts';
import type { RouteTable } from '../route/table.ts';
import type { Applied, ConfigTarget } from './config-target.ts';
import type { Needed } from './named-resources.ts';
import { requireClusters, requireClustersOf } from './required-clusters.ts';
import type { SecretStore } from './secret-store.ts';
import type { Subscriptions } from './subscriptions.ts';
import { WarmSet } from './warm-set.ts';

export type ListenerSetOptions = {
  readonly target: ConfigTarget;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly requireSource: Subscriptions['requireSource'];
  readonly hasCluster: (name: string) => boolean;
  /** The route tables that are needed have changed. */
  readonly onRouteNames: (needs: readonly Needed[]) => void;
};

export class ListenerSet {
  readonly #options: ListenerSetOptions;
  readonly #routes = new Set<string>();
  readonly #listeners: WarmSet<ListenerConfig>;
  readonly #begun = Promise.withResolvers<void>();

  constructor(options: ListenerSetOptions) {
    this.#options = options;
    const { target } = options;
    this.#listeners = new WarmSet({
      ...options,
      kind: 'listener',
      secretsOf,
      needsOf: routesOf,
      hasArrived: (name) => this.#routes.has(name),
      activate: (config) => target.setListener(config),
      deactivate: (name) => target.removeListener(name),
      onNeeds: (needs) => this.#onNeeds(needs),
    });
  }

  /** The first clusters are there: from now on listeners warm, and open. */
  begin(): void {
    this.#begun.resolve();
  }

  /** Resolves when it serves. Rejects when it cannot be bound, or a source does not exist. @throws when it needs a cluster that does not exist. */
  set(config: ListenerConfig): Promise<void> {
    requireClustersOf(config, this.#options.hasCluster);
    return this.#begun.promise.then(() => this.#listeners.set(config));
  }

  remove(name: string): void {
    this.#listeners.remove(name);
  }

  /** @throws when it needs a cluster that does not exist. */
  setRoutes(table: RouteTable): Applied {
    requireClusters(table, this.#options.hasCluster);
    this.#routes.add(table.name);
    const applied = this.#options.target.setRoutes(table);
    this.#listeners.check();
    return applied;
  }

  /** A secret arrived. */
  check(): void {
    this.#listeners.check();
  }

  #onNeeds(needs: readonly Needed[]): void {
    const names = new Set(needs.map(({ name }) => name));
    for (const known of this.#routes) {
      if (names.has(known)) continue;
      this.#routes.delete(known);
      this.#options.target.removeRoutes(known);
    }
    this.#options.onRouteNames(needs);
  }
}

function chainsOf({ chains, defaultChain }: ListenerConfig): readonly FilterChainConfig[] {
  return defaultChain === null ? chains : [...chains, defaultChain];
}

function routesOf(config: ListenerConfig): readonly Needed[] {
  return chainsOf(config).flatMap(({ network }) =>
    network.kind === 'http' && network.http.routes.kind === 'rds' ? [network.http.routes] : [],
  );
}

function secretsOf(config: ListenerConfig): readonly SecretRef[] {
  return chainsOf(config).flatMap(({ tls, network }) => [
    ...[...(tls?.certificates ?? []), tls?.validation?.trust].filter((ref) => ref != null),
    ...(network.kind === 'http' ? secretsOfFilters(network.http) : []),
  ]);
}

function secretsOfFilters({ filters, upgradeFilters }: HttpConnectionConfig): readonly SecretRef[] {
  return [...filters, ...[...upgradeFilters.values()].flat()].flatMap(
    ({ secrets, disabled }) => secrets ?? disabled?.secrets ?? [],
  );
}
