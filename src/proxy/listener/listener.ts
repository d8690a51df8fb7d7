// A listening socket and what happens to its connections: look for TLS → choose a filter chain → handshake → HTTP.
// An update replaces the chains and keeps the socket.
import { createServer, type Server, type Socket } from 'node:net';
import type { Timer } from '../../lib/timer-wheel.ts';
import type { FilterChainConfig, ListenerConfig } from '../config/types.ts';
import type { Downstream, PeerTls } from '../http/exchange.ts';
import type { ServerTls } from '../tls/server-tls.ts';
import { type ConnectionTraits, matchChain } from './chain-match.ts';
import { FilterChain } from './filter-chain.ts';
import { ListenerStats } from './stats.ts';
import type { TerminalServices } from './terminal.ts';
import { inspect } from './tls-inspector.ts';

export type ListenerServices = TerminalServices & {
  serverTls(config: NonNullable<FilterChainConfig['tls']>): ServerTls;
  nextConnectionId(): number;
};

/** Milliseconds a client has to show its first bytes and to finish a handshake (Envoy's `listener_filters_timeout`). */
const SETUP_TIMEOUT = 15_000;
/** Accepted connections wait here while the process is busy. */
const BACKLOG = 4_096;

export class Listener {
  readonly stats = new ListenerStats();
  readonly #services: ListenerServices;
  readonly #settingUp = new Set<Socket>();
  readonly #leaving = new Set<FilterChain>();
  #config: ListenerConfig;
  #chains: readonly FilterChain[] = [];
  #fallback: FilterChain | null = null;
  #server: Server | null = null;

  constructor(config: ListenerConfig, services: ListenerServices) {
    this.#config = config;
    this.#services = services;
    this.#setChains(config, []);
  }

  get config(): ListenerConfig {
    return this.#config;
  }

  /** The port in use, which differs from the configured one when that is 0. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : this.#config.port;
  }

  get activeConnections(): number {
    let count = this.#settingUp.size;
    for (const chain of [...this.#allChains(), ...this.#leaving]) count += chain.connections.size;
    return count;
  }

  listen(): Promise<void> {
    const { address, port, name } = this.#config;
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        this.#server = null;
        reject(listenError(name, address, port, error));
      });
      server.listen({ host: address, port, backlog: BACKLOG }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => this.#services.log.error({ err: error, listener: name }, 'listener failed'));
        resolve();
      });
      server.on('connection', (socket) => this.#boundary(socket, () => this.#onConnection(socket)));
    });
  }

  /** Takes a configuration for the same address. Chains that changed are drained, the rest keep their connections. */
  update(config: ListenerConfig): void {
    const before = this.#allChains();
    this.#config = config;
    this.#setChains(config, before);
    const kept = new Set(this.#allChains());
    for (const chain of before) if (!kept.has(chain)) this.#leave(chain);
  }

  /** Stops accepting and lets every connection go after its answer. */
  drain(): void {
    this.#server?.close();
    this.#server = null;
    for (const chain of this.#allChains()) chain.drain();
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
  }

  #makeChain(chain: FilterChainConfig, config: ListenerConfig): FilterChain {
    const tls = chain.tls === null ? null : this.#services.serverTls(chain.tls);
    return new FilterChain(chain, config, tls, this.#services, {
      onGone: (left) => {
        if (left.connections.size === 0) this.#leaving.delete(left);
      },
      onBug: (error) => this.#bug(error),
    });
  }

  #leave(chain: FilterChain): void {
    chain.drain();
    if (chain.connections.size > 0) this.#leaving.add(chain);
  }

  #onConnection(socket: Socket): void {
    this.stats.downstream_cx_total += 1;
    this.stats.downstream_cx_active += 1;
    socket.once('close', () => {
      this.stats.downstream_cx_active -= 1;
      this.stats.downstream_cx_destroy += 1;
    });
    const port = socket.localPort ?? this.#config.port;
    if (!this.#config.inspectTls) {
      this.#choose(socket, { port, transport: 'raw_buffer', serverName: '', applicationProtocols: [] });
      return;
    }
    const done = this.#setUp(socket);
    inspect(socket, (found) =>
      this.#boundary(socket, () => {
        done();
        if (found === null) socket.destroy();
        else this.#choose(socket, { ...found, port });
      }),
    );
  }

  #choose(socket: Socket, traits: ConnectionTraits): void {
    const chain = matchChain(this.#chains, this.#fallback, traits);
    if (chain === null) {
      this.stats.no_filter_chain_match += 1;
      socket.destroy();
    } else if (chain.tls === null) this.#serve(socket, chain, null, traits.serverName);
    else this.#handshake(socket, chain, chain.tls);
  }

  #handshake(socket: Socket, chain: FilterChain, tls: ServerTls): void {
    const done = this.#setUp(socket);
    tls.accept(socket, {
      onSecure: (secure, peer) =>
        this.#boundary(secure, () => {
          done();
          this.stats.ssl_handshake += 1;
          this.#serve(secure, chain, peer, peer.sni);
        }),
      onFailed: (failure, detail) => {
        done();
        this.stats[failure] += 1;
        this.#services.log.debug(
          { listener: this.#config.name, peer: socket.remoteAddress, detail },
          'TLS handshake failed',
        );
      },
    });
  }

  /** Bounds the time before HTTP; the result ends it. */
  #setUp(socket: Socket): () => void {
    this.#settingUp.add(socket);
    this.stats.downstream_pre_cx_active += 1;
    const timer: Timer = this.#services.wheel.set(SETUP_TIMEOUT, () => {
      this.stats.downstream_pre_cx_timeout += 1;
      socket.destroy();
    });
    const done = () => {
      if (!this.#settingUp.delete(socket)) return;
      this.stats.downstream_pre_cx_active -= 1;
      this.#services.wheel.cancel(timer);
    };
    socket.once('close', done);
    return done;
  }

  #serve(socket: Socket, chain: FilterChain, peer: PeerTls | null, serverName: string): void {
    chain.serve(socket, this.#describe(socket, peer, serverName, chain));
  }

  #describe(socket: Socket, tls: PeerTls | null, serverName: string, { place }: FilterChain): Downstream {
    return {
      id: this.#services.nextConnectionId(),
      directRemote: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
      local: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
      tls,
      serverName,
      listener: place,
    };
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

/** Whether a chain that runs is what the new configuration asks for. */
function serves({ config, listener }: FilterChain, wanted: FilterChainConfig, next: ListenerConfig): boolean {
  const same = config === wanted || (wanted.fingerprint !== '' && config.fingerprint === wanted.fingerprint);
  return same && listener.direction === next.direction && listener.bufferLimit === next.bufferLimit;
}

function listenError(name: string, address: string, port: number, error: NodeJS.ErrnoException): Error {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is taken by another process (hint: stop it or choose another port)',
    EACCES: 'not allowed to listen there (hint: ports below 1024 need privileges)',
    EADDRNOTAVAIL: 'this machine has no such address',
  };
  const reason = why[error.code ?? ''] ?? error.message;
  return new Error(`listener ${name}: ${address}:${port}: ${reason}`, { cause: error });
}
