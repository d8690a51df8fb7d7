// A cluster at run time: its endpoints with their pools, its balancer, its limits. Updated in place, so that pools live on.
import { isIP } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { Balancer, BalancerContext, LocalCluster, PickContext } from '../balance/balancer.ts';
import { createBalancer } from '../balance/create.ts';
import { fitnessOf, isExcluded, unfit } from '../balance/health.ts';
import { PeakEwma } from '../balance/peak-ewma.ts';
import { SubsetBalancer } from '../balance/subset-balancer.ts';
import type { Assignment, EndpointConfig } from '../config/cluster-types.ts';
import type { ClusterConfig, UpstreamTlsConfig } from '../config/types.ts';
import { Http2Stats } from '../http2/stats.ts';
import { type Connector, plainConnector } from './connector.ts';
import { FailureAccrual } from './failure-accrual.ts';
import { Host } from './host.ts';
import { HostPools, type UpstreamProtocol } from './host-pools.ts';
import { reconcile } from './host-set.ts';
import { OutlierDetection } from './outlier-detection.ts';
import type { PoolSettings } from './pool.ts';
import { Resolver } from './resolver.ts';
import { sameJson } from './same-json.ts';
import { ClusterStats } from './stats.ts';

export type ClusterServices = {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly log: Log;
  readonly random: () => number;
  /** One connector per TLS configuration; it follows the secrets it names. */
  tlsConnector(config: UpstreamTlsConfig, stats: ClusterStats): Connector;
  /** The cluster this proxy belongs to, for zone-aware routing; null when the bootstrap names none. */
  readonly local: () => LocalCluster | null;
};

const NO_ENDPOINTS: Assignment = {
  endpoints: [],
  overprovisioning: 140,
  weightedHealth: false,
  localityWeights: [],
  drops: [],
  staleAfter: 0,
};

export class Cluster {
  readonly stats = new ClusterStats();
  readonly http2Stats = new Http2Stats();
  /** Retries in progress, for the circuit breaker. */
  activeRetries = 0;
  /** Changes with the endpoints and with their health. */
  version = 0;
  #config: ClusterConfig;
  #assignment: Assignment = NO_ENDPOINTS;
  #hosts: readonly Host[] = [];
  #byName: ReadonlyMap<string, Host> | null = null;
  #balancer: Balancer;
  #transports: Transport[];
  #outlier: OutlierDetection | null = null;
  #sweep: Timer | null = null;
  #stale: Timer | null = null;
  #resolver: Resolver | null = null;
  readonly #services: ClusterServices;
  readonly #settings: PoolSettings;
  readonly #balancing: BalancerContext;

  constructor(config: ClusterConfig, services: ClusterServices) {
    this.#config = config;
    this.#services = services;
    const { clock, wheel, random } = services;
    this.#settings = { ...poolLimits(config), stats: this.stats, http2Stats: this.http2Stats, clock, wheel, random };
    this.#balancing = {
      random: services.random,
      now: () => services.clock.now(),
      stats: this.stats,
      active: () => this.stats.upstream_rq_active,
      local: services.local,
    };
    this.#transports = this.#makeTransports(config);
    this.#balancer = createBalancer(config, NO_ENDPOINTS, [], this.#balancing);
    this.#watchOutliers();
    this.#discover();
  }

  get config(): ClusterConfig {
    return this.#config;
  }

  get hosts(): readonly Host[] {
    return this.#hosts;
  }

  /** Monotonic milliseconds. */
  now(): number {
    return this.#services.clock.now();
  }

  /** null: no healthy endpoint. */
  pick(context: PickContext): Host | null {
    const host = context.override === null ? this.#choose(context) : this.#overridden(context, context.override);
    if (host === null) this.stats.upstream_cx_none_healthy += 1;
    else host.accrual?.onPicked();
    return host;
  }

  /** Retries that may be in progress at once. */
  get maxRetries(): number {
    const { retryBudget, maxRetries } = this.#config.limits;
    if (retryBudget === null) return maxRetries;
    const { upstream_rq_active: active, upstream_rq_pending_active: pending } = this.stats;
    return Math.max(retryBudget.minimum, Math.floor(((active + pending) * retryBudget.percent) / 100));
  }

  /** Whether the control plane wants this request refused, because the cluster is overloaded: by chance, or like all of them. */
  drop(): 'none' | 'some' | 'all' {
    const { drops } = this.#assignment;
    if (drops.length === 0) return 'none';
    const { share } = drops[0]!;
    if (this.#services.random() >= share) return 'none';
    this.stats.upstream_rq_drop_overload += 1;
    return share === 1 ? 'all' : 'some';
  }

  /** Takes a new configuration of the same cluster. Endpoints and their connections stay where address and transport do. */
  update(config: ClusterConfig): void {
    const before = this.#config;
    if (config === before) return;
    this.#config = config;
    Object.assign(this.#settings, poolLimits(config));
    const sameHosts = before.http.protocol === config.http.protocol && sameJson(before.tls, config.tls);
    if (before.balancing.kind !== config.balancing.kind)
      for (const host of this.#hosts) host.latency = this.#makeLatency();
    if (!sameJson(before.outlierDetection, config.outlierDetection)) this.#watchOutliers();
    if (!sameHosts) this.#remake();
    else this.#rebalance();
    if (config.discovery.kind !== 'eds' && (!sameHosts || !sameJson(before.discovery, config.discovery))) {
      this.#discover();
    }
  }

  setEndpoints(assignment: Assignment): void {
    if (assignment === this.#assignment) {
      this.#watchAge();
      return;
    }
    this.#assignment = assignment;
    const { hosts, added, removed } = reconcile(
      this.#hosts,
      assignment.endpoints,
      this.#config.discovery.kind !== 'eds',
      (endpoint) => this.#makeHost(endpoint),
    );
    this.#hosts = hosts;
    this.#byName = null;
    for (const host of removed) this.#retire(host);
    if (added.length + removed.length > 0) this.stats.membership_change += 1;
    this.#watchAge();
    this.#rebalance();
  }

  /** Tells outlier detection how a request to the endpoint was answered. */
  observe(host: Host, status: number): void {
    this.#outlier?.observe(host, status);
    if (host.accrual !== null) observeAccrual(host.accrual, status);
  }

  /** The request ended before a response; `status` is what the client gets. */
  observeFailure(host: Host, status: number): void {
    this.#outlier?.observeFailure(host, status);
    if (host.accrual !== null) observeAccrual(host.accrual, status);
  }

  /** A connection took a request. */
  observeConnected(host: Host): void {
    this.#outlier?.observeConnected(host);
  }

  /** What requests go by, seen from another cluster that routes by zone. */
  asLocal(zone: string): LocalCluster {
    const counted = this.#hosts.filter(({ health }) => !isExcluded(health));
    const fit = counted.filter(({ health }) => fitnessOf(health) !== 'unhealthy');
    const panic = (counted.length === 0 ? 0 : (100 * fit.length) / counted.length) < this.#config.panicThreshold;
    return { zone, version: this.version, endpoints: this.#hosts, panic };
  }

  /** Closes idle connections; requests in progress end as they would. */
  close(): void {
    this.#resolver?.stop();
    this.#resolver = null;
    this.#services.wheel.cancel(this.#sweep);
    this.#services.wheel.cancel(this.#stale);
    for (const host of this.#hosts) this.#retire(host);
    this.#hosts = [];
  }

  #choose(context: PickContext): Host | null {
    const picked = this.#balancer.pick(context);
    return picked instanceof Host ? picked : null;
  }

  #overridden(context: PickContext, { name, strict }: NonNullable<PickContext['override']>): Host | null {
    this.#byName ??= new Map(this.#hosts.map((host) => [host.name, host]));
    const host = this.#byName.get(name);
    if (host !== undefined && this.#config.overrideHealths.includes(host.status)) return host;
    return strict ? null : this.#choose(context);
  }

  #discover(): void {
    this.#resolver?.stop();
    this.#resolver = null;
    const { discovery } = this.#config;
    if (discovery.kind === 'eds') return;
    const { assignment } = discovery;
    if (discovery.kind === 'static' || assignment.endpoints.every((endpoint) => isIP(endpoint.address) !== 0)) {
      this.setEndpoints(assignment);
      return;
    }
    this.#resolver = new Resolver(this.#config.name, discovery, this.#services, (endpoints) =>
      this.setEndpoints({ ...assignment, endpoints }),
    );
    this.#resolver.start();
  }

  /** Connections of the old transport end; the endpoints are made anew. */
  #remake(): void {
    this.#transports = this.#makeTransports(this.#config);
    for (const host of this.#hosts) this.#retire(host);
    this.#hosts = [];
    if (this.#config.discovery.kind === 'eds') this.setEndpoints({ ...this.#assignment });
  }

  #rebalance(): void {
    if (this.#balancer instanceof SubsetBalancer) this.#balancer.retire();
    this.#balancer = createBalancer(this.#config, this.#assignment, this.#hosts, this.#balancing);
    this.#countMembers();
  }

  #healthChanged(): void {
    this.#balancer.invalidate();
    this.#countMembers();
  }

  #countMembers(): void {
    this.version += 1;
    const counts = { healthy: 0, degraded: 0, unhealthy: 0 };
    let excluded = 0;
    for (const { health } of this.#hosts) {
      counts[fitnessOf(health)] += 1;
      if (isExcluded(health)) excluded += 1;
    }
    this.stats.membership_total = this.#hosts.length;
    this.stats.membership_healthy = counts.healthy;
    this.stats.membership_degraded = counts.degraded;
    this.stats.membership_excluded = excluded;
  }

  #watchOutliers(): void {
    const { wheel } = this.#services;
    const config = this.#config.outlierDetection;
    wheel.cancel(this.#sweep);
    for (const host of this.#hosts) {
      this.#outlier?.forget(host);
      this.#watchAccrual(host);
    }
    this.#outlier =
      config === null
        ? null
        : new OutlierDetection(config, {
            hosts: () => this.#hosts,
            stats: this.stats.outlier_detection,
            now: () => this.now(),
            random: this.#services.random,
            onChange: () => this.#healthChanged(),
          });
    if (config !== null) this.#sweepEvery(config.interval);
  }

  #sweepEvery(interval: number): void {
    this.#sweep = this.#services.wheel.set(interval, () => {
      this.#sweepEvery(interval);
      this.#outlier?.sweep();
    });
  }

  #watchAccrual(host: Host): void {
    host.accrual?.stop();
    const accrual = this.#config.outlierDetection?.accrual ?? null;
    if (accrual === null) {
      host.accrual = null;
      return;
    }
    const { wheel, random } = this.#services;
    const onChange = (available: boolean) => {
      if (available) host.unmark(unfit.failedOutlierCheck);
      else host.mark(unfit.failedOutlierCheck);
      this.#healthChanged();
    };
    host.accrual = new FailureAccrual(accrual, { wheel, random, onChange });
  }

  /** Endpoints nobody has confirmed for too long are not trusted any more. */
  #watchAge(): void {
    const { wheel } = this.#services;
    wheel.cancel(this.#stale);
    this.#stale = null;
    const { staleAfter } = this.#assignment;
    if (staleAfter === 0) return;
    this.#stale = wheel.set(staleAfter, () => {
      this.stats.assignment_stale += 1;
      this.setEndpoints(NO_ENDPOINTS);
    });
  }

  #makeHost(endpoint: EndpointConfig): Host {
    const labels = endpoint.metadata['envoy.transport_socket_match'];
    const transport = this.#transports.find(({ when }) => isSubset(when, labels));
    const connector = transport?.connector ?? plainConnector;
    const { protocol } = this.#config.http;
    const pools = new HostPools(endpoint.address, endpoint.port, connector, protocol, this.#settings);
    const host = new Host(endpoint, pools, connector, this.now());
    host.latency = this.#makeLatency();
    this.#watchAccrual(host);
    return host;
  }

  #makeLatency(): PeakEwma | null {
    const { balancing } = this.#config;
    return balancing.kind === 'peak-ewma' ? new PeakEwma(balancing, this.now()) : null;
  }

  #retire(host: Host): void {
    this.#outlier?.forget(host);
    host.accrual?.stop();
    host.pools.retire();
  }

  #makeTransports({ tls: choices, http }: ClusterConfig): Transport[] {
    return choices.map(({ when, tls }) => ({
      when,
      connector:
        tls === null
          ? plainConnector
          : this.#services.tlsConnector({ ...tls, alpn: offered(tls.alpn, http.protocol) }, this.stats),
    }));
  }
}

type Transport = { readonly when: Readonly<Record<string, unknown>>; readonly connector: Connector };

function observeAccrual(accrual: FailureAccrual, status: number): void {
  if (status >= 500) accrual.onFailure();
  else accrual.onSuccess();
}

function poolLimits(config: ClusterConfig) {
  return {
    connectTimeout: config.connectTimeout,
    idleTimeout: config.idleTimeout,
    maxConnections: config.limits.maxConnections,
    maxPendingRequests: config.limits.maxPendingRequests,
    maxRequestsPerConnection: config.maxRequestsPerConnection,
    maxConnectionDuration: config.http.maxConnectionDuration,
    preconnectRatio: config.http.preconnectRatio,
    http2: config.http.http2,
  };
}

/** Protocols named in the handshake: what is configured, or else what is spoken (as Envoy's pools do). HTTP/1.1 alone never asks for HTTP/2. */
function offered(configured: readonly string[], protocol: UpstreamProtocol): readonly string[] {
  if (protocol === 'http1') return configured.filter((name) => name !== 'h2');
  if (configured.length > 0) return configured;
  return protocol === 'http2' ? ['h2'] : ['h2', 'http/1.1'];
}

function isSubset(wanted: Readonly<Record<string, unknown>>, labels: unknown): boolean {
  const given = typeof labels === 'object' && labels !== null ? labels : {};
  const values = new Map<string, unknown>(Object.entries(given));
  return Object.entries(wanted).every(([key, value]) => values.get(key) === value);
}
