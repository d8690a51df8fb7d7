// The assembly of the running proxy: what its parts need of each other, and what configuration updates are applied to, piece by piece and
// in place.
import { networkInterfaces } from 'node:os';
import type { Clock } from '../lib/clock.ts';
import type { Histogram } from '../lib/histogram.ts';
import type { Log } from '../lib/log.ts';
import { TimerWheel } from '../lib/timer-wheel.ts';
import type { LocalCluster } from './balance/balancer.ts';
import type { CallServices } from './client/call.ts';
import { ClusterClient } from './client/cluster-client.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { ClusterServices } from './cluster/cluster-services.ts';
import { resolveBy } from './cluster/dns.ts';
import { DnsCaches } from './cluster/dns-caches.ts';
import type { HealthOwner } from './cluster/health-watch.ts';
import type { Resolve } from './cluster/resolver.ts';
import type { Assignment } from './config/cluster-types.ts';
import type { DnsResolverConfig } from './config/dns-resolver.ts';
import { type LocalityFields, localityName } from './config/locality.ts';
import { nothingOnDemand, type OnDemand } from './config/on-demand.ts';
import { noRuntime, type RuntimeLookup } from './config/runtime-keys.ts';
import type { SecretValue } from './config/tls-types.ts';
import type { ClusterConfig, ListenerConfig } from './config/types.ts';
import { Figures } from './figures.ts';
import { HealthChecks } from './health/checks.ts';
import type { EnterCourt } from './health/judgement.ts';
import type { WatchHealth } from './health/shared.ts';
import type { Listener } from './listener/listener.ts';
import type { ProcessServices } from './listener/services.ts';
import type { ListenerSharing } from './listener/sharing.ts';
import { openSink } from './log/sink.ts';
import { Overload } from './overload/overload.ts';
import type { RouteTable } from './route/table.ts';
import { RunningClusters } from './running-clusters.ts';
import { RunningListeners } from './running-listeners.ts';
import { TlsConnector } from './tls/client-tls.ts';
import { SecretStore } from './tls/secrets.ts';
import { ServerTls } from './tls/server-tls.ts';

export type DataPlaneOptions = {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  /** Who this proxy is, and where; `cluster` is the name of the service it belongs to. */
  readonly node?: {
    readonly id: string;
    readonly cluster: string;
    readonly locality?: LocalityFields | undefined;
    readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  };
  /** The cluster that this proxy is an endpoint of (`cluster_manager.local_cluster_name`). */
  readonly localCluster?: string;
  /** Who is asked for addresses where a cluster does not say; the system by default. */
  readonly dnsResolver?: DnsResolverConfig;
  /** File for ejections of endpoints (`cluster_manager.outlier_detection.event_log_path`); '' for none. */
  readonly outlierLog?: string;
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

export class DataPlane {
  /** For calls of the proxy's own. */
  readonly client: ClusterClient;
  readonly #options: DataPlaneOptions;
  readonly #wheel: TimerWheel;
  readonly #overload: Overload;
  readonly #secrets = new SecretStore();
  readonly #dnsCaches: DnsCaches;
  readonly #clusters: RunningClusters;
  readonly #routes = new Map<string, RouteTable>();
  readonly #listeners: RunningListeners;
  readonly #figures: Figures;
  readonly #calls: CallServices;
  #connectionIds = 0;
  #onDemand: OnDemand = nothingOnDemand;
  #timerExceptions = 0;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    const { clock, random, log, sharing } = options;
    this.#overload = options.overload ?? new Overload(clock);
    this.#overload.share(sharing?.tally('connections') ?? null);
    this.#overload.start();
    this.#wheel = new TimerWheel(clock, (error) => {
      this.#timerExceptions += 1;
      log.error({ err: error }, 'exception in a timer');
    });
    this.#dnsCaches = new DnsCaches({
      wheel: this.#wheel,
      now: () => clock.now(),
      random,
      resolve: (config) => this.#resolve(config),
    });
    this.#figures = new Figures({
      clusters: () => this.clusters(),
      listeners: () => this.listeners(),
      dnsCaches: this.#dnsCaches,
    });
    this.#clusters = new RunningClusters(this.#clusterServices(), options.runtime ?? noRuntime);
    this.#calls = this.#callServices();
    this.client = new ClusterClient(this.#calls);
    this.#listeners = new RunningListeners(this.#listenerServices());
  }

  setSecret(source: string, name: string, value: SecretValue): void {
    this.#secrets.set(source, name, value);
  }

  /** See `RunningClusters.set`. */
  setCluster(config: ClusterConfig): void | Promise<void> {
    return this.#clusters.set(config);
  }

  removeCluster(name: string): void {
    this.#clusters.remove(name);
  }

  openPrivate(config: ClusterConfig): { readonly client: ClusterClient; close(): void } {
    const cluster = this.#clusters.openPrivate(config);
    const client = new ClusterClient({ ...this.#calls, clusters: { get: () => cluster } });
    return { client, close: () => cluster.close() };
  }

  setEndpoints(edsServiceName: string, assignment: Assignment): void {
    this.#clusters.setEndpoints(edsServiceName, assignment);
  }

  removeEndpoints(edsServiceName: string): void {
    this.#clusters.removeEndpoints(edsServiceName);
  }

  setRoutes(table: RouteTable): void {
    this.#routes.set(table.name, table);
  }

  removeRoutes(name: string): void {
    this.#routes.delete(name);
  }

  /** See `RunningListeners.set`. */
  setListener(config: ListenerConfig): Promise<void> {
    return this.#listeners.set(config);
  }

  removeListener(name: string): void {
    this.#listeners.remove(name);
  }

  serveOnDemand(onDemand: OnDemand): void {
    this.#onDemand = onDemand;
  }

  /** Also those that are not in use yet. */
  clusters(): readonly Cluster[] {
    return this.#clusters.all();
  }

  listeners(): readonly Listener[] {
    return this.#listeners.all();
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
  drain(which: (config: ListenerConfig) => boolean = () => true): Promise<void> {
    return this.#listeners.drain(which, this.#options.drainTime ?? DRAIN_TIME);
  }

  async close(): Promise<void> {
    this.#overload.stop();
    this.#listeners.close();
    this.#clusters.close();
    this.#dnsCaches.close();
  }

  #clusterServices(): ClusterServices {
    const { clock, random, log, sharing, judgement = null } = this.#options;
    const shared = { clock, random, log, wheel: this.#wheel };
    const check = (owner: HealthOwner) => new HealthChecks(owner, { ...shared, openLines: openSink });
    const { watchHealth = check, outlierLog = '' } = this.#options;
    return {
      ...shared,
      tlsConnector: (config, stats, below) => new TlsConnector(config, stats, this.#secrets, below),
      tally: (name) => sharing?.tally(`cluster ${name}`) ?? null,
      cluster: (name) => this.#clusters.get(name),
      dnsCaches: this.#dnsCaches,
      resolve: (config) => this.#resolve(config),
      local: () => this.#localCluster(),
      watchHealth: (owner) => watchHealth(owner, check),
      judgement,
      outlierLog: outlierLog === '' ? null : openSink(outlierLog),
    };
  }

  #callServices(): CallServices {
    const { clock, random, log, node, sharing } = this.#options;
    const health = this.#options.health ?? { failing: false };
    return {
      ...{ clock, random, log },
      ...{ health, leaving: health },
      wheel: this.#wheel,
      localAddress: ownAddress(),
      overload: this.#overload,
      runtime: this.#options.runtime ?? noRuntime,
      workers: sharing?.workers ?? 1,
      tally: (name) => sharing?.tally(name) ?? null,
      node: {
        id: node?.id ?? '',
        cluster: node?.cluster ?? '',
        zone: node?.locality?.zone ?? '',
        metadata: node?.metadata ?? {},
      },
      clusters: this.#clusters,
      routes: this.#routes,
      secrets: this.#secrets,
      onDemand: {
        cluster: (question, done) => this.#onDemand.cluster(question, done),
        virtualHost: (table, host, done) => this.#onDemand.virtualHost(table, host, done),
      },
      filterStats: (name, make) => this.#figures.ofFilter(name, make),
    };
  }

  #listenerServices(): Omit<ProcessServices, 'listenerAt'> {
    const { clock, sharing, listenerDrainTime } = this.#options;
    return {
      ...this.#calls,
      overload: this.#overload,
      client: this.client,
      httpStats: (prefix) => this.#figures.ofManager(prefix),
      serverTls: (config, keys, counts) => new ServerTls(config, this.#secrets, keys, counts, () => clock.epoch()),
      nextConnectionId: () => ++this.#connectionIds,
      drainTime: listenerDrainTime ?? LISTENER_DRAIN_TIME,
      sharing: sharing ?? null,
    };
  }

  #resolve(config: DnsResolverConfig | null): Resolve {
    const { random, dnsResolver = { kind: 'system' } } = this.#options;
    return resolveBy(config ?? dnsResolver, random);
  }

  #localCluster(): LocalCluster | null {
    const { localCluster, node } = this.#options;
    if (localCluster === undefined || localCluster === '') return null;
    return this.#clusters.get(localCluster)?.asLocal(localityName(node?.locality)) ?? null;
  }
}

/** The first address of this machine that is not loopback, which Envoy calls its local address. */
function ownAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find(({ family, internal }) => family === 'IPv4' && !internal);
    if (found !== undefined) return found.address;
  }
  return '127.0.0.1';
}
