// Connections to one endpoint, with a bounded queue in front. One of HTTP/1.1 takes one request at a time, one of HTTP/2 as many as its peer
// lets it. They are reused last in, first out, so that surplus ones go idle and close.
//
//   connecting ─► listed (takes requests) ◄─► full ─► closed
//                    └─(GOAWAY, limits, retire)─► leaving: what is in progress ends ─► closed
import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { UpstreamTls } from '../http/exchange.ts';
import type { ClientSession, ResetReason } from '../http/stream.ts';
import { type ClientConnectionOwner, Http1ClientConnection } from '../http1/client-connection.ts';
import { Http2ClientConnection, type Http2ClientOwner } from '../http2/client-connection.ts';
import type { Http2Stats } from '../http2/stats.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { Dialer } from './dialer.ts';
import type { PoolSettings, PoolTarget } from './pool-settings.ts';

export type PoolWaiter = {
  onReady(session: ClientSession): void;
  /** `detail`: the transport's words for it, or ''. */
  onFailure(reason: ResetReason, detail: string): void;
  /** An exception came out of one of the calls above. */
  onBug(error: unknown): void;
};

/** Where sessions come from. */
export type SessionSource = { acquire(waiter: PoolWaiter): void; cancel(waiter: PoolWaiter): void };

/** `alpn`: what the handshake says, HTTP/1.1 where it says nothing. */
export type PoolProtocol = 'http1' | 'http2' | 'alpn';

type Session = Http1ClientConnection | Http2ClientConnection;

export class Pool implements SessionSource, ClientConnectionOwner, Http2ClientOwner {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: () => number;
  readonly stats: Http2Stats;
  readonly #target: PoolTarget;
  readonly #settings: PoolSettings;
  readonly #breaker: CircuitBreaker;
  readonly #protocol: PoolProtocol;
  /** Those that take a request now, the one used last at the end. */
  readonly #listed: Session[] = [];
  readonly #open = new Set<Session>();
  readonly #waiting = new Set<PoolWaiter>();
  readonly #dialer: Dialer;
  /** Requests a connection on its way can be counted on to take. */
  #expected: number;
  #idleTimer: Timer | null = null;
  #closing = false;

  constructor(target: PoolTarget, protocol: PoolProtocol, settings: PoolSettings, breaker: CircuitBreaker) {
    this.clock = settings.clock;
    this.wheel = settings.wheel;
    this.random = settings.random;
    this.stats = settings.http2Stats;
    this.#target = target;
    this.#protocol = protocol;
    this.#settings = settings;
    this.#breaker = breaker;
    this.#expected = protocol === 'http1' ? 1 : settings.http2.maxConcurrentStreams;
    this.#dialer = new Dialer(target, settings, breaker, {
      onConnected: (socket, alpn, tls) => this.#connected(socket, alpn, tls),
      onFailed: (reason, detail) => this.#eject((waiter) => waiter.onFailure(reason, detail)),
      onGivenUp: () => this.#noteUse(),
    });
  }

  /** Connections with a request in progress. */
  get active(): number {
    let busy = 0;
    for (const session of this.#open) if (session.busy) busy += 1;
    return busy;
  }

  /** Whether there is a connection, or somebody waits for one. */
  get used(): boolean {
    return this.#open.size + this.#dialer.size + this.#waiting.size > 0;
  }

  acquire(waiter: PoolWaiter): void {
    const session = this.#listed.at(-1);
    if (session !== undefined) {
      this.#hand(session, waiter);
      this.#connectAhead();
      return;
    }
    if (!this.#breaker.allowsPending) {
      this.#settings.stats.upstream_rq_pending_overflow += 1;
      this.#refuse(waiter, () => waiter.onFailure('overflow', ''));
      this.#noteUse();
      return;
    }
    this.#waiting.add(waiter);
    this.#target.stats.rq_pending_active += 1;
    this.#breaker.beginWait();
    this.#connectForWaiting();
    this.#connectAhead();
  }

  /** Takes a waiter out of the queue; a connection already on its way stays for the next one. */
  cancel(waiter: PoolWaiter): void {
    if (this.#leaveQueue(waiter)) this.#settings.stats.upstream_rq_cancelled += 1;
    this.#noteUse();
  }

  /** Closes idle connections now and the others when their last response is complete. */
  retire(): void {
    this.#closing = true;
    this.wheel.cancel(this.#idleTimer);
    for (const session of this.#listed.splice(0)) session.listed = false;
    for (const session of [...this.#open]) {
      if (session.busy) session.retire();
      else session.close();
    }
    if (this.#waiting.size > 0) return;
    this.#dialer.giveUp();
  }

  /** New, or free again. Whoever waits goes first. */
  onAvailable(session: Session): void {
    if (this.#spent(session)) return;
    for (const waiter of this.#waiting) {
      if (!session.available) return;
      this.#leaveQueue(waiter);
      this.#hand(session, waiter);
    }
    if (!session.available) return;
    if (this.#closing) session.retire();
    else this.#list(session);
    if (!session.busy) this.onIdle(session);
  }

  onIdle(session: Session): void {
    session.idleSince = this.clock.now();
    if (this.#closing) session.close();
    else if (this.#idleTimer === null && this.#settings.idleTimeout > 0) this.#watchIdle(this.#settings.idleTimeout);
  }

  /** The next connection is not asked for more than this one allowed: what is over the limit would come back refused. */
  onLimit(limit: number): void {
    this.#expected = Math.max(limit, 1);
  }

  onDraining(session: Session): void {
    this.#unlist(session);
    this.#connectForWaiting();
  }

  onClosed(session: Session): void {
    this.#dialer.closed();
    this.#settings.stats.upstream_cx_destroy += 1;
    this.#open.delete(session);
    this.#unlist(session);
    // Its place may be what a waiter was held up by.
    this.#connectForWaiting();
    this.#noteUse();
  }

  #noteUse(): void {
    if (!this.used) this.#target.onUnused();
  }

  /** A cluster that has its share of requests takes no more: those that wait are none of them yet (as in Envoy). */
  #hand(session: Session, waiter: PoolWaiter): void {
    if (!this.#breaker.allowsRequest) {
      this.#settings.stats.upstream_rq_active_overflow += 1;
      this.#refuse(waiter, () => waiter.onFailure('overflow', ''));
      return;
    }
    try {
      waiter.onReady(session);
    } catch (error) {
      session.close();
      waiter.onBug(error);
    }
    if (session instanceof Http2ClientConnection) this.#spent(session);
    if (!session.available) this.#unlist(session);
  }

  /** It has had its share of requests: the ones in progress are the last. */
  #spent(session: Session): boolean {
    const limit = this.#settings.maxRequestsPerConnection;
    if (limit === 0 || session.requests < limit) return false;
    this.#settings.stats.upstream_cx_max_requests += 1;
    this.#unlist(session);
    if (session.busy) session.retire();
    else session.close();
    return true;
  }

  #list(session: Session): void {
    if (session.listed) return;
    session.listed = true;
    this.#listed.push(session);
  }

  #unlist(session: Session): void {
    if (!session.listed) return;
    session.listed = false;
    if (this.#listed.at(-1) === session) this.#listed.pop();
    else this.#listed.splice(this.#listed.indexOf(session), 1);
  }

  /** One timer for the pool; when it fires it looks which connections have been idle for that long. */
  #watchIdle(delay: number): void {
    this.#idleTimer = this.wheel.set(delay, () => {
      this.#idleTimer = null;
      const { idleTimeout, stats } = this.#settings;
      const limit = this.clock.now() - idleTimeout;
      let next = Number.POSITIVE_INFINITY;
      for (const session of [...this.#open]) {
        if (session.busy) continue;
        if (session.idleSince > limit) next = Math.min(next, session.idleSince - limit);
        else {
          stats.upstream_cx_idle_timeout += 1;
          session.close();
        }
      }
      if (next < Number.POSITIVE_INFINITY) this.#watchIdle(next);
    });
  }

  #connectForWaiting(): void {
    while (this.#dialer.size * this.#expected < this.#waiting.size) if (!this.#connect()) return;
  }

  /** Envoy's preconnecting: capacity for `ratio` times what is in progress. */
  #connectAhead(): void {
    const { preconnectRatio } = this.#settings;
    if (preconnectRatio <= 1 || this.#closing) return;
    const wanted = (this.active + this.#waiting.size) * preconnectRatio;
    while ((this.#open.size + this.#dialer.size) * this.#expected < wanted) if (!this.#connect()) return;
  }

  #connect(): boolean {
    return this.#dialer.dial(this.#open.size);
  }

  #connected(socket: Socket, alpn: string, tls: UpstreamTls | null): void {
    const multiplexed = this.#protocol === 'http2' || (this.#protocol === 'alpn' && alpn === 'h2');
    const { maxConnectionDuration } = this.#settings;
    let session: Session | null = null;
    try {
      session = this.#sessionOn(socket, multiplexed, tls);
      this.#open.add(session);
      if (maxConnectionDuration > 0) this.#limitLife(session, socket, maxConnectionDuration);
      this.onAvailable(session);
    } catch (error) {
      this.#eject((waiter) => waiter.onBug(error));
      socket.destroy();
      if (session === null) this.#dialer.closed();
    }
    this.#connectForWaiting();
  }

  #sessionOn(socket: Socket, multiplexed: boolean, tls: UpstreamTls | null): Session {
    const settings = this.#settings;
    const { stats } = settings;
    if (!multiplexed) {
      const session = new Http1ClientConnection(socket, tls, settings, this);
      this.#expected = 1;
      stats.upstream_cx_http1_total += 1;
      return session;
    }
    const session = new Http2ClientConnection(socket, tls, settings, this);
    session.expectLimit(this.#expected);
    stats.upstream_cx_http2_total += 1;
    return session;
  }

  #limitLife(session: Session, socket: Socket, duration: number): void {
    const timer = this.wheel.set(duration, () => {
      this.#settings.stats.upstream_cx_max_duration_reached += 1;
      this.#unlist(session);
      if (session.busy) session.retire();
      else session.close();
    });
    socket.once('close', () => this.wheel.cancel(timer));
  }

  /** A connection that waiters counted on will not come. */
  #eject(tell: (waiter: PoolWaiter) => void): void {
    // As many as were counted on it; when no connection is left to wait for, nobody else can be served either.
    const served = this.#dialer.size + this.#open.size > 0 ? this.#expected : undefined;
    for (const waiter of [...this.#waiting].slice(0, served)) {
      if (!this.#leaveQueue(waiter)) continue;
      this.#settings.stats.upstream_rq_pending_failure_eject += 1;
      this.#refuse(waiter, tell);
    }
    this.#noteUse();
  }

  #refuse(waiter: PoolWaiter, tell: (waiter: PoolWaiter) => void): void {
    try {
      tell(waiter);
    } catch (error) {
      waiter.onBug(error);
    }
  }

  #leaveQueue(waiter: PoolWaiter): boolean {
    if (!this.#waiting.delete(waiter)) return false;
    this.#target.stats.rq_pending_active -= 1;
    this.#breaker.endWait();
    return true;
  }
}
