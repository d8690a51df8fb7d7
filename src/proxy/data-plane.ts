// The running proxy: what configuration updates are applied to, piece by piece and in place.
import { networkInterfaces } from 'node:os';
import type { Clock } from '../lib/clock.ts';
import type { Histogram } from '../lib/histogram.ts';
import type { Log } from '../lib/log.ts';
import { TimerWheel } from '../lib/timer-wheel.ts';
import type { LocalCluster } from './balance/balancer.ts';
import type { CallServices } from './client/call.ts';
import { ClusterClient } from './client/cluster-client.ts';
import { Cluster } from './cluster/cluster.ts';
import type { ClusterServices } from './cluster/cluster-services.ts';
import { systemResolve } from './cluster/dns.ts';
import { DnsCaches } from './cluster/dns-caches.ts';
import type { HealthOwner } from './cluster/health-watch.ts';
import { withRuntime } from './config/cluster-runtime.ts';
import type { Assignment } from './config/cluster-types.ts';
import { type LocalityFields, localityName } from './config/locality.ts';
import { nothingOnDemand, type OnDemand } from './config/on-demand.ts';
import { noRuntime, type RuntimeLookup } from './config/runtime-keys.ts';
import type { ClusterConfig, ListenerConfig, SecretValue } from './config/types.ts';
import { Figures } from './figures.ts';
import { HealthChecks } from './health/checks.ts';
import type { EnterCourt } from './health/judgement.ts';
import type { WatchHealth } from './health/shared.ts';
import { placesOf } from './listener/bind.ts';
import { Listener, type ListenerServices } from './listener/listener.ts';
import type { ListenerSharing } from './listener/sharing.ts';
import { openSink } from './log/sink.ts';
import { Overload } from './overload/overload.ts';
import type { RouteTable } from './route/table.ts';
import { TlsConnector } from './tls/client-tls.ts';
import { SecretStore } from './tls/secrets.ts';
import { ServerTls } from './tls/server-tls.ts';

export type DataPlaneOptions = {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  /** Who this proxy is, and where; `cluster` is the name of the service it belongs to. */
  readonly node?: { readonly id: string; readonly cluster: string; readonly locality?: LocalityFields | undefined };
  /** The cluster that this proxy is an endpoint of (`cluster_manager.local_cluster_name`). */
  readonly localCluster?: string;
  readonly overload?: Overload;
  /** Values of Envoy's runtime by key. */
  readonly runtime?: RuntimeLookup;
  /** Whether health checks fail because somebody asked for it. */
  readonly health?: { readonly failing: boolean };
  /** Where not every thread checks endpoints by itself. */
  readonly watchHealth?: WatchHealth;
  /** Where other threads send requests to the same endpoints. */
  readonly judgement?: EnterCourt;
  /** Where other threads serve the same listeners. */
  readonly sharing?: ListenerSharing;
  /** Milliseconds that `drain` waits for requests in progress. */
  readonly drainTime?: number;
  /** Milliseconds that connections of a listener or chain that is gone may go on; Envoy's --drain-time-s, 10 minutes. */
  readonly listenerDrainTime?: number;
};

const DRAIN_TIME = 10_000;
const LISTENER_DRAIN_TIME = 600_000;
const DRAIN_POLL = 50;

export class DataPlane {
  /** For calls of the proxy's own. */
  readonly client: ClusterClient;
  readonly #wheel: TimerWheel;
  readonly #options: DataPlaneOptions;
  readonly #overload: Overload;
  readonly #secrets = new SecretStore();
  readonly #clusters = new Map<string, Cluster>();
  /** Not in use yet: endpoints are looked for, or checked for the first time. */
  readonly #newClusters = new Map<string, Cluster>();
  /** As the configuration has them, without what the runtime changes. */
  readonly #givenClusters = new Map<string, ClusterConfig>();
  /** Endpoints by EDS service name: they may come before their cluster, and several clusters may share them. */
  readonly #endpoints = new Map<string, Assignment>();
  readonly #routes = new Map<string, RouteTable>();
  readonly #listeners = new Map<string, Listener>();
  /** They do not accept yet. */
  readonly #starting = new Map<string, Listener>();
  readonly #draining = new Set<Listener>();
  readonly #dnsCaches: DnsCaches;
  readonly #figures: Figures;
  readonly #clusterServices: ClusterServices;
  readonly #calls: CallServices;
  readonly #listenerServices: ListenerServices;
  #connectionIds = 0;
  #onDemand: OnDemand = nothingOnDemand;
  #timerExceptions = 0;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    const { clock, random, log } = options;
    this.#overload = options.overload ?? new Overload(clock);
    const { node, sharing } = options;
    this.#overload.share(sharing?.tally('connections') ?? null);
    this.#overload.start();
    this.#wheel = new TimerWheel(clock, (error) => {
      this.#timerExceptions += 1;
      log.error({ err: error }, 'exception in a timer');
    });
    const shared = { clock, random, log, wheel: this.#wheel };
    const check = (owner: HealthOwner) => new HealthChecks(owner, { ...shared, openLines: openSink });
    const { watchHealth = check } = options;
    this.#dnsCaches = new DnsCaches({ wheel: this.#wheel, now: () => clock.now(), random, resolve: systemResolve });
    this.#figures = new Figures({
      clusters: () => this.clusters(),
      listeners: () => this.listeners(),
      dnsCaches: this.#dnsCaches,
    });
    this.#clusterServices = {
      ...shared,
      tlsConnector: (config, stats, below) => new TlsConnector(config, stats, this.#secrets, below),
      tally: (name) => sharing?.tally(`cluster ${name}`) ?? null,
      cluster: (name) => this.#clusters.get(name),
      dnsCaches: this.#dnsCaches,
      local: () => this.#localCluster(),
      watchHealth: (owner) => watchHealth(owner, check),
      judgement: options.judgement ?? null,
    };
    this.#calls = {
      ...shared,
      localAddress: ownAddress(),
      overload: this.#overload,
      runtime: options.runtime ?? noRuntime,
      workers: sharing?.workers ?? 1,
      health: options.health ?? { failing: false },
      node: { id: node?.id ?? '', cluster: node?.cluster ?? '', zone: node?.locality?.zone ?? '' },
      clusters: this.#clusters,
      routes: this.#routes,
      onDemand: {
        cluster: (question, done) => this.#onDemand.cluster(question, done),
        virtualHost: (table, host, done) => this.#onDemand.virtualHost(table, host, done),
      },
      filterStats: <Stats extends object>(name: string, make: () => Stats) => this.#figures.ofFilter(name, make),
    };
    this.#calls.runtime.watch(() => this.#followRuntime());
    this.client = new ClusterClient(this.#calls);
    this.#listenerServices = {
      ...this.#calls,
      client: this.client,
      httpStats: (prefix) => this.#figures.ofManager(prefix),
      serverTls: (config, sharedKeys) => new ServerTls(config, this.#secrets, sharedKeys, () => clock.epoch()),
      nextConnectionId: () => ++this.#connectionIds,
      drainTime: options.listenerDrainTime ?? LISTENER_DRAIN_TIME,
      sharing: sharing ?? null,
      listenerAt: ({ address, port }) => this.#listenerAt(address, port),
    };
  }

  setSecret(source: string, name: string, value: SecretValue): void {
    this.#secrets.set(source, name, value);
  }

  /** What it returns resolves when the cluster is in use: at once where nothing is to be found out about its endpoints before. */
  setCluster(given: ClusterConfig): void | Promise<void> {
    const { name, discovery } = given;
    const config = withRuntime(given, this.#calls.runtime);
    this.#givenClusters.set(name, given);
    let cluster = this.#clusters.get(name) ?? this.#newClusters.get(name);
    if (cluster !== undefined) cluster.update(config);
    else {
      cluster = new Cluster(config, this.#clusterServices);
      this.#newClusters.set(name, cluster);
    }
    if (discovery.kind === 'eds') {
      const assignment = this.#endpoints.get(discovery.serviceName);
      // What has not come by now is not waited for.
      if (assignment === undefined) cluster.initialization.end();
      else cluster.setEndpoints(assignment);
    }
    return this.#use(name, cluster);
  }

  #followRuntime(): void {
    for (const [name, config] of this.#givenClusters) {
      const cluster = this.#newClusters.get(name) ?? this.#clusters.get(name);
      cluster?.update(withRuntime(config, this.#calls.runtime));
    }
  }

  #use(name: string, cluster: Cluster): void | Promise<void> {
    const { initialization } = cluster;
    const use = () => {
      if (this.#newClusters.get(name) !== cluster) return;
      this.#newClusters.delete(name);
      this.#clusters.set(name, cluster);
    };
    if (initialization.over) use();
    else {
      return new Promise((resolve) => {
        initialization.whenOver(() => {
          use();
          resolve();
        });
      });
    }
  }

  removeCluster(name: string): void {
    const cluster = this.#clusters.get(name) ?? this.#newClusters.get(name);
    this.#clusters.delete(name);
    this.#newClusters.delete(name);
    this.#givenClusters.delete(name);
    cluster?.close();
  }

  /** Calls through a cluster that nobody else sees, until it is closed. */
  openPrivate(config: ClusterConfig): { readonly client: ClusterClient; close(): void } {
    const cluster = new Cluster(config, this.#clusterServices);
    const client = new ClusterClient({ ...this.#calls, clusters: { get: () => cluster } });
    return { client, close: () => cluster.close() };
  }

  setEndpoints(edsServiceName: string, assignment: Assignment): void {
    this.#endpoints.set(edsServiceName, assignment);
    for (const cluster of this.clusters()) {
      const { discovery } = cluster.config;
      if (discovery.kind === 'eds' && discovery.serviceName === edsServiceName) cluster.setEndpoints(assignment);
    }
  }

  setRoutes(table: RouteTable): void {
    this.#routes.set(table.name, table);
  }

  removeRoutes(name: string): void {
    this.#routes.delete(name);
  }

  /** Rejects, with the old listener of that name still running, when the new address cannot be listened on. */
  async setListener(config: ListenerConfig): Promise<void> {
    this.#stopStarting(config.name);
    const before = this.#listeners.get(config.name);
    if (before !== undefined && sameSocket(before.config, config)) {
      before.update(config);
      return;
    }
    const listener = new Listener(config, this.#listenerServices);
    this.#starting.set(config.name, listener);
    try {
      await listener.listen();
    } finally {
      if (this.#starting.get(config.name) === listener) this.#starting.delete(config.name);
      else listener.destroy();
    }
    if (listener.gone) return;
    this.#listeners.set(config.name, listener);
    if (before !== undefined) this.#retire(before);
  }

  /** It was removed, or is wanted otherwise, before it served. */
  #stopStarting(name: string): void {
    this.#starting.get(name)?.destroy();
    this.#starting.delete(name);
  }

  serveOnDemand(onDemand: OnDemand): void {
    this.#onDemand = onDemand;
  }

  removeListener(name: string): void {
    this.#stopStarting(name);
    const listener = this.#listeners.get(name);
    if (listener === undefined) return;
    this.#listeners.delete(name);
    this.#retire(listener);
  }

  /** Also those that are not in use yet. */
  clusters(): readonly Cluster[] {
    return [...this.#clusters.values(), ...this.#newClusters.values()];
  }

  listeners(): readonly Listener[] {
    return [...this.#listeners.values()];
  }

  routes(): readonly RouteTable[] {
    return [...this.#routes.values()];
  }

  /** Every counter and gauge with its Envoy name, as in `cluster.web.upstream_rq_total`. */
  *stats(): IterableIterator<readonly [name: string, value: number]> {
    yield* this.#figures.numbers();
    yield* this.#overload.stats();
    yield ['server.timer_exceptions', this.#timerExceptions];
  }

  histograms(): IterableIterator<readonly [name: string, histogram: Histogram]> {
    return this.#figures.histograms();
  }

  resetCounters(isGauge: (name: string) => boolean): void {
    this.#figures.reset(isGauge);
  }

  /** Stops accepting, lets requests in progress end, and gives up on those that outlast the drain time. */
  async drain(which: (config: ListenerConfig) => boolean = () => true): Promise<void> {
    for (const [name, { config }] of [...this.#listeners]) if (which(config)) this.removeListener(name);
    const { clock, drainTime = DRAIN_TIME } = this.#options;
    const end = clock.now() + drainTime;
    while (clock.now() < end && [...this.#draining].some((listener) => listener.activeConnections > 0)) {
      await new Promise<void>((resolve) => this.#wheel.set(DRAIN_POLL, resolve));
    }
  }

  async close(): Promise<void> {
    this.#overload.stop();
    for (const listener of [...this.#listeners.values(), ...this.#starting.values(), ...this.#draining])
      listener.destroy();
    for (const cluster of this.clusters()) cluster.close();
    this.#listeners.clear();
    this.#starting.clear();
    this.#draining.clear();
    this.#clusters.clear();
    this.#newClusters.clear();
    this.#dnsCaches.close();
  }

  #localCluster(): LocalCluster | null {
    const { localCluster, node } = this.#options;
    if (localCluster === undefined || localCluster === '') return null;
    return this.#clusters.get(localCluster)?.asLocal(localityName(node?.locality)) ?? null;
  }

  #retire(listener: Listener): void {
    for (const old of this.#draining) if (old.activeConnections === 0) this.#draining.delete(old);
    this.#draining.add(listener);
    listener.drain();
  }

  /** By its address, else by a wildcard of the port. */
  #listenerAt(address: string, port: number): Listener | undefined {
    const samePort = [...this.#listeners.values()].filter(({ config }) => config.port === port);
    const any = address.includes(':') ? '::' : '0.0.0.0';
    return (
      samePort.find(({ config }) => config.address === address) ?? samePort.find(({ config }) => config.address === any)
    );
  }
}

/** Whether an update can keep the sockets. */
function sameSocket(a: ListenerConfig, b: ListenerConfig): boolean {
  const socketOf = (config: ListenerConfig) =>
    JSON.stringify([
      config.bound,
      config.dualStack,
      config.backlog,
      config.oneSocket,
      config.socketOptions,
      placesOf(config).map(({ address, port }) => [address, port]),
    ]);
  return socketOf(a) === socketOf(b);
}

/** The first address of this machine that is not loopback, which Envoy calls its local address. */
function ownAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find(({ family, internal }) => family === 'IPv4' && !internal);
    if (found !== undefined) return found.address;
  }
  return '127.0.0.1';
}
