// A listener: accepts connections as far as there is room, and has them set up for its filter chains. An update replaces the chains and
// keeps the sockets.
import type { Socket } from 'node:net';
import type { Tally } from '../../lib/shared-tallies.ts';
import type { ListenerConfig } from '../config/types.ts';
import { ListenerOverload } from '../overload/listener-overload.ts';
import { ChainSet } from './chain-set.ts';
import { ConnectionLog } from './connection-log.ts';
import { ConnectionSetup, type SetupOwner } from './connection-setup.ts';
import { ExactBalance } from './exact-balance.ts';
import { ListeningSockets } from './listening-sockets.ts';
import type { ListenerServices, ProcessServices } from './services.ts';
import { ListenerStats } from './stats.ts';
import { type ConnectionTraits, traitsOf } from './traits.ts';

export class Listener implements SetupOwner {
  readonly stats = new ListenerStats();
  readonly #services: ListenerServices;
  readonly #overload: ListenerOverload;
  readonly #sockets: ListeningSockets;
  readonly #chains: ChainSet;
  readonly #setup: ConnectionSetup;
  #config: ListenerConfig;
  #log: ConnectionLog | null;
  /** Accepts nothing more. */
  #gone = false;
  /** Where other threads have connections of this listener too. */
  readonly #tally: Tally | null;
  /** null: not asked for yet, or there is one thread. */
  #balance: ExactBalance | null = null;

  constructor(config: ListenerConfig, services: ProcessServices) {
    const { sharing, log } = services;
    this.#overload = new ListenerOverload(services.overload, config.exempt);
    this.#config = config;
    this.#services = services;
    this.#log = ConnectionLog.open(config.accessLogs, services);
    this.#tally = sharing?.tally(`listener ${config.name}`) ?? null;
    this.#sockets = new ListeningSockets(sharing, {
      onConnection: (socket) => this.guard(socket, () => this.#onAccepted(socket)),
      onError: (error) => log.error({ err: error, listener: config.name }, 'listener failed'),
    });
    const minded = { ...services, overload: this.#overload, leaving: this.#leaving };
    this.#chains = new ChainSet(config, minded, {
      ssl: this.stats.ssl,
      onBug: (error) => this.#onBug(error),
      log: () => this.#log,
    });
    this.#setup = new ConnectionSetup(services, this.#chains, this);
  }

  /** Envoy's `drain_type`: the health of the process as this listener minds it. */
  get #leaving(): ListenerServices['leaving'] {
    const failing = (): boolean => this.#config.drainsUnhealthy && this.#services.health.failing;
    return {
      get failing() {
        return failing();
      },
    };
  }

  get config(): ListenerConfig {
    return this.#config;
  }

  /** It was drained, or destroyed. */
  get gone(): boolean {
    return this.#gone;
  }

  /** The port in use, which differs from the configured one when that is 0. */
  get port(): number {
    return this.ports[0] || this.#config.port;
  }

  /** In the order of its addresses; 0 where that is a Unix socket. */
  get ports(): readonly number[] {
    return this.#sockets.ports;
  }

  get activeConnections(): number {
    return this.#setup.activeConnections + this.#chains.activeConnections;
  }

  log(): ConnectionLog | null {
    return this.#log;
  }

  /** Rejects, with nothing open, when one of its addresses cannot be listened on. */
  async listen(): Promise<void> {
    await this.#chains.ready();
    if (this.#config.bound && !this.#gone) await this.#sockets.open(this.#config);
  }

  /** Takes a configuration for the same address. Chains that changed are drained, the rest keep their connections. */
  update(config: ListenerConfig): void {
    this.#config = config;
    this.#overload.exempt = config.exempt;
    this.#log = ConnectionLog.open(config.accessLogs, this.#services);
    this.#chains.update(config);
  }

  /** Stops accepting and lets every connection go after its answer, or when the drain time is over. */
  drain(): void {
    this.#gone = true;
    this.#sockets.close();
    this.#chains.drain();
  }

  destroy(): void {
    this.drain();
    this.#setup.destroy();
    this.#chains.destroy();
  }

  adopt(socket: Socket, traits: ConnectionTraits): void {
    this.guard(socket, () => this.#take(socket, traits));
  }

  /** Takes a connection that another thread accepted. */
  takeOver(descriptor: number): void {
    const socket = this.#exactBalance()?.take(descriptor);
    if (socket !== undefined) this.guard(socket, () => this.#admit(socket));
  }

  guard(socket: Socket, work: () => void): void {
    try {
      work();
    } catch (error) {
      socket.destroy();
      this.#onBug(error);
    }
  }

  #onAccepted(socket: Socket): void {
    const isElsewhere = this.#config.exactBalance && this.#exactBalance()?.handsOver(socket) === true;
    if (!isElsewhere) this.#admit(socket);
  }

  #exactBalance(): ExactBalance | null {
    const { sharing } = this.#services;
    if (sharing !== null) this.#balance ??= new ExactBalance(sharing.balance(this.#config.name));
    return this.#balance;
  }

  #admit(socket: Socket): void {
    if (!this.#hasRoom()) {
      socket.destroy();
      return;
    }
    socket.once('close', this.#overload.countConnection());
    this.#take(socket, traitsOf(socket, this.#config));
  }

  /** Whether there is room for one more: here, in the process, and in the overload manager's eyes. */
  #hasRoom(): boolean {
    const { runtime, random } = this.#services;
    const overload = this.#overload;
    const limit = runtime.number(`envoy.resource_limits.listener.${this.#config.name}.connection_limit`);
    if (overload.refusedShare > 0 && random() < overload.refusedShare) this.stats.downstream_cx_overload_reject += 1;
    else if (limit !== undefined && this.#connections() >= limit) this.stats.downstream_cx_overflow += 1;
    else if (!overload.hasRoom) this.stats.downstream_global_cx_overflow += 1;
    else return true;
    return false;
  }

  /** Also those of other threads. */
  #connections(): number {
    return this.stats.downstream_cx_active + (this.#tally?.others(0) ?? 0);
  }

  #take(socket: Socket, traits: ConnectionTraits): void {
    const { stats } = this;
    const { clock } = this.#services;
    stats.downstream_cx_total += 1;
    stats.downstream_cx_active += 1;
    this.#tally?.add(0, 1);
    const accepted = clock.now();
    socket.once('close', () => {
      stats.downstream_cx_active -= 1;
      this.#tally?.add(0, -1);
      stats.downstream_cx_destroy += 1;
      stats.downstream_cx_length_ms.record(clock.now() - accepted);
    });
    this.#setup.start(socket, traits);
  }

  #onBug(error: unknown): void {
    this.stats.uncaught_exceptions += 1;
    this.#services.log.error({ err: error, listener: this.#config.name }, 'exception while handling a connection');
  }
}
