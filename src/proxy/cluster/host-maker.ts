// Makes the endpoints of a cluster: each with the transport that is meant for it, and pools within the cluster's limits.
import { PeakEwma } from '../balance/peak-ewma.ts';
import { ReportedLoad } from '../balance/reported-load.ts';
import type { EndpointConfig } from '../config/cluster-types.ts';
import type { HealthCheckConfig } from '../config/health-check-types.ts';
import type { ClusterConfig } from '../config/types.ts';
import type { SocketName } from '../http/exchange.ts';
import type { Cluster } from './cluster.ts';
import type { ClusterServices } from './cluster-services.ts';
import type { Connector } from './connector.ts';
import { Host } from './host.ts';
import { createHostPools, type HostPools, type PoolContext } from './host-pools.ts';
import { HostStats } from './host-stats.ts';
import { poolLimits } from './pool-limits.ts';
import { type ChosenTransport, TRANSPORT_LABELS, Transports } from './transports.ts';

export class HostMaker {
  readonly #cluster: Cluster;
  readonly #services: ClusterServices;
  readonly #pools: PoolContext;
  #config: ClusterConfig;
  #transports: Transports;

  constructor(cluster: Cluster, services: ClusterServices, pools: PoolContext) {
    const { config } = cluster;
    this.#cluster = cluster;
    this.#config = config;
    this.#services = services;
    this.#pools = pools;
    this.#transports = new Transports(config, pools.settings.stats, services);
  }

  /** `transports`: whether they are made anew, for endpoints made from now on. */
  update(config: ClusterConfig, { transports }: { readonly transports: boolean }): void {
    this.#config = config;
    const { settings, breakers } = this.#pools;
    Object.assign(settings, poolLimits(config));
    for (const priority of ['default', 'high'] as const) breakers[priority].limits = config.limits[priority];
    if (transports) this.#transports = new Transports(config, settings.stats, this.#services);
  }

  make(endpoint: EndpointConfig): Host {
    const { connector, secure } = this.#transports.for(endpoint);
    const stats = new HostStats();
    const pools = this.#makePools(endpoint, connector, stats);
    const now = this.#services.clock.now();
    const host = new Host(endpoint, { cluster: this.#cluster, pools, stats, connector, secure, now });
    this.measure(host);
    return host;
  }

  /** As a health check says: by labels in place of the endpoint's, with protocols of its own. */
  transportFor({ moreAddresses, hostname, metadata }: Host, { labels, alpn }: HealthCheckConfig): ChosenTransport {
    const own = labels === null ? metadata : { [TRANSPORT_LABELS]: labels };
    return this.#transports.for({ moreAddresses, hostname, metadata: own }, alpn);
  }

  /** Latency is measured, and load heard, where the policy goes by it. */
  measure(host: Host): void {
    const { balancing } = this.#config;
    host.load = balancing.kind === 'reported-load' ? new ReportedLoad(balancing) : null;
    host.latency = balancing.kind === 'peak-ewma' ? new PeakEwma(balancing, this.#services.clock.now()) : null;
  }

  /** Connections end with their requests; later requests get new ones. */
  renewPools(host: Host): void {
    host.pools.retire();
    host.pools = this.#makePools(host, host.connector, host.stats);
  }

  #makePools(place: SocketName, connector: Connector, stats: HostStats): HostPools {
    return createHostPools({ ...place, stats }, connector, this.#config.http.protocol, this.#pools);
  }
}
