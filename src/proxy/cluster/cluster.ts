// A cluster at run time: its endpoints with their pools, its balancer, its limits. Updated in place, so that pools live on.
import type { Balancer, BalancerContext, LocalCluster, PickContext } from '../balance/balancer.ts';
import { createBalancer } from '../balance/create.ts';
import { unfit } from '../balance/health.ts';
import type { Factors } from '../balance/level.ts';
import type { Assignment, EndpointConfig, Limits, RoutingPriority } from '../config/cluster-types.ts';
import type { ClusterConfig } from '../config/types.ts';
import { Http2Stats } from '../http2/stats.ts';
import { AssignmentAge } from './assignment-age.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { choosesByHash, createClusterBalancer, retireBalancer, stopBalancer } from './cluster-balancer.ts';
import { ClusterDiscovery } from './cluster-discovery.ts';
import { ClusterHealth } from './cluster-health.ts';
import type { ClusterServices } from './cluster-services.ts';
import { NO_ENDPOINTS } from './defaults.ts';
import { DynamicHosts } from './dynamic-hosts.ts';
import { Host } from './host.ts';
import { HostMaker } from './host-maker.ts';
import { reconcile } from './host-set.ts';
import { Initialization } from './initialization.ts';
import type { LoadStreamStats } from './load-stream.ts';
import { countMembers, fitPercent } from './membership.ts';
import { poolLimits } from './pool-limits.ts';
import { ReportedWeights } from './reported-weights.ts';
import { RequestSizes } from './request-sizes.ts';
import { sameConnections } from './same-connections.ts';
import { sameJson } from './same-json.ts';
import { SharedBreaker } from './shared-breaker.ts';
import { ClusterStats } from './stats.ts';
import { TimeoutBudgets } from './timeout-budgets.ts';

export class Cluster {
  readonly stats = new ClusterStats();
  readonly http2Stats = new Http2Stats();
  /** A new cluster is not used before it is over. */
  readonly initialization = new Initialization();
  readonly breakers: Readonly<Record<RoutingPriority, CircuitBreaker>>;
  /** Changes with the endpoints and with their health. */
  version = 0;
  #config: ClusterConfig;
  #assignment: Assignment = NO_ENDPOINTS;
  #hosts: readonly Host[] = [];
  #byName: ReadonlyMap<string, Host> | null = null;
  #balancer: Balancer;
  readonly #services: ClusterServices;
  readonly #maker: HostMaker;
  readonly #health: ClusterHealth;
  readonly #balancing: BalancerContext;
  readonly #age: AssignmentAge;
  readonly #discovery: ClusterDiscovery;
  readonly #weights: ReportedWeights;
  #sizes: RequestSizes | null = null;
  #budgets: TimeoutBudgets | null = null;

  constructor(config: ClusterConfig, services: ClusterServices) {
    this.#config = config;
    this.#services = services;
    const { stats, http2Stats } = this;
    const { clock, wheel, random } = services;
    const settings = { ...poolLimits(config), stats, http2Stats, clock, wheel, random };
    const { limits } = config;
    this.breakers = {
      default: this.#makeBreaker('default', limits.default),
      high: this.#makeBreaker('high', limits.high),
    };
    this.#maker = new HostMaker(this, services, { settings, breakers: this.breakers });
    this.#health = new ClusterHealth(config, {
      ...services,
      stats,
      hosts: () => this.#hosts,
      onChange: () => this.#healthChanged(),
      onChecked: (host, healthy) => this.#checked(host, healthy),
      onResult: () => this.initialization.checked(),
      transportFor: (host, check) => this.#maker.transportFor(host, check),
    });
    this.#balancing = {
      random: services.random,
      now: () => services.clock.now(),
      stats: this.stats,
      active: () => this.stats.upstream_rq_active,
      local: services.local,
    };
    this.#age = new AssignmentAge(services.wheel, () => {
      this.stats.assignment_stale += 1;
      this.setEndpoints(NO_ENDPOINTS);
    });
    this.#discovery = new ClusterDiscovery({
      ...{ cluster: config.name, services, stats, initialization: this.initialization },
      apply: (assignment) => this.setEndpoints(assignment),
      applyNone: () => this.#rebalance(),
    });
    this.#weights = new ReportedWeights(services, () => this.#hosts);
    this.#weights.follow(config);
    this.#balancer = createBalancer(config, NO_ENDPOINTS, [], this.#balancing);
    this.#discovery.start(config.discovery);
  }

  /** Its limits are those of the whole proxy. */
  #makeBreaker(priority: RoutingPriority, limits: Limits): CircuitBreaker {
    const tally = this.#services.tally(`${priority} ${this.#config.name}`);
    return tally === null ? new CircuitBreaker(limits, this.stats) : new SharedBreaker(limits, this.stats, tally);
  }

  get config(): ClusterConfig {
    return this.#config;
  }

  /** null where nobody asks for them. */
  get sizes(): RequestSizes | null {
    if (!this.#config.tracksSizes) return null;
    this.#sizes ??= new RequestSizes();
    return this.#sizes;
  }

  /** Of streams on which endpoints say their load; null where they are not asked. */
  get loadStreams(): LoadStreamStats | null {
    return this.#weights.stats;
  }

  /** null where nobody asks for them. */
  get budgets(): TimeoutBudgets | null {
    if (!this.#config.tracksBudgets) return null;
    this.#budgets ??= new TimeoutBudgets();
    return this.#budgets;
  }

  get hosts(): readonly Host[] {
    return this.#hosts;
  }

  /** Monotonic milliseconds. */
  now(): number {
    return this.#services.clock.now();
  }

  /** Runs `work` after so many milliseconds, unless the result is called first. */
  after(delay: number, work: () => void): () => void {
    const { wheel } = this.#services;
    const timer = wheel.set(delay, work);
    return () => wheel.cancel(timer);
  }

  /** Whether the endpoint of a request depends on its hash. */
  get hashes(): boolean {
    return choosesByHash(this.#config, this.#services);
  }

  /** Names it can be asked to resolve; null where its endpoints are known otherwise. */
  get dynamicHosts(): DynamicHosts | null {
    return this.#balancer instanceof DynamicHosts ? this.#balancer : null;
  }

  /** What of its endpoints counts for the load of priorities. */
  get factors(): Factors {
    return this.#assignment;
  }

  /** null: no healthy endpoint. It may be another cluster's, where this one is made of others. */
  pick(context: PickContext): Host | null {
    const host = context.override === null ? this.choose(context) : this.#overridden(context, context.override);
    // A name may only have to be asked for.
    if (host === null) this.stats.upstream_cx_none_healthy += this.dynamicHosts === null ? 1 : 0;
    else if (host.accrual?.onPicked() === false) return this.pick(context);
    return host;
  }

  /** As the balancer chooses, wherever a session belongs. */
  choose(context: PickContext): Host | null {
    const picked = this.#balancer.pick(context);
    return picked instanceof Host ? picked : null;
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
    const sameHosts = sameConnections(before, config);
    this.#maker.update(config, { transports: !sameHosts });
    if (!sameJson(before.balancing, config.balancing)) {
      for (const host of this.#hosts) this.#maker.measure(host);
      this.#weights.follow(config);
    }
    this.#health.update(config);
    if (!sameHosts) this.#remake();
    else this.#rebalance();
    if (config.discovery.kind !== 'eds' && (!sameHosts || !sameJson(before.discovery, config.discovery))) {
      this.#discovery.start(config.discovery);
    }
  }

  setEndpoints(assignment: Assignment): void {
    this.#age.confirmed(assignment.staleAfter);
    if (assignment === this.#assignment) return;
    this.#assignment = assignment;
    const { hosts, added, removed } = reconcile(
      this.#hosts,
      assignment.endpoints,
      this.#config.discovery.kind !== 'eds',
      (endpoint) => this.#makeHost(endpoint),
    );
    const lingering = removed.filter((host) => this.#mayLinger(host));
    for (const host of removed) {
      if (lingering.includes(host)) host.mark(unfit.pendingRemoval);
      else this.#retire(host);
    }
    for (const host of hosts) host.unmark(unfit.pendingRemoval);
    this.#hosts = lingering.length === 0 ? hosts : [...hosts, ...lingering];
    this.#byName = null;
    const changed = added.length + removed.length > lingering.length;
    if (changed) this.stats.membership_change += 1;
    if (changed && this.#config.closeOnSetChange) for (const host of this.#hosts) this.#maker.renewPools(host);
    this.#rebalance();
    this.initialization.discovered(this.#health.countChecked(this.#hosts));
  }

  /** Tells how a request to the endpoint was answered. */
  observe(host: Host, status: number): void {
    this.#health.observe(host, status);
  }

  /** The request ended before a response; `status` is what the client gets. */
  observeFailure(host: Host, status: number): void {
    this.#health.observeFailure(host, status);
  }

  /** A connection took a request. `final`: it is all there will be to see of it, as without HTTP. */
  observeConnected(host: Host, final = false): void {
    this.#health.observeConnected(host, final);
  }

  /** Whether endpoints are checked actively. */
  get checked(): boolean {
    return this.#health.checked;
  }

  /** An answer said that its endpoint must not be used any more; heeded where endpoints are checked. */
  failHealth(host: Host): void {
    this.#health.failNow(host);
  }

  /** What requests go by, seen from another cluster that routes by zone. */
  asLocal(zone: string): LocalCluster {
    const panic = fitPercent(this.#hosts) < this.#config.panicThreshold;
    return { zone, version: this.version, endpoints: this.#hosts, panic };
  }

  /** Closes idle connections; requests in progress end as they would. */
  close(): void {
    this.initialization.end();
    this.#discovery.stop();
    stopBalancer(this.#balancer);
    this.#health.stop();
    this.#age.stop();
    this.#weights.stop();
    for (const host of this.#hosts) this.#retire(host);
    this.#hosts = [];
  }

  /** What is found well by a check is still there, whatever discovery says (Envoy, "eventually consistent service discovery"). */
  #mayLinger(host: Host): boolean {
    return (
      this.#health.checked &&
      !this.#config.ignoreHealthOnRemoval &&
      !host.check.disabled &&
      !host.is(unfit.failedActiveCheck)
    );
  }

  #overridden(context: PickContext, { name, strict }: NonNullable<PickContext['override']>): Host | null {
    this.#byName ??= new Map(this.#hosts.map((host) => [host.name, host]));
    const host = this.#byName.get(name);
    if (host !== undefined && this.#config.overrideHealths.includes(host.status)) return host;
    return strict ? null : this.choose(context);
  }

  /** Connections of the old transport end; the endpoints are made anew. */
  #remake(): void {
    for (const host of this.#hosts) this.#retire(host);
    this.#hosts = [];
    if (this.#config.discovery.kind === 'eds') this.setEndpoints({ ...this.#assignment });
  }

  #rebalance(): void {
    retireBalancer(this.#balancer);
    this.#balancer = this.#makeBalancer();
    this.#countMembers();
  }

  #makeBalancer(): Balancer {
    return createClusterBalancer(this.#config, this.#services, {
      stats: this.stats,
      make: (endpoint) => this.#makeHost(endpoint),
      retire: (host) => this.#retire(host),
      forget: () => {
        for (const host of this.#hosts) this.#retire(host);
        this.#hosts = [];
      },
      onHosts: (hosts) => {
        this.#hosts = hosts;
        this.#byName = null;
        this.stats.membership_change += 1;
        this.#countMembers();
      },
      byPolicy: () => createBalancer(this.#config, this.#assignment, this.#hosts, this.#balancing),
    });
  }

  #healthChanged(): void {
    this.#balancer.invalidate();
    this.#countMembers();
  }

  #countMembers(): void {
    this.version += 1;
    countMembers(this.#hosts, this.stats);
  }

  #checked(host: Host, healthy: boolean): void {
    if (healthy) host.healthySince = this.now();
    else if (host.is(unfit.pendingRemoval)) {
      this.#hosts = this.#hosts.filter((other) => other !== host);
      this.#retire(host);
      this.#rebalance();
      return;
    } else if (this.#config.closeOnHealthFailure) this.#maker.renewPools(host);
    this.#healthChanged();
  }

  #makeHost(endpoint: EndpointConfig): Host {
    const host = this.#maker.make(endpoint);
    this.#health.add(host);
    this.#weights.add(host);
    return host;
  }

  #retire(host: Host): void {
    this.#health.remove(host);
    this.#weights.remove(host);
    host.pools.retire();
  }
}
