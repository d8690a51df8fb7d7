// What happens to an accepted connection before a filter chain serves it.
//
//   accepted ──► listener filters ──► filter chain ──► handshake, where the chain has TLS ──► served
//                      │                    └─ there is none: closed
//                      └─ meant for another listener: adopted by that one
import type { Socket } from 'node:net';
import type { Timer } from '../../lib/timer-wheel.ts';
import type { ListenerConfig } from '../config/types.ts';
import type { PeerTls } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import { connectionRecord } from '../tcp/connection-record.ts';
import type { ServerTls } from '../tls/server-tls.ts';
import type { ChainSet } from './chain-set.ts';
import type { ConnectionLog } from './connection-log.ts';
import { FilterRun } from './filter/run.ts';
import type { FilterChain } from './filter-chain.ts';
import type { Adopter, ListenerServices } from './services.ts';
import type { ListenerStats } from './stats.ts';
import { type ConnectionTraits, downstreamOf } from './traits.ts';

export type SetupOwner = Adopter & {
  readonly config: ListenerConfig;
  readonly stats: ListenerStats;
  /** null: nothing is written. */
  log(): ConnectionLog | null;
  /** An exception of `work` ends the connection, and nothing else. */
  guard(socket: Socket, work: () => void): void;
};

export class ConnectionSetup {
  readonly #services: ListenerServices;
  readonly #chains: ChainSet;
  readonly #owner: SetupOwner;
  /** Listener filters are at work on them. In a handshake they are their chain's. */
  readonly #filtered = new Set<Socket>();

  constructor(services: ListenerServices, chains: ChainSet, owner: SetupOwner) {
    this.#services = services;
    this.#chains = chains;
    this.#owner = owner;
  }

  get activeConnections(): number {
    return this.#filtered.size;
  }

  start(socket: Socket, traits: ConnectionTraits): void {
    const { listenerFilters, filtersTimeout, continueOnTimeout } = this.#owner.config;
    if (listenerFilters.length === 0) {
      this.#inspected(socket, traits);
      return;
    }
    this.#filtered.add(socket);
    const guard = (work: () => void) => this.#owner.guard(socket, work);
    const finished = (outcome: 'ready' | 'closed') =>
      guard(() => {
        done();
        if (outcome === 'closed') socket.destroy();
        else this.#inspected(socket, traits);
      });
    const run = new FilterRun(socket, listenerFilters, traits, { finished, guard, services: this.#services });
    const done = this.#wait(socket, filtersTimeout, () => {
      this.#owner.stats.downstream_pre_cx_timeout += 1;
      if (continueOnTimeout) run.skip();
      else socket.destroy();
    });
    run.start();
  }

  destroy(): void {
    for (const socket of this.#filtered) socket.destroy();
  }

  #inspected(socket: Socket, traits: ConnectionTraits): void {
    if (this.#owner.config.handsOff && traits.restored) {
      const meant = this.#services.listenerAt(traits.destination);
      if (meant !== undefined && meant !== this.#owner) {
        meant.adopt(socket, traits);
        return;
      }
    }
    if (traits.transport === '') traits.transport = 'raw_buffer';
    this.#choose(socket, traits);
  }

  #choose(socket: Socket, traits: ConnectionTraits): void {
    const chain = this.#chains.choose(traits);
    if (chain === null) {
      this.#owner.stats.no_filter_chain_match += 1;
      socket.destroy();
      this.#logUnserved(traits, null, '');
    } else if (chain.tls === null) this.#serve(socket, chain, null, traits);
    else this.#handshake(socket, chain, chain.tls, traits);
  }

  #handshake(socket: Socket, chain: FilterChain, tls: ServerTls, traits: ConnectionTraits): void {
    const { stats, config } = this.#owner;
    const release = chain.expect(socket);
    const done = this.#wait(socket, chain.config.handshakeTimeout, () => {
      stats.downstream_cx_transport_socket_connect_timeout += 1;
      socket.destroy();
    });
    tls.accept(socket, {
      onSecure: (secure, peer, resumed) =>
        this.#owner.guard(secure, () => {
          done();
          // The library does not tell servers the group of the key exchange.
          stats.ssl.count({ ...peer, curve: '', resumed });
          this.#serve(secure, chain, peer, { ...traits, serverName: peer.sni });
          release();
        }),
      onFailed: (failure, detail) => {
        done();
        release();
        if (failure !== null) stats.ssl[failure] += 1;
        this.#logUnserved(traits, chain, detail);
        const peer = socket.remoteAddress;
        this.#services.log.debug({ listener: config.name, peer, detail }, 'TLS handshake failed');
      },
    });
  }

  #serve(socket: Socket, chain: FilterChain, tls: PeerTls | null, traits: ConnectionTraits): void {
    chain.serve(socket, downstreamOf(traits, tls, this.#services.nextConnectionId(), chain.place));
  }

  /** Bounds the time that something is waited for; the result ends it. 0 is no limit. */
  #wait(socket: Socket, timeout: number, late: () => void): () => void {
    const { stats } = this.#owner;
    const { wheel } = this.#services;
    stats.downstream_pre_cx_active += 1;
    const timer: Timer | null = timeout > 0 ? wheel.set(timeout, late) : null;
    let waits = true;
    const done = () => {
      if (!waits) return;
      waits = false;
      this.#filtered.delete(socket);
      stats.downstream_pre_cx_active -= 1;
      wheel.cancel(timer);
    };
    socket.once('close', done);
    return done;
  }

  /** A connection that found no chain, or whose handshake with it failed. */
  #logUnserved(traits: ConnectionTraits, chain: FilterChain | null, failure: string): void {
    const log = this.#owner.log();
    if (log === null) return;
    const { name, metadata, direction } = this.#owner.config;
    const place = chain?.place ?? { name, chain: '', metadata, direction };
    const downstream = downstreamOf(traits, null, this.#services.nextConnectionId(), place, failure);
    const record = connectionRecord(downstream, this.#services.clock);
    if (chain === null) {
      record.flags = flag.noRouteFound;
      record.details = 'filter_chain_not_found';
    }
    log.write(record);
  }
}
