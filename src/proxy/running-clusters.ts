// The clusters of the running proxy: a new one serves once its endpoints are known and checked, one that is known takes updates in place.
import { Cluster } from './cluster/cluster.ts';
import type { ClusterServices } from './cluster/cluster-services.ts';
import { withRuntime } from './config/cluster-runtime.ts';
import type { Assignment } from './config/cluster-types.ts';
import type { RuntimeLookup } from './config/runtime-keys.ts';
import type { ClusterConfig } from './config/types.ts';

export class RunningClusters {
  readonly #services: ClusterServices;
  readonly #runtime: RuntimeLookup;
  readonly #used = new Map<string, Cluster>();
  /** Not in use yet: endpoints are looked for, or checked for the first time. */
  readonly #starting = new Map<string, Cluster>();
  /** As the configuration has them, without what the runtime changes. */
  readonly #given = new Map<string, ClusterConfig>();
  /** Endpoints by EDS service name: they may come before their cluster, and several clusters may share them. */
  readonly #endpoints = new Map<string, Assignment>();

  constructor(services: ClusterServices, runtime: RuntimeLookup) {
    this.#services = services;
    this.#runtime = runtime;
    runtime.watch(() => this.#followRuntime());
  }

  /** One that is in use. */
  get(name: string): Cluster | undefined {
    return this.#used.get(name);
  }

  /** Also those that are not in use yet. */
  all(): readonly Cluster[] {
    return [...this.#used.values(), ...this.#starting.values()];
  }

  /** What it returns resolves when the cluster is in use: at once where nothing is to be found out about its endpoints before. */
  set(given: ClusterConfig): void | Promise<void> {
    const { name, discovery } = given;
    const config = withRuntime(given, this.#runtime);
    this.#given.set(name, given);
    let cluster = this.#known(name);
    if (cluster !== undefined) cluster.update(config);
    else {
      cluster = new Cluster(config, this.#services);
      this.#starting.set(name, cluster);
    }
    if (discovery.kind === 'eds') {
      const assignment = this.#endpoints.get(discovery.serviceName);
      // What has not come by now is not waited for.
      if (assignment === undefined) cluster.initialization.end();
      else cluster.setEndpoints(assignment);
    }
    return this.#use(name, cluster);
  }

  remove(name: string): void {
    const cluster = this.#known(name);
    this.#used.delete(name);
    this.#starting.delete(name);
    this.#given.delete(name);
    cluster?.close();
  }

  setEndpoints(edsServiceName: string, assignment: Assignment): void {
    this.#endpoints.set(edsServiceName, assignment);
    for (const cluster of this.all()) {
      const { discovery } = cluster.config;
      if (discovery.kind === 'eds' && discovery.serviceName === edsServiceName) cluster.setEndpoints(assignment);
    }
  }

  /** Clusters that have them keep them. */
  removeEndpoints(edsServiceName: string): void {
    this.#endpoints.delete(edsServiceName);
  }

  /** One that only who opens it sees. */
  openPrivate(config: ClusterConfig): Cluster {
    return new Cluster(config, this.#services);
  }

  close(): void {
    for (const cluster of this.all()) cluster.close();
    this.#used.clear();
    this.#starting.clear();
  }

  #known(name: string): Cluster | undefined {
    return this.#used.get(name) ?? this.#starting.get(name);
  }

  #followRuntime(): void {
    for (const [name, config] of this.#given) this.#known(name)?.update(withRuntime(config, this.#runtime));
  }

  #use(name: string, cluster: Cluster): void | Promise<void> {
    const { initialization } = cluster;
    const use = () => {
      if (this.#starting.get(name) !== cluster) return;
      this.#starting.delete(name);
      this.#used.set(name, cluster);
    };
    if (initialization.over) {
      use();
      return;
    }
    return new Promise((resolve) => {
      initialization.whenOver(() => {
        use();
        resolve();
      });
    });
  }
}
