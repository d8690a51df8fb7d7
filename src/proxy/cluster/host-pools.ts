// The pools of one endpoint: one, or one per protocol where the upstream is spoken to as the client speaks (`use_downstream_protocol_config`).
import type { Protocol } from '../http/message.ts';
import type { Connector } from './connector.ts';
import { Pool, type PoolProtocol, type PoolSettings } from './pool.ts';

export type UpstreamProtocol = PoolProtocol | 'downstream';

export class HostPools {
  readonly #http1: Pool;
  readonly #http2: Pool;

  constructor(address: string, port: number, connector: Connector, protocol: UpstreamProtocol, settings: PoolSettings) {
    const make = (spoken: PoolProtocol) => new Pool(address, port, connector, spoken, settings);
    this.#http1 = make(protocol === 'downstream' ? 'http1' : protocol);
    this.#http2 = protocol === 'downstream' ? make('http2') : this.#http1;
  }

  /** The pool for a request that came by this protocol. */
  for(protocol: Protocol): Pool {
    return protocol === 'HTTP/2' ? this.#http2 : this.#http1;
  }

  /** Whether there is a connection, or somebody waits for one. */
  get used(): boolean {
    return this.#http1.used || this.#http2.used;
  }

  retire(): void {
    this.#http1.retire();
    if (this.#http2 !== this.#http1) this.#http2.retire();
  }
}
