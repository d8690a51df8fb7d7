// Which HTTP a connection speaks: as configured, as the handshake agreed (ALPN), or as its first bytes say (the preface of HTTP/2).
import type { Socket } from 'node:net';
import type { Timer } from '../../lib/timer-wheel.ts';
import type { Downstream } from '../http/exchange.ts';
import type { ServerStream } from '../http/stream.ts';
import { Http1ServerConnection, type ServerConnectionOwner } from '../http1/server-connection.ts';
import { PREFACE } from '../http2/protocol.ts';
import { Http2ServerConnection } from '../http2/server-connection.ts';
import type { ConnectionManager } from '../router/connection-manager.ts';
import { acceptorOf } from './connection-limits.ts';
import type { Served } from './terminal.ts';

/** A connection while it is served. */
export type HttpServed = Served & Pick<ServerStream, 'closeAfter' | 'retire'>;

export type HttpConnectionOwner = ServerConnectionOwner & { readonly random: () => number };

/** Takes a paused socket. */
export function serveHttp(
  socket: Socket,
  downstream: Downstream,
  manager: ConnectionManager,
  owner: HttpConnectionOwner,
): HttpServed {
  const { codec } = manager.config;
  const alpn = downstream.tls?.alpn;
  if (codec === 'http1' || (codec === 'auto' && alpn === 'http/1.1')) return http1(socket, downstream, manager, owner);
  if (codec === 'http2' || alpn === 'h2') return http2(socket, downstream, manager, owner);
  return new UndecidedConnection(socket, downstream, manager, owner);
}

function http1(socket: Socket, downstream: Downstream, manager: ConnectionManager, owner: HttpConnectionOwner) {
  manager.stats.downstream_cx_http1_total += 1;
  return new Http1ServerConnection(socket, downstream, acceptorOf(manager), manager.config, owner);
}

function http2(socket: Socket, downstream: Downstream, manager: ConnectionManager, owner: HttpConnectionOwner) {
  const { stats } = manager;
  stats.downstream_cx_http2_total += 1;
  return new Http2ServerConnection(socket, downstream, acceptorOf(manager), manager.config, {
    clock: owner.clock,
    wheel: owner.wheel,
    random: owner.random,
    stats: stats.http2,
    departures: stats,
    onClosed: () => owner.onClosed(),
    onBug: (error) => owner.onBug(error),
    onProtocolError: () => {
      stats.downstream_cx_protocol_error += 1;
    },
  });
}

/** A client of HTTP/2 is told by its first bytes; fewer could still be a method of HTTP/1.1. */
const TELLING = 12;

/** Until the first bytes have come. */
class UndecidedConnection implements HttpServed {
  readonly #socket: Socket;
  readonly #decide: (speaksHttp2: boolean) => HttpServed;
  readonly #owner: HttpConnectionOwner;
  readonly #idle: Timer | null;
  readonly #onData = (bytes: Buffer) => this.#look(bytes);
  readonly #onClose = () => this.#closed();
  readonly #onEnd = () => this.#socket.destroy();
  #held: Buffer | null = null;
  #chosen: HttpServed | null = null;

  constructor(socket: Socket, downstream: Downstream, manager: ConnectionManager, owner: HttpConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#decide = (speaksHttp2) => (speaksHttp2 ? http2 : http1)(socket, downstream, manager, owner);
    const { idleTimeout } = manager.config;
    this.#idle = idleTimeout === 0 ? null : owner.wheel.set(idleTimeout, () => this.#onIdle());
    socket.on('data', this.#onData);
    socket.on('close', this.#onClose);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onEnd);
    socket.resume();
  }

  drain(): void {
    if (this.#chosen === null) this.destroy();
    else this.#chosen.drain();
  }

  closeAfter(): void {
    if (this.#chosen === null) this.destroy();
    else this.#chosen.closeAfter();
  }

  retire(): boolean {
    if (this.#chosen !== null) return this.#chosen.retire();
    this.destroy();
    return true;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #look(bytes: Buffer): void {
    const all = this.#held === null ? bytes : Buffer.concat([this.#held, bytes]);
    const length = Math.min(all.length, TELLING);
    const same = all.compare(PREFACE, 0, length, 0, length) === 0;
    if (same && length < TELLING) {
      this.#held = Buffer.from(all);
      return;
    }
    this.#leave();
    try {
      this.#chosen = this.#decide(same);
      this.#socket.emit('data', all);
    } catch (error) {
      this.#socket.destroy();
      this.#owner.onBug(error);
    }
  }

  #onIdle(): void {
    this.#owner.departures.downstream_cx_idle_timeout += 1;
    this.destroy();
  }

  #leave(): void {
    this.#owner.wheel.cancel(this.#idle);
    this.#socket.removeListener('data', this.#onData);
    this.#socket.removeListener('close', this.#onClose);
    this.#socket.removeListener('end', this.#onEnd);
    this.#socket.removeListener('error', this.#onEnd);
  }

  #closed(): void {
    this.#leave();
    this.#owner.onClosed();
  }
}
