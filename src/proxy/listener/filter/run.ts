// The listener filters of a connection, one after the other: what they find goes into its traits.
//
//   filter ──done──► next filter ──last──► ready
//      └─needs bytes─► waits ──timeout──► ready with what is known, or closed
import type { Socket } from 'node:net';
import type { ListenerFilterConfig } from '../../config/listener-types.ts';
import type { RuntimeLookup } from '../../config/runtime-keys.ts';
import type { FilterScope } from '../../filter/filter.ts';
import type { ConnectionTraits } from '../traits.ts';
import { fingerprint } from './fingerprints.ts';
import { FirstBytes } from './first-bytes.ts';
import { countHello } from './hello-stats.ts';
import { readHttpProtocols } from './http-inspector.ts';
import { originalDestination } from './original-destination.ts';
import { readProxyHeader } from './proxy-protocol.ts';
import { countHeader } from './proxy-stats.ts';
import { keepTlvs } from './proxy-tlvs.ts';
import { isHello, readHello } from './tls-inspector.ts';

export type FilterRunOwner = {
  /** `closed`: the connection may not go on, or its peer has left. */
  finished(outcome: 'ready' | 'closed'): void;
  /** Runs what arriving bytes cause; an exception ends the connection. */
  guard(work: () => void): void;
  readonly services: InspectionServices;
};

type InspectionServices = {
  readonly clock: { now(): number };
  readonly runtime: RuntimeLookup;
  /** See `FilterScope`. */
  readonly workers: number;
  readonly filterStats: FilterScope['stats'];
};

/** `listener_local_ratelimit.<stat_prefix>.<field>` */
class RateLimitStats {
  rate_limited = 0;
}

export class FilterRun {
  readonly #socket: Socket;
  readonly #bytes: FirstBytes;
  readonly #filters: readonly ListenerFilterConfig[];
  readonly #traits: ConnectionTraits;
  readonly #owner: FilterRunOwner;
  #at = 0;
  #over = false;

  constructor(
    socket: Socket,
    filters: readonly ListenerFilterConfig[],
    traits: ConnectionTraits,
    owner: FilterRunOwner,
  ) {
    this.#socket = socket;
    this.#bytes = new FirstBytes(socket);
    this.#filters = filters;
    this.#traits = traits;
    this.#owner = owner;
  }

  start(): void {
    this.#next();
  }

  /** Time is up: goes on with what is known. */
  skip(): void {
    this.#end('ready');
  }

  #next(): void {
    const filter = this.#filters[this.#at];
    if (filter === undefined) {
      this.#end('ready');
      return;
    }
    this.#at += 1;
    if (filter.disabled?.(this.#traits.destination.port) === true) this.#next();
    else this.#run(filter);
  }

  #run(filter: ListenerFilterConfig): void {
    const traits = this.#traits;
    switch (filter.kind) {
      case 'original-dst': {
        const found = originalDestination(this.#socket);
        if (found !== null) {
          const { address, port } = traits.destination;
          traits.restored = found.address !== address || found.port !== port;
          traits.destination = found;
        }
        this.#next();
        return;
      }
      case 'tls-inspector':
        this.#readHello(filter);
        return;
      case 'local-rate-limit':
        this.#takeTurn(filter);
        return;
      case 'http-inspector':
        if (traits.transport === 'tls') this.#next();
        else {
          this.#wait((bytes) => {
            const protocols = readHttpProtocols(bytes);
            if (protocols !== null && protocols.length > 0) traits.applicationProtocols = protocols;
            return protocols !== null;
          });
        }
        return;
      case 'proxy-protocol':
        this.#readProxyHeader(filter);
    }
  }

  #takeTurn({ statPrefix, admits }: Extract<ListenerFilterConfig, { kind: 'local-rate-limit' }>): void {
    const { clock, runtime, workers, filterStats } = this.#owner.services;
    if (admits(clock.now(), runtime, workers)) {
      this.#next();
      return;
    }
    filterStats(`listener_local_ratelimit.${statPrefix}`, () => new RateLimitStats()).rate_limited += 1;
    this.#end('closed');
  }

  #readHello(filter: Extract<ListenerFilterConfig, { kind: 'tls-inspector' }>): void {
    const traits = this.#traits;
    let refused = false;
    const look = (bytes: Buffer): boolean => {
      const hello = readHello(bytes.subarray(0, filter.longestHello));
      const isTooLong = hello === null && bytes.length >= filter.longestHello;
      if (hello === null && !isTooLong) return false;
      countHello(hello, this.#owner.services.filterStats);
      refused = hello === null || (filter.closesOthers && !isHello(hello));
      if (hello?.transport !== 'tls') return true;
      Object.assign(traits, hello);
      if (filter.fingerprints !== null) traits.fingerprints = fingerprint(bytes, filter.fingerprints);
      return true;
    };
    this.#wait(look, () => (refused ? this.#end('closed') : this.#next()));
  }

  #readProxyHeader(filter: Extract<ListenerFilterConfig, { kind: 'proxy-protocol' }>): void {
    const { optional, versions } = filter;
    const traits = this.#traits;
    let refused = false;
    const look = (bytes: Buffer): boolean => {
      const read = readProxyHeader(bytes);
      if (read.kind === 'more') return false;
      refused = read.kind === 'none' ? !optional : read.kind === 'broken' || !versions.has(read.version);
      countHeader(read, !refused, filter.statPrefix, this.#owner.services.filterStats);
      if (read.kind === 'header' && !refused) {
        keepTlvs(read.tlvs, filter, traits);
        this.#bytes.consume(read.length);
        if (read.ends === null) return true;
        traits.source = read.ends.source;
        traits.restored = true;
        traits.destination = read.ends.destination;
      }
      return true;
    };
    this.#wait(look, () => (refused ? this.#end('closed') : this.#next()));
  }

  /** `look` is true when it has seen enough. */
  #wait(look: (bytes: Buffer) => boolean, then = () => this.#next()): void {
    this.#bytes.wait(
      (bytes) =>
        this.#owner.guard(() => {
          if (!look(bytes)) return;
          this.#bytes.stop();
          then();
        }),
      () => this.#end('closed'),
    );
  }

  #end(outcome: 'ready' | 'closed'): void {
    if (this.#over) return;
    this.#over = true;
    if (outcome === 'ready') this.#bytes.putBack();
    else this.#bytes.stop();
    this.#owner.finished(outcome);
  }
}
