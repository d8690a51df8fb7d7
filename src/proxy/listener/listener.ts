// A listening socket and what happens to its connections: look for TLS → choose a filter chain → handshake → HTTP.
// An update replaces the chains and keeps the socket.
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import type { Tally } from '../../lib/shared-tallies.ts';
import type { Timer } from '../../lib/timer-wheel.ts';
import type { FilterChainConfig, ListenerConfig } from '../config/types.ts';
import type { PeerTls } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import { duplicate, setSocketOptions } from '../system/sockets.ts';
import { connectionRecord } from '../tcp/connection-record.ts';
import type { ServerTls, SharedTicketKeys } from '../tls/server-tls.ts';
import { bindPlace, optionsFor, placesOf } from './bind.ts';
import { type ChainChoice, chooseByMatcher, matchChain } from './chain-match.ts';
import { ConnectionLog } from './connection-log.ts';
import { ExactBalance } from './exact-balance.ts';
import { FilterRun } from './filter/run.ts';
import { FilterChain } from './filter-chain.ts';
import { listenError } from './listen-error.ts';
import type { ListenerSharing } from './sharing.ts';
import { ListenerStats } from './stats.ts';
import type { TerminalServices } from './terminal.ts';
import { type ConnectionTraits, downstreamOf, type Place, traitsOf } from './traits.ts';

export type ListenerServices = TerminalServices & {
  serverTls(config: NonNullable<FilterChainConfig['tls']>, sharedKeys: SharedTicketKeys | null): ServerTls;
  nextConnectionId(): number;
  /** Milliseconds that connections of what was removed may go on. */
  readonly drainTime: number;
  /** null: this thread has the listeners for itself. */
  readonly sharing: ListenerSharing | null;
  /** The listener that is meant by an address. */
  listenerAt(place: Place): Listener | undefined;
};

/** Milliseconds a client has to finish a handshake. */
const HANDSHAKE_TIMEOUT = 15_000;

export class Listener {
  readonly stats = new ListenerStats();
  readonly #services: ListenerServices;
  readonly #settingUp = new Set<Socket>();
  readonly #leaving = new Set<FilterChain>();
  /** Accepts nothing more. */
  #gone = false;
  #config: ListenerConfig;
  #chains: readonly FilterChain[] = [];
  #fallback: FilterChain | null = null;
  #choice: ChainChoice<FilterChain> = () => null;
  #log: ConnectionLog | null;
  /** In the order of its addresses. */
  readonly #servers: Server[] = [];
  /** Where other threads have connections of this listener too. */
  readonly #tally: Tally | null;
  /** null: not asked for yet, or there is one thread. */
  #balance: ExactBalance | null = null;

  constructor(config: ListenerConfig, services: ListenerServices) {
    this.#config = config;
    this.#services = services;
    this.#log = ConnectionLog.open(config.accessLogs, services);
    this.#tally = services.sharing?.tally(`listener ${config.name}`) ?? null;
    this.#setChains(config, []);
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
    const address = this.#servers[0]?.address();
    return typeof address === 'object' && address !== null ? address.port : this.#config.port;
  }

  /** In the order of its addresses; 0 where that is a Unix socket. */
  get ports(): readonly number[] {
    return this.#servers.map((server) => {
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    });
  }

  get activeConnections(): number {
    let count = this.#settingUp.size;
    for (const chain of [...this.#allChains(), ...this.#leaving]) count += chain.connections.size;
    return count;
  }

  /** Rejects, with nothing open, when one of its addresses cannot be listened on. */
  async listen(): Promise<void> {
    await Promise.all(this.#allChains().map((chain) => chain.ready));
    if (!this.#config.bound || this.#gone) return;
    try {
      for (const [at, place] of placesOf(this.#config).entries()) await this.#open(place, at);
    } catch (error) {
      this.#stopAccepting();
      throw error;
    }
  }

  async #open(place: Place, at: number): Promise<void> {
    const { sharing } = this.#services;
    const { name } = this.#config;
    const shared = sharing?.socketsOf(name)[at] ?? null;
    const port = place.port || (sharing?.portsOf(name)[at] ?? 0);
    const target = () =>
      shared === null ? this.#targetOf({ ...place, port }, sharing !== null) : { fd: duplicate(shared) };
    this.#servers.push(await this.#bind({ ...place, port }, target));
  }

  #bind(place: Place, target: () => ListenOptions | { readonly fd: number }): Promise<Server> {
    const { name, backlog } = this.#config;
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(name, place, error)));
      server.listen({ ...target(), backlog }, () => {
        setSocketOptions(server, optionsFor(this.#config, place, 'listening'));
        server.removeAllListeners('error');
        server.on('error', (error) => this.#services.log.error({ err: error, listener: name }, 'listener failed'));
        resolve(server);
      });
      server.on('connection', (socket) => this.#boundary(socket, () => this.#onAccepted(socket)));
    });
  }

  /** A socket with options of its own is bound here. @throws where that is refused. */
  #targetOf(place: Place, reusePort: boolean): ListenOptions | { readonly fd: number } {
    const { address, port } = place;
    if (address.startsWith('/')) return { path: address };
    const isPlain = optionsFor(this.#config, place, 'before-bind', 'bound').length === 0;
    if (isPlain) return { host: address, port, ipv6Only: !this.#config.dualStack, reusePort };
    return { fd: bindPlace(this.#config, place, reusePort) };
  }

  #stopAccepting(): void {
    for (const server of this.#servers.splice(0)) server.close();
  }

  /** Takes a configuration for the same address. Chains that changed are drained, the rest keep their connections. */
  update(config: ListenerConfig): void {
    const before = this.#allChains();
    this.#config = config;
    this.#log = ConnectionLog.open(config.accessLogs, this.#services);
    this.#setChains(config, before);
    const kept = new Set(this.#allChains());
    for (const chain of before) if (!kept.has(chain)) this.#leave(chain);
  }

  /** Stops accepting and lets every connection go after its answer, or when the drain time is over. */
  drain(): void {
    this.#gone = true;
    this.#stopAccepting();
    for (const chain of this.#allChains()) this.#leave(chain);
  }

  destroy(): void {
    this.drain();
    for (const socket of this.#settingUp) socket.destroy();
    for (const chain of [...this.#allChains(), ...this.#leaving]) chain.destroy();
  }

  #allChains(): FilterChain[] {
    return this.#fallback === null ? [...this.#chains] : [...this.#chains, this.#fallback];
  }

  #setChains(config: ListenerConfig, before: readonly FilterChain[]): void {
    const make = (chain: FilterChainConfig): FilterChain =>
      before.find((old) => serves(old, chain, config)) ?? this.#makeChain(chain, config);
    this.#chains = config.chains.map(make);
    this.#fallback = config.defaultChain === null ? null : make(config.defaultChain);
    this.#choice = choiceOf(config, this.#chains, this.#fallback);
  }

  #makeChain(chain: FilterChainConfig, config: ListenerConfig): FilterChain {
    const { sharing } = this.#services;
    // A session is of this chain: another may ask more of its clients.
    const keys: SharedTicketKeys | null =
      sharing && ((of) => sharing.ticketKeys(`${config.name}\n${chain.fingerprint}\n${of}`));
    const tls = chain.tls === null ? null : this.#services.serverTls(chain.tls, keys);
    return new FilterChain(chain, config, tls, this.#services, {
      onGone: (left) => {
        if (left.connections.size === 0) this.#leaving.delete(left);
      },
      onBug: (error) => this.#bug(error),
      tally: (name) => sharing?.tally(name) ?? null,
      log: () => this.#log,
    });
  }

  #leave(chain: FilterChain): void {
    chain.drain();
    if (chain.connections.size === 0) return;
    this.#leaving.add(chain);
    this.#services.wheel.set(this.#services.drainTime, () => chain.destroy());
  }

  /** Takes a connection that came to another listener and was meant for this one. */
  adopt(socket: Socket, traits: ConnectionTraits): void {
    this.#boundary(socket, () => this.#inspect(socket, traits));
  }

  /** Takes a connection that another thread accepted. */
  takeOver(descriptor: number): void {
    const socket = this.#exactBalance()?.take(descriptor);
    if (socket !== undefined) this.#boundary(socket, () => this.#onConnection(socket));
  }

  #onAccepted(socket: Socket): void {
    const isElsewhere = this.#config.exactBalance && this.#exactBalance()?.handsOver(socket) === true;
    if (!isElsewhere) this.#onConnection(socket);
  }

  #exactBalance(): ExactBalance | null {
    const { sharing } = this.#services;
    if (sharing !== null) this.#balance ??= new ExactBalance(sharing.balance(this.#config.name));
    return this.#balance;
  }

  #onConnection(socket: Socket): void {
    if (!this.#admits()) {
      socket.destroy();
      return;
    }
    const { overload } = this.#services;
    overload.beginConnection();
    socket.once('close', () => overload.endConnection());
    this.#inspect(socket, traitsOf(socket, this.#config));
  }

  /** Whether there is room for one more: here, in the process, and in the overload manager's eyes. */
  #admits(): boolean {
    const { overload, runtime, random } = this.#services;
    const limit = runtime.number(`envoy.resource_limits.listener.${this.#config.name}.connection_limit`);
    if (overload.refusedShare > 0 && random() < overload.refusedShare) this.stats.downstream_cx_overload_reject += 1;
    else if (limit !== undefined && this.#active() >= limit) this.stats.downstream_cx_overflow += 1;
    else if (!overload.hasRoom) this.stats.downstream_global_cx_overflow += 1;
    else return true;
    return false;
  }

  /** Connections, also those of other threads. */
  #active(): number {
    return this.stats.downstream_cx_active + (this.#tally?.others(0) ?? 0);
  }

  #inspect(socket: Socket, traits: ConnectionTraits): void {
    this.stats.downstream_cx_total += 1;
    this.stats.downstream_cx_active += 1;
    this.#tally?.add(0, 1);
    const { clock, filterStats } = this.#services;
    const accepted = clock.now();
    socket.once('close', () => {
      this.stats.downstream_cx_active -= 1;
      this.#tally?.add(0, -1);
      this.stats.downstream_cx_destroy += 1;
      this.stats.downstream_cx_length_ms.record(clock.now() - accepted);
    });
    const { listenerFilters, filtersTimeout, continueOnTimeout } = this.#config;
    if (listenerFilters.length === 0) {
      this.#inspected(socket, traits);
      return;
    }
    const guard = (work: () => void) => this.#boundary(socket, work);
    const finished = (outcome: 'ready' | 'closed') =>
      guard(() => {
        done();
        if (outcome === 'closed') socket.destroy();
        else this.#inspected(socket, traits);
      });
    const run = new FilterRun(socket, listenerFilters, traits, { finished, guard, stats: filterStats });
    const done = this.#setUp(socket, filtersTimeout, () => {
      if (continueOnTimeout) run.skip();
      else socket.destroy();
    });
    run.start();
  }

  #inspected(socket: Socket, traits: ConnectionTraits): void {
    if (this.#config.handsOff && traits.restored) {
      const meant = this.#services.listenerAt(traits.destination);
      if (meant !== undefined && meant !== this) {
        meant.adopt(socket, traits);
        return;
      }
    }
    if (traits.transport === '') traits.transport = 'raw_buffer';
    this.#choose(socket, traits);
  }

  #choose(socket: Socket, traits: ConnectionTraits): void {
    const chain = this.#choice(traits);
    if (chain === null) {
      this.stats.no_filter_chain_match += 1;
      socket.destroy();
      this.#logUnserved(traits, null);
    } else if (chain.tls === null) this.#serve(socket, chain, null, traits);
    else this.#handshake(socket, chain, chain.tls, traits);
  }

  #handshake(socket: Socket, chain: FilterChain, tls: ServerTls, traits: ConnectionTraits): void {
    const done = this.#setUp(socket, HANDSHAKE_TIMEOUT, () => socket.destroy());
    tls.accept(socket, {
      onSecure: (secure, peer, resumed) =>
        this.#boundary(secure, () => {
          done();
          this.stats.ssl_handshake += 1;
          if (resumed) this.stats.ssl_session_reused += 1;
          this.#serve(secure, chain, peer, { ...traits, serverName: peer.sni });
        }),
      onFailed: (failure, detail) => {
        done();
        this.stats[failure] += 1;
        this.#logUnserved(traits, chain);
        this.#services.log.debug(
          { listener: this.#config.name, peer: socket.remoteAddress, detail },
          'TLS handshake failed',
        );
      },
    });
  }

  /** Bounds the time before a connection is served; the result ends it. 0 is no limit. */
  #setUp(socket: Socket, timeout: number, late: () => void): () => void {
    this.#settingUp.add(socket);
    this.stats.downstream_pre_cx_active += 1;
    const expire = () => {
      this.stats.downstream_pre_cx_timeout += 1;
      late();
    };
    const timer: Timer | null = timeout > 0 ? this.#services.wheel.set(timeout, expire) : null;
    const done = () => {
      if (!this.#settingUp.delete(socket)) return;
      this.stats.downstream_pre_cx_active -= 1;
      this.#services.wheel.cancel(timer);
    };
    socket.once('close', done);
    return done;
  }

  #serve(socket: Socket, chain: FilterChain, tls: PeerTls | null, traits: ConnectionTraits): void {
    chain.serve(socket, downstreamOf(traits, tls, this.#services.nextConnectionId(), chain.place));
  }

  /** A connection that found no chain, or whose handshake with it failed. */
  #logUnserved(traits: ConnectionTraits, chain: FilterChain | null): void {
    if (this.#log === null) return;
    const { name, metadata, direction } = this.#config;
    const place = chain?.place ?? { name, chain: '', metadata, direction };
    const downstream = downstreamOf(traits, null, this.#services.nextConnectionId(), place);
    const record = connectionRecord(downstream, this.#services.clock);
    if (chain === null) {
      record.flags = flag.noRouteFound;
      record.details = 'filter_chain_not_found';
    }
    this.#log.write(record);
  }

  #boundary(socket: Socket, work: () => void): void {
    try {
      work();
    } catch (error) {
      socket.destroy();
      this.#bug(error);
    }
  }

  #bug(error: unknown): void {
    this.stats.uncaught_exceptions += 1;
    this.#services.log.error({ err: error, listener: this.#config.name }, 'exception while handling a connection');
  }
}

function choiceOf(
  { chainMatcher }: ListenerConfig,
  chains: readonly FilterChain[],
  fallback: FilterChain | null,
): ChainChoice<FilterChain> {
  if (chainMatcher !== null) return chooseByMatcher(chainMatcher, chains, fallback);
  return (traits) => matchChain(chains, fallback, traits);
}

/** Whether a chain that runs is what the new configuration asks for. */
function serves({ config, listener }: FilterChain, wanted: FilterChainConfig, next: ListenerConfig): boolean {
  const same = config === wanted || (wanted.fingerprint !== '' && config.fingerprint === wanted.fingerprint);
  return same && listener.direction === next.direction && listener.bufferLimit === next.bufferLimit;
}
