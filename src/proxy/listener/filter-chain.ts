// A filter chain at run time: its TLS, its network filters, what serves its connections, and the connections that were accepted on it.
import type { Socket } from 'node:net';
import type { Tally } from '../../lib/shared-tallies.ts';
import type { FilterChainConfig, ListenerConfig } from '../config/types.ts';
import type { Downstream, Exchange, ListenerPlace } from '../http/exchange.ts';
import type { Refusal, RunningNetworkFilter } from '../network-filter/filter.ts';
import { connectionRecord } from '../tcp/connection-record.ts';
import type { ServerTls } from '../tls/server-tls.ts';
import { Admission } from './admission.ts';
import type { ConnectionLog } from './connection-log.ts';
import { createTerminal, type Served, type Terminal, type TerminalServices } from './terminal.ts';

export type ChainOwner = {
  onGone(chain: FilterChain): void;
  onBug(error: unknown): void;
  /** See `ListenerSharing`; null where no other thread serves the listener. */
  tally(name: string): Tally | null;
  /** Of all connections of the listener; null: nobody asks. */
  log(): ConnectionLog | null;
};

export class FilterChain {
  readonly config: FilterChainConfig;
  readonly listener: ListenerConfig;
  readonly place: ListenerPlace;
  readonly tls: ServerTls | null;
  readonly connections = new Set<Served>();
  readonly #services: TerminalServices;
  readonly #owner: ChainOwner;
  readonly #terminal: Terminal;
  readonly #filters: readonly RunningNetworkFilter[];

  constructor(
    config: FilterChainConfig,
    listener: ListenerConfig,
    tls: ServerTls | null,
    services: TerminalServices,
    owner: ChainOwner,
  ) {
    this.config = config;
    this.listener = listener;
    this.place = {
      name: listener.name,
      chain: config.name,
      direction: listener.direction,
      metadata: listener.metadata,
    };
    this.tls = tls;
    this.#services = services;
    this.#owner = owner;
    this.#terminal = createTerminal(config.network, listener, services);
    const { clock, random, runtime, workers, client, filterStats: stats } = services;
    const tally = (name: string) => owner.tally(`${listener.name} ${config.fingerprint || config.name} ${name}`);
    const scope = { clock, random, runtime, workers, client, stats, tally };
    this.#filters = config.networkFilters.map((filter) => filter.start(scope));
  }

  /** See `Terminal.ready`. */
  get ready(): Promise<void> | undefined {
    return this.#terminal.ready;
  }

  /** A connection counts as the chain's while its handshake goes on: a chain that was left waits for it. What is returned ends that. */
  expect(socket: Socket): () => void {
    const expected: Served = { drain: () => undefined, destroy: () => socket.destroy() };
    const end = () => {
      if (this.connections.delete(expected)) this.#owner.onGone(this);
    };
    this.connections.add(expected);
    socket.once('close', end);
    return end;
  }

  /** `socket` is paused, and secured where the chain says so. */
  serve(socket: Socket, downstream: Downstream): void {
    const log = this.#owner.log();
    if (this.#filters.length === 0 && log === null) {
      this.#start(socket, downstream, null);
      return;
    }
    const record = connectionRecord(downstream, this.#services.clock);
    log?.follow(socket, record);
    const over = (): void => {
      this.connections.delete(admission);
      this.#owner.onGone(this);
    };
    const admission = new Admission(this.#filters, socket, record, {
      onAdmitted: () => {
        this.connections.delete(admission);
        this.#start(socket, downstream, record);
      },
      onRefused: (refusal) => {
        this.#refuse(socket, record, refusal);
        over();
      },
      onLost: () => {
        this.#terminal.turnAway?.(record);
        over();
      },
      onWaiting: () => this.connections.add(admission),
      onBug: (error) => {
        this.#owner.onBug(error);
        over();
      },
    });
    admission.pass();
  }

  #start(socket: Socket, downstream: Downstream, filtered: Exchange | null): void {
    let record = filtered;
    const state = filtered?.filterState ?? null;
    let gone = false;
    const served: Served = this.#terminal.serve({
      socket,
      downstream: state === null ? downstream : { ...downstream, filterState: state },
      record: () => (record ??= connectionRecord(downstream, this.#services.clock)),
      onGone: () => {
        gone = true;
        this.connections.delete(served);
        this.#owner.onGone(this);
      },
      onBug: (error) => this.#owner.onBug(error),
    });
    if (!gone) this.connections.add(served);
  }

  /** Idle connections close now, the others with their next answer. */
  drain(): void {
    this.#terminal.drain();
    for (const connection of this.connections) connection.drain();
  }

  destroy(): void {
    for (const connection of this.connections) connection.destroy();
  }

  #refuse(socket: Socket, record: Exchange, { delay, details }: Refusal): void {
    record.terminationDetails = details;
    socket.on('error', () => socket.destroy());
    if (delay > 0) this.#closeAfter(delay, socket);
    else socket.destroy();
    this.#terminal.turnAway?.(record);
  }

  /** Until then it is the chain's still. */
  #closeAfter(delay: number, socket: Socket): void {
    const { wheel } = this.#services;
    this.expect(socket);
    const timer = wheel.set(delay, () => socket.destroy());
    socket.once('close', () => wheel.cancel(timer));
  }
}
