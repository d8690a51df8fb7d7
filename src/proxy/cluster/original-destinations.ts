// Endpoints of an ORIGINAL_DST cluster: whatever clients were going to before they were redirected here, made when the first request
// for it comes and forgotten when it is no longer used.
import { isIP } from 'node:net';
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { Balancer, PickContext } from '../balance/balancer.ts';
import type { SocketAddress } from '../config/cluster-types.ts';
import type { ClusterConfig } from '../config/types.ts';
import { type Host, socketName } from './host.ts';
import type { ClusterStats } from './stats.ts';

export type OriginalDestinationConfig = Extract<ClusterConfig['discovery'], { kind: 'original-dst' }>;

export type OriginalDestinationContext = {
  readonly wheel: TimerWheel;
  readonly stats: ClusterStats;
  readonly make: (address: SocketAddress) => Host;
  readonly retire: (host: Host) => void;
  /** The endpoints there are have changed. */
  readonly onHosts: (hosts: readonly Host[]) => void;
};

type Known = { readonly host: Host; used: boolean };

export class OriginalDestinations implements Balancer {
  readonly #config: OriginalDestinationConfig;
  readonly #context: OriginalDestinationContext;
  readonly #known = new Map<string, Known>();
  #timer: Timer;

  constructor(config: OriginalDestinationConfig, context: OriginalDestinationContext) {
    this.#config = config;
    this.#context = context;
    this.#timer = this.#cleanLater();
  }

  pick(wanted: PickContext): Host | null {
    const destination = this.#destination(wanted);
    if (destination === null) return null;
    const { address, port } = destination;
    const target = { address, port: this.#config.portOverride || port };
    const name = socketName(target);
    let known = this.#known.get(name);
    if (known === undefined) {
      known = { host: this.#context.make(target), used: true };
      this.#known.set(name, known);
      this.#changed();
    }
    known.used = true;
    return known.host;
  }

  invalidate(): void {
    // Health makes no difference: there is no other endpoint.
  }

  stop(): void {
    this.#context.wheel.cancel(this.#timer);
  }

  /** The header goes first, where the configuration trusts it. */
  #destination({ headers, destination }: PickContext): SocketAddress | null {
    const { header } = this.#config;
    const said = header === '' ? undefined : headers?.get(header);
    if (said === undefined) return destination;
    const parsed = parseAddress(said);
    if (parsed === null) this.#context.stats.original_dst_host_invalid += 1;
    return parsed ?? destination;
  }

  /** Who was not chosen since the last time, and has no connection, goes. */
  #clean(): void {
    const before = this.#known.size;
    for (const [name, known] of this.#known) {
      if (!known.used && known.host.activeRequests === 0 && !known.host.pools.used) {
        this.#known.delete(name);
        this.#context.retire(known.host);
      }
      known.used = false;
    }
    if (this.#known.size !== before) this.#changed();
  }

  #changed(): void {
    this.#context.onHosts([...this.#known.values()].map(({ host }) => host));
  }

  #cleanLater(): Timer {
    return this.#context.wheel.set(this.#config.cleanup, () => {
      this.#timer = this.#cleanLater();
      this.#clean();
    });
  }
}

/** `10.0.0.1:80` or `[::1]:80`; null for anything else. */
function parseAddress(text: string): SocketAddress | null {
  const [, six, four, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const [address, port] = [six ?? four ?? '', Number(digits)];
  if (isIP(address) !== (six === undefined ? 4 : 6) || port > 65_535) return null;
  return { address, port };
}
