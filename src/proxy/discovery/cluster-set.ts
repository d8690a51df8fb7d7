// Clusters and their endpoints: a cluster is used once its endpoints and secrets have come; until then its predecessor is.
import type { Clock } from '../../lib/clock.ts';
import type { Assignment } from '../config/cluster-types.ts';
import type { ClusterConfig, SecretRef } from '../config/types.ts';
import type { Applied, Runtime } from './runtime.ts';
import type { SecretStore } from './secret-store.ts';
import { Warming } from './warming.ts';

export type ClusterSetOptions = {
  readonly runtime: Runtime;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly timeout: number;
  /** The names of endpoints that are needed have changed. */
  readonly onEndpointNames: (names: ReadonlySet<string>) => void;
};

export class ClusterSet {
  readonly #options: ClusterSetOptions;
  readonly #active = new Map<string, ClusterConfig>();
  /** Of the active ones, those whose first health checks are over. */
  readonly #used = new Set<string>();
  /** null: the control plane said that there are none of this name. */
  readonly #endpoints = new Map<string, Assignment | null>();
  readonly #warming: Warming<ClusterConfig>;
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(options: ClusterSetOptions) {
    this.#options = options;
    this.#warming = new Warming({
      isReady: (config) => this.#isReady(config),
      activate: (config) => this.#activate(config),
      clock: options.clock,
      timeout: options.timeout,
    });
  }

  /** Resolves when it is in use. @throws when a secret's source does not exist. */
  async set(config: ClusterConfig): Promise<void> {
    this.#options.secrets.use(`cluster ${config.name}`, secretsOf(config));
    const used = this.#warming.add(config.name, config);
    this.#announceNames();
    await used;
  }

  remove(name: string): void {
    this.#warming.remove(name);
    this.#used.delete(name);
    if (this.#active.delete(name)) this.#options.runtime.removeCluster(name);
    this.#options.secrets.use(`cluster ${name}`, []);
    this.#announceNames();
  }

  setEndpoints(name: string, assignment: Assignment): Applied {
    this.#endpoints.set(name, assignment);
    const applied = this.#options.runtime.setEndpoints(name, assignment);
    this.#warming.check();
    return applied;
  }

  /** Nothing of this name exists: no reason to wait for it. Known endpoints stay in use, as in Envoy. */
  endpointsAbsent(name: string): void {
    if (!this.#endpoints.has(name)) this.#endpoints.set(name, null);
    this.#warming.check();
  }

  /** Resolves when a cluster of this name is in use. */
  whenUsed(name: string): Promise<void> {
    if (this.#used.has(name)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve]));
  }

  /** A secret arrived. */
  check(): void {
    this.#warming.check();
  }

  #isReady(config: ClusterConfig): boolean {
    const service = endpointsName(config);
    return (
      (service === null || this.#endpoints.has(service)) &&
      secretsOf(config).every((ref) => this.#options.secrets.has(ref))
    );
  }

  #activate(config: ClusterConfig): Applied {
    const { name } = config;
    // The runtime has the endpoints already: they are handed over as they come.
    const used = this.#options.runtime.setCluster(config);
    this.#active.set(name, config);
    this.#announceNames();
    if (used === undefined) this.#onUsed(name);
    else return used.then(() => this.#onUsed(name));
  }

  #onUsed(name: string): void {
    if (this.#active.has(name)) this.#used.add(name);
    for (const resolve of this.#waiting.get(name) ?? []) resolve();
    this.#waiting.delete(name);
  }

  #announceNames(): void {
    const configs = [...this.#active.values(), ...this.#warming.items()];
    const names = new Set(configs.flatMap((config) => endpointsName(config) ?? []));
    for (const known of this.#endpoints.keys()) if (!names.has(known)) this.#endpoints.delete(known);
    this.#options.onEndpointNames(names);
  }
}

function endpointsName({ discovery }: ClusterConfig): string | null {
  return discovery.kind === 'eds' ? discovery.serviceName : null;
}

function secretsOf(config: ClusterConfig): readonly SecretRef[] {
  return config.tls.flatMap(({ tls }) => [tls?.certificate, tls?.validation?.trust].filter((ref) => ref != null));
}
