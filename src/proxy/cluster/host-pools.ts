// The pools of one endpoint: for each priority one, or one per protocol where the upstream is spoken to as the client speaks
// (`use_downstream_protocol_config`); and these for each purpose where connections are not for anybody.
import type { RoutingPriority } from '../config/cluster-types.ts';
import type { Exchange, SocketName } from '../http/exchange.ts';
import type { Protocol } from '../http/message.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { ANYBODY, type Connector, type Purpose } from './connector.ts';
import type { HostStats } from './host-stats.ts';
import { Pool, type PoolProtocol } from './pool.ts';
import type { PoolSettings } from './pool-settings.ts';

export type UpstreamProtocol = PoolProtocol | 'downstream';

export type HostPools = {
  /** The pool for a request that came by this protocol. `behalf`: null for a request of the proxy's own. */
  for(protocol: Protocol, priority: RoutingPriority, behalf: Exchange | null): Pool;
  /** Whether there is a connection, or somebody waits for one. */
  readonly used: boolean;
  retire(): void;
};

/** What the pools of a cluster share. */
export type PoolContext = {
  readonly settings: PoolSettings;
  readonly breakers: Readonly<Record<RoutingPriority, CircuitBreaker>>;
};

export function createHostPools(
  { address, port, stats }: SocketName & { readonly stats: HostStats },
  connector: Connector,
  protocol: UpstreamProtocol,
  { settings, breakers }: PoolContext,
): HostPools {
  const { purposeOf } = connector;
  const make = (purpose: Purpose | null, onUnused: () => void) => {
    const target = { address, port, connector, stats, purpose, onUnused };
    return new PriorityPools(
      (priority) => new ProtocolPools((spoken) => new Pool(target, spoken, settings, breakers[priority]), protocol),
    );
  };
  return purposeOf === undefined ? make(null, nothing) : new PurposePools(purposeOf, make);
}

/** Those of priority `high` come with the first such request. */
class PriorityPools implements HostPools {
  readonly #make: (priority: RoutingPriority) => ProtocolPools;
  readonly #default: ProtocolPools;
  #high: ProtocolPools | null = null;

  constructor(make: (priority: RoutingPriority) => ProtocolPools) {
    this.#make = make;
    this.#default = make('default');
  }

  for(protocol: Protocol, priority: RoutingPriority): Pool {
    if (priority === 'default') return this.#default.for(protocol);
    this.#high ??= this.#make('high');
    return this.#high.for(protocol);
  }

  get used(): boolean {
    return this.#default.used || this.#high?.used === true;
  }

  retire(): void {
    this.#default.retire();
    this.#high?.retire();
  }
}

class ProtocolPools {
  readonly #http1: Pool;
  readonly #http2: Pool;

  constructor(make: (spoken: PoolProtocol) => Pool, protocol: UpstreamProtocol) {
    this.#http1 = make(protocol === 'downstream' ? 'http1' : protocol);
    this.#http2 = protocol === 'downstream' ? make('http2') : this.#http1;
  }

  for(protocol: Protocol): Pool {
    return protocol === 'HTTP/2' ? this.#http2 : this.#http1;
  }

  get used(): boolean {
    return this.#http1.used || this.#http2.used;
  }

  retire(): void {
    this.#http1.retire();
    if (this.#http2 !== this.#http1) this.#http2.retire();
  }
}

/** Pools come with the first request of their purpose and go with their last connection; those for anybody stay. */
class PurposePools implements HostPools {
  readonly #purposeOf: (exchange: Exchange) => Purpose;
  readonly #make: (purpose: Purpose | null, onUnused: () => void) => HostPools;
  readonly #anybody: HostPools;
  readonly #pools = new Map<string, HostPools>();

  constructor(
    purposeOf: (exchange: Exchange) => Purpose,
    make: (purpose: Purpose | null, onUnused: () => void) => HostPools,
  ) {
    this.#purposeOf = purposeOf;
    this.#make = make;
    this.#anybody = make(null, nothing);
  }

  for(protocol: Protocol, priority: RoutingPriority, behalf: Exchange | null): Pool {
    const purpose = behalf === null ? ANYBODY : this.#purposeOf(behalf);
    if (purpose === ANYBODY) return this.#anybody.for(protocol, priority, behalf);
    const { key } = purpose;
    let pools = this.#pools.get(key);
    if (pools === undefined) {
      const made: HostPools = this.#make(purpose, () => {
        if (!made.used && this.#pools.get(key) === made) this.#pools.delete(key);
      });
      pools = made;
      this.#pools.set(key, pools);
    }
    return pools.for(protocol, priority, behalf);
  }

  get used(): boolean {
    return this.#pools.size > 0 || this.#anybody.used;
  }

  retire(): void {
    this.#anybody.retire();
    for (const pools of this.#pools.values()) pools.retire();
  }
}

function nothing(): void {
  // The pools for anybody stay as long as their endpoint.
}
