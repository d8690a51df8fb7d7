// A cluster at run time: its endpoints with their pools, its balancer, its limits. Updated in place, so that pools live on.
import { isIP } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { Balancer, PickContext } from '../balance/balancer.ts';
import { createBalancer } from '../balance/create.ts';
import type { ClusterConfig, EndpointConfig, TransportChoice, UpstreamTlsConfig } from '../config/types.ts';
import { type Connector, plainConnector } from './connector.ts';
import { Host } from './host.ts';
import { observe } from './outlier.ts';
import { Pool, type PoolSettings } from './pool.ts';
import { Resolver } from './resolver.ts';
import { ClusterStats } from './stats.ts';

export type ClusterServices = {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly log: Log;
  readonly random: () => number;
  /** One connector per TLS configuration; it follows the secrets it names. */
  tlsConnector(config: UpstreamTlsConfig, stats: ClusterStats): Connector;
};

export class Cluster {
  readonly stats = new ClusterStats();
  /** Retries in progress, for the circuit breaker. */
  activeRetries = 0;
  #config: ClusterConfig;
  #hosts: Host[] = [];
  #balancer: Balancer;
  #transports: Transport[];
  readonly #services: ClusterServices;
  readonly #settings: PoolSettings;
  #resolver: Resolver | null = null;

  constructor(config: ClusterConfig, services: ClusterServices) {
    this.#config = config;
    this.#services = services;
    this.#settings = { ...poolLimits(config), stats: this.stats, clock: services.clock, wheel: services.wheel };
    this.#transports = this.#makeTransports(config.tls);
    this.#balancer = createBalancer(config, [], services.random);
    this.#discover();
  }

  get config(): ClusterConfig {
    return this.#config;
  }

  get hosts(): readonly Host[] {
    return this.#hosts;
  }

  /** null: no healthy endpoint. */
  pick(context: PickContext): Host | null {
    const picked = this.#balancer.pick(context);
    if (picked instanceof Host) return picked;
    this.stats.upstream_cx_none_healthy += 1;
    return null;
  }

  /** Takes a new configuration of the same cluster. Endpoints and their connections stay where address and transport do. */
  update(config: ClusterConfig): void {
    const before = this.#config;
    this.#config = config;
    Object.assign(this.#settings, poolLimits(config));
    const sameTransport = sameJson(before.tls, config.tls);
    if (!sameTransport) {
      this.#transports = this.#makeTransports(config.tls);
      const hosts = this.#hosts;
      this.#hosts = [];
      if (config.discovery.kind === 'eds') this.setEndpoints(hosts.map(describe));
      for (const host of hosts) host.pool.retire();
    } else this.#balancer = createBalancer(config, this.#hosts, this.#services.random);
    if (!sameTransport || !sameJson(before.discovery, config.discovery)) this.#discover();
  }

  setEndpoints(endpoints: readonly EndpointConfig[]): void {
    const before = new Map(this.#hosts.map((host) => [hostKey(host), host]));
    this.#hosts = endpoints.map((endpoint) => {
      const kept = before.get(hostKey(endpoint));
      if (kept === undefined) return this.#makeHost(endpoint);
      before.delete(hostKey(endpoint));
      kept.weight = endpoint.weight;
      kept.healthy = endpoint.healthy;
      kept.metadata = endpoint.metadata;
      return kept;
    });
    for (const gone of before.values()) gone.pool.retire();
    this.stats.membership_total = this.#hosts.length;
    this.stats.membership_healthy = this.#hosts.filter((host) => host.healthy).length;
    this.stats.membership_change += 1;
    this.#balancer = createBalancer(this.#config, this.#hosts, this.#services.random);
  }

  /** Tells outlier detection how a request to the endpoint ended. */
  observe(host: Host, status: number): void {
    const config = this.#config.outlierDetection;
    if (config === null) return;
    observe(host, status, config, { hosts: this.#hosts, stats: this.stats, now: this.#services.clock.now() });
  }

  /** Closes idle connections; requests in progress end as they would. */
  close(): void {
    this.#resolver?.stop();
    this.#resolver = null;
    for (const host of this.#hosts) host.pool.retire();
    this.#hosts = [];
  }

  #discover(): void {
    this.#resolver?.stop();
    this.#resolver = null;
    const { discovery } = this.#config;
    if (discovery.kind === 'eds') return;
    if (discovery.kind === 'static' || discovery.endpoints.every((endpoint) => isIP(endpoint.address) !== 0)) {
      this.setEndpoints(discovery.endpoints);
      return;
    }
    this.#resolver = new Resolver(this.#config.name, discovery, this.#services, (endpoints) =>
      this.setEndpoints(endpoints),
    );
    this.#resolver.start();
  }

  #makeHost(endpoint: EndpointConfig): Host {
    const labels = endpoint.metadata['envoy.transport_socket_match'];
    const transport = this.#transports.find(({ when }) => isSubset(when, labels));
    const connector = transport?.connector ?? plainConnector;
    return new Host(endpoint, new Pool(endpoint.address, endpoint.port, connector, this.#settings), connector);
  }

  #makeTransports(choices: readonly TransportChoice[]): Transport[] {
    return choices.map(({ when, tls }) => ({
      when,
      connector: tls === null ? plainConnector : this.#services.tlsConnector(tls, this.stats),
    }));
  }
}

type Transport = { readonly when: Readonly<Record<string, unknown>>; readonly connector: Connector };

function poolLimits(config: ClusterConfig) {
  return {
    connectTimeout: config.connectTimeout,
    idleTimeout: config.idleTimeout,
    maxConnections: config.limits.maxConnections,
    maxPendingRequests: config.limits.maxPendingRequests,
    maxRequestsPerConnection: config.maxRequestsPerConnection,
  };
}

/** What makes an endpoint the same one: its address, and what its transport is chosen by. */
function hostKey(endpoint: EndpointConfig | Host): string {
  const labels = JSON.stringify(endpoint.metadata['envoy.transport_socket_match'] ?? null);
  return `${endpoint.address} ${endpoint.port} ${endpoint.priority} ${endpoint.locality} ${labels}`;
}

function describe(host: Host): EndpointConfig {
  const { address, port, weight, healthy, locality, priority, metadata } = host;
  return { address, port, weight, healthy, locality, priority, metadata };
}

function isSubset(wanted: Readonly<Record<string, unknown>>, labels: unknown): boolean {
  const given = typeof labels === 'object' && labels !== null ? labels : {};
  const values = new Map<string, unknown>(Object.entries(given));
  return Object.entries(wanted).every(([key, value]) => values.get(key) === value);
}

/** Functions (SAN matchers) count as different: a changed validation must never keep an old connection. */
function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const left = Object.entries(a);
  const right = new Map(Object.entries(b));
  return left.length === right.size && left.every(([key, value]) => right.has(key) && sameJson(value, right.get(key)));
}
