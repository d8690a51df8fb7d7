// The pools of one endpoint: one, or one per protocol where the upstream is spoken to as the client speaks (`use_downstream_protocol_config`),
// and these for each purpose where connections are not for anybody.
import type { Exchange } from '../http/exchange.ts';
import type { Protocol } from '../http/message.ts';
import type { Connector, Purpose } from './connector.ts';
import { Pool, type PoolProtocol, type PoolSettings } from './pool.ts';

export type UpstreamProtocol = PoolProtocol | 'downstream';

export type HostPools = {
  /** The pool for a request that came by this protocol. `behalf`: null for a request of the proxy's own. */
  for(protocol: Protocol, behalf: Exchange | null): Pool;
  /** Whether there is a connection, or somebody waits for one. */
  readonly used: boolean;
  retire(): void;
};

export function createHostPools(
  place: { readonly address: string; readonly port: number },
  connector: Connector,
  protocol: UpstreamProtocol,
  settings: PoolSettings,
): HostPools {
  const { purposeOf } = connector;
  const make = (purpose: Purpose | null, onUnused: () => void) =>
    new ProtocolPools(
      (spoken) => new Pool(place.address, place.port, connector, spoken, settings, { purpose, onUnused }),
      protocol,
    );
  return purposeOf === undefined ? make(null, nothing) : new PurposePools(purposeOf, make);
}

class ProtocolPools implements HostPools {
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

/** Pools come with the first request of their purpose and go with their last connection. */
class PurposePools implements HostPools {
  readonly #purposeOf: (exchange: Exchange) => Purpose;
  readonly #make: (purpose: Purpose | null, onUnused: () => void) => HostPools;
  readonly #pools = new Map<string, HostPools>();

  constructor(
    purposeOf: (exchange: Exchange) => Purpose,
    make: (purpose: Purpose | null, onUnused: () => void) => HostPools,
  ) {
    this.#purposeOf = purposeOf;
    this.#make = make;
  }

  for(protocol: Protocol, behalf: Exchange | null): Pool {
    const purpose = behalf === null ? null : this.#purposeOf(behalf);
    const key = purpose?.key ?? '';
    let pools = this.#pools.get(key);
    if (pools === undefined) {
      const made: HostPools = this.#make(purpose, () => {
        if (!made.used && this.#pools.get(key) === made) this.#pools.delete(key);
      });
      pools = made;
      this.#pools.set(key, pools);
    }
    return pools.for(protocol, behalf);
  }

  get used(): boolean {
    return this.#pools.size > 0;
  }

  retire(): void {
    for (const pools of this.#pools.values()) pools.retire();
  }
}

function nothing(): void {
  // The only pools of an endpoint stay as long as it does.
}
