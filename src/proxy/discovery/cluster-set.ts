// Clusters and their endpoints: a cluster is used once its endpoints and secrets have come.
import type { Clock } from '../../lib/clock.ts';
import type { Assignment } from '../config/cluster-types.ts';
import type { SecretRef } from '../config/tls-types.ts';
import type { ClusterConfig } from '../config/types.ts';
import type { Applied, ConfigTarget } from './config-target.ts';
import type { Needed } from './named-resources.ts';
import type { SecretStore } from './secret-store.ts';
import type { Subscriptions } from './subscriptions.ts';
import { WarmSet } from './warm-set.ts';

export type ClusterSetOptions = {
  readonly target: ConfigTarget;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly requireSource: Subscriptions['requireSource'];
  /** The endpoints that are needed have changed. */
  readonly onEndpointNames: (needs: readonly Needed[]) => void;
};

export class ClusterSet {
  readonly #options: ClusterSetOptions;
  /** null: the control plane said that there are none of this name. */
  readonly #endpoints = new Map<string, Assignment | null>();
  readonly #clusters: WarmSet<ClusterConfig>;

  constructor(options: ClusterSetOptions) {
    this.#options = options;
    const { target } = options;
    this.#clusters = new WarmSet({
      ...options,
      kind: 'cluster',
      secretsOf,
      needsOf: endpointsOf,
      hasArrived: (name) => this.#endpoints.has(name),
      // The target has the endpoints already: they are handed over as they come.
      activate: (config) => target.setCluster(config),
      deactivate: (name) => target.removeCluster(name),
      onNeeds: (needs) => this.#onNeeds(needs),
    });
  }

  /** Resolves when it is in use. Rejects when a source does not exist. */
  set(config: ClusterConfig): Promise<void> {
    return this.#clusters.set(config);
  }

  remove(name: string): void {
    this.#clusters.remove(name);
  }

  has(name: string): boolean {
    return this.#clusters.has(name);
  }

  /** Resolves when a cluster of this name is in use. */
  whenUsed(name: string): Promise<void> {
    return this.#clusters.whenUsed(name);
  }

  setEndpoints(name: string, assignment: Assignment): Applied {
    this.#endpoints.set(name, assignment);
    const applied = this.#options.target.setEndpoints(name, assignment);
    this.#clusters.check();
    return applied;
  }

  /** null: there is none of this name. */
  endpointsOf(name: string): Assignment | null {
    return this.#endpoints.get(name) ?? null;
  }

  /** Nothing of this name exists: no reason to wait for it. Known endpoints stay in use, as in Envoy. */
  endpointsAbsent(name: string): void {
    if (!this.#endpoints.has(name)) this.#endpoints.set(name, null);
    this.#clusters.check();
  }

  /** A secret arrived. */
  check(): void {
    this.#clusters.check();
  }

  #onNeeds(needs: readonly Needed[]): void {
    const names = new Set(needs.map(({ name }) => name));
    for (const [known, assignment] of this.#endpoints) {
      if (names.has(known)) continue;
      this.#endpoints.delete(known);
      if (assignment !== null) this.#options.target.removeEndpoints(known);
    }
    this.#options.onEndpointNames(needs);
  }
}

function endpointsOf({ discovery }: ClusterConfig): readonly Needed[] {
  return discovery.kind === 'eds' ? [{ source: discovery.source, name: discovery.serviceName }] : [];
}

function secretsOf(config: ClusterConfig): readonly SecretRef[] {
  return config.tls.flatMap(({ tls }) => [tls?.certificate, tls?.validation?.trust].filter((ref) => ref != null));
}
