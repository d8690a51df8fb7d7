// An endpoint with its pool: what a balancer chooses and a request is sent to. Its identity outlives updates of weight, health and place.
import type { Endpoint } from '../balance/balancer.ts';
import { unfit } from '../balance/health.ts';
import type { PeakEwma } from '../balance/peak-ewma.ts';
import type { ReportedLoad } from '../balance/reported-load.ts';
import type { EndpointCheckConfig, EndpointConfig, EndpointHealth } from '../config/cluster-types.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { Cluster } from './cluster.ts';
import type { Connector } from './connector.ts';
import type { Accrual } from './failure-accrual.ts';
import type { HostPools } from './host-pools.ts';
import type { HostStats } from './host-stats.ts';
import { type OutlierMonitor, unwatched } from './outlier-monitor.ts';

/** What EDS says, as bits. */
const FROM_EDS: Readonly<Record<EndpointHealth, number>> = {
  unknown: 0,
  healthy: 0,
  unhealthy: unfit.failedEds,
  timeout: unfit.failedEds,
  draining: unfit.edsDraining,
  degraded: unfit.degradedEds,
};
const ALL_FROM_EDS = unfit.failedEds | unfit.edsDraining | unfit.degradedEds;

export type HostParts = {
  /** Its own, also where an aggregate chose it. */
  readonly cluster: Cluster;
  readonly pools: HostPools;
  /** Also counted in by its pools. */
  readonly stats: HostStats;
  /** For connections that no pool keeps. */
  readonly connector: Connector;
  /** Its transport is TLS. */
  readonly secure: boolean;
  /** Monotonic milliseconds. */
  readonly now: number;
};

export class Host implements Endpoint {
  readonly address: string;
  readonly port: number;
  readonly moreAddresses: EndpointConfig['moreAddresses'];
  readonly name: string;
  hostname: string;
  observabilityName: string;
  weight: number;
  health = 0;
  healthySince: number;
  activeRequests = 0;
  locality: string;
  priority: number;
  metadata: Readonly<Record<string, unknown>>;
  check: EndpointCheckConfig;
  latency: PeakEwma | null = null;
  /** What it says of its load, where the policy goes by it. */
  load: ReportedLoad | null = null;
  readonly cluster: Cluster;
  readonly secure: boolean;
  pools: HostPools;
  readonly connector: Connector;
  outlier: OutlierMonitor = unwatched;
  readonly stats: HostStats;
  accrual: Accrual | null = null;
  #edsHealth: EndpointHealth;

  constructor(config: EndpointConfig, { cluster, pools, stats, connector, secure, now }: HostParts) {
    this.address = config.address;
    this.port = config.port;
    this.moreAddresses = config.moreAddresses;
    this.name = socketName(config);
    this.hostname = config.hostname;
    this.observabilityName = config.observabilityName;
    this.weight = config.weight;
    this.healthySince = now;
    this.locality = config.locality;
    this.priority = config.priority;
    this.metadata = config.metadata;
    this.check = config.check;
    this.cluster = cluster;
    this.pools = pools;
    this.stats = stats;
    this.connector = connector;
    this.secure = secure;
    this.#edsHealth = config.health;
    this.health = FROM_EDS[config.health];
  }

  get edsHealth(): EndpointHealth {
    return this.#edsHealth;
  }

  /** In the control plane's words, but what the proxy found out goes first. */
  get status(): EndpointHealth {
    if (this.is(unfit.failedActiveCheck | unfit.failedOutlierCheck)) return 'unhealthy';
    const isFine = this.#edsHealth === 'unknown' || this.#edsHealth === 'healthy';
    return isFine && this.is(unfit.degradedActiveCheck) ? 'degraded' : this.#edsHealth;
  }

  /** Whether any of the bits is set. */
  is(bits: number): boolean {
    return (this.health & bits) !== 0;
  }

  mark(bits: number): void {
    this.health |= bits;
  }

  unmark(bits: number): void {
    this.health &= ~bits;
  }

  /** One that no pool keeps. */
  beginConnection(breaker: CircuitBreaker): void {
    breaker.beginConnection();
    this.stats.cx_active += 1;
    this.stats.cx_total += 1;
  }

  endConnection(breaker: CircuitBreaker): void {
    breaker.endConnection();
    this.stats.cx_active -= 1;
  }

  /** The control plane describes it anew. */
  describe(config: EndpointConfig): void {
    this.hostname = config.hostname;
    this.observabilityName = config.observabilityName;
    this.weight = config.weight;
    this.locality = config.locality;
    this.priority = config.priority;
    this.metadata = config.metadata;
    this.check = config.check;
    this.#edsHealth = config.health;
    this.health = (this.health & ~ALL_FROM_EDS) | FROM_EDS[config.health];
  }
}

export function socketName({ address, port }: { readonly address: string; readonly port: number }): string {
  if (address.startsWith('/')) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
