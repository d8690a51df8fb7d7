// Connections to one endpoint: reused last in, first out (so that surplus ones go idle and close), with a bounded queue in front.
import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { ClientSession, ResetReason } from '../http/stream.ts';
import { type ClientConnectionOwner, Http1ClientConnection } from '../http1/client-connection.ts';
import type { Connector } from './connector.ts';
import type { ClusterStats } from './stats.ts';

export type PoolWaiter = {
  onReady(session: ClientSession): void;
  /** `detail`: the transport's words for it, or ''. */
  onFailure(reason: ResetReason, detail: string): void;
  /** An exception came out of one of the calls above. */
  onBug(error: unknown): void;
};

/** The part of a cluster that its pools share; the cluster replaces `limits` and the timeouts on update. */
export type PoolSettings = {
  connectTimeout: number;
  idleTimeout: number;
  maxConnections: number;
  maxPendingRequests: number;
  maxRequestsPerConnection: number;
  readonly stats: ClusterStats;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
};

export class Pool implements ClientConnectionOwner {
  readonly #address: string;
  readonly #port: number;
  readonly #connector: Connector;
  readonly #settings: PoolSettings;
  readonly #idle: Http1ClientConnection[] = [];
  readonly #open = new Set<Http1ClientConnection>();
  readonly #waiting = new Set<PoolWaiter>();
  readonly #connecting = new Set<() => void>();
  #idleTimer: Timer | null = null;
  #closing = false;

  constructor(address: string, port: number, connector: Connector, settings: PoolSettings) {
    this.#address = address;
    this.#port = port;
    this.#connector = connector;
    this.#settings = settings;
  }

  get active(): number {
    return this.#open.size - this.#idle.length;
  }

  acquire(waiter: PoolWaiter): void {
    const connection = this.#idle.pop();
    if (connection !== undefined) {
      this.#hand(connection, waiter);
      return;
    }
    const { stats } = this.#settings;
    if (stats.upstream_rq_pending_active >= this.#settings.maxPendingRequests) {
      stats.upstream_rq_pending_overflow += 1;
      this.#refuse(waiter, 'overflow', '');
      return;
    }
    this.#waiting.add(waiter);
    stats.upstream_rq_pending_total += 1;
    stats.upstream_rq_pending_active += 1;
    if (this.#connecting.size < this.#waiting.size) this.#connect();
  }

  /** Takes a waiter out of the queue; a connection already on its way stays for the next one. */
  cancel(waiter: PoolWaiter): void {
    if (this.#leaveQueue(waiter)) this.#settings.stats.upstream_rq_cancelled += 1;
  }

  /** Closes idle connections now and the others when their response is complete. */
  retire(): void {
    this.#closing = true;
    this.#settings.wheel.cancel(this.#idleTimer);
    for (const connection of this.#idle.splice(0)) connection.close();
    for (const connection of this.#open) connection.retire();
    if (this.#waiting.size > 0) return;
    for (const giveUp of this.#connecting) giveUp();
  }

  onIdle(connection: Http1ClientConnection): void {
    const limit = this.#settings.maxRequestsPerConnection;
    if (limit > 0 && connection.requests >= limit) {
      this.#settings.stats.upstream_cx_max_requests += 1;
      connection.close();
      return;
    }
    const [waiter] = this.#waiting;
    if (waiter !== undefined) {
      this.#leaveQueue(waiter);
      this.#hand(connection, waiter);
    } else if (this.#closing) connection.close();
    else this.#rest(connection);
  }

  onClosed(connection: Http1ClientConnection): void {
    const { stats } = this.#settings;
    stats.upstream_cx_active -= 1;
    stats.upstream_cx_destroy += 1;
    this.#open.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    // Its place may be what a waiter was held up by.
    if (this.#connecting.size < this.#waiting.size) this.#connect();
  }

  #hand(connection: Http1ClientConnection, waiter: PoolWaiter): void {
    try {
      waiter.onReady(connection);
    } catch (error) {
      connection.close();
      waiter.onBug(error);
    }
  }

  #rest(connection: Http1ClientConnection): void {
    connection.idleSince = this.#settings.clock.now();
    this.#idle.push(connection);
    if (this.#idleTimer === null && this.#settings.idleTimeout > 0) this.#watchIdle(this.#settings.idleTimeout);
  }

  /** One timer for the pool: the connection idle for longest is at the bottom of the stack. */
  #watchIdle(delay: number): void {
    this.#idleTimer = this.#settings.wheel.set(delay, () => {
      this.#idleTimer = null;
      const { idleTimeout, clock, stats } = this.#settings;
      const limit = clock.now() - idleTimeout;
      for (const connection of this.#idle.filter((idle) => idle.idleSince <= limit)) {
        stats.upstream_cx_idle_timeout += 1;
        connection.close();
      }
      const oldest = this.#idle[0];
      if (oldest !== undefined) this.#watchIdle(oldest.idleSince - limit);
    });
  }

  #connect(): void {
    const { stats } = this.#settings;
    if (stats.upstream_cx_active >= this.#settings.maxConnections) {
      stats.upstream_cx_overflow += 1;
      // Like Envoy, every endpoint may have one connection whatever the limit: else its queue would never move.
      if (this.#open.size + this.#connecting.size > 0) return;
    }
    stats.upstream_cx_total += 1;
    stats.upstream_cx_active += 1;
    let settled = false;
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      this.#connecting.delete(giveUp);
      this.#settings.wheel.cancel(timer);
      return true;
    };
    const cancel = this.#connector.connect(this.#address, this.#port, {
      onConnected: (socket) => {
        if (settle()) this.#connected(socket);
      },
      onFailed: (detail) => {
        if (settle()) this.#failed('connection-failure', detail);
      },
    });
    const giveUp = () => {
      if (settle()) this.#abandon(cancel);
    };
    const timer = this.#settings.wheel.set(this.#settings.connectTimeout, () => {
      if (!settle()) return;
      cancel();
      stats.upstream_cx_connect_timeout += 1;
      this.#failed('connection-timeout', '');
    });
    this.#connecting.add(giveUp);
  }

  #abandon(cancel: () => void): void {
    cancel();
    this.#settings.stats.upstream_cx_active -= 1;
  }

  #connected(socket: Socket): void {
    const connection = new Http1ClientConnection(socket, this);
    this.#open.add(connection);
    this.onIdle(connection);
  }

  #failed(reason: ResetReason, detail: string): void {
    const { stats } = this.#settings;
    stats.upstream_cx_active -= 1;
    stats.upstream_cx_connect_fail += 1;
    // One connection was started per waiter; when none is left to wait for, nobody else can be served either.
    const ejected = [...this.#waiting].slice(0, this.#connecting.size + this.#open.size > 0 ? 1 : undefined);
    for (const waiter of ejected) {
      if (!this.#leaveQueue(waiter)) continue;
      stats.upstream_rq_pending_failure_eject += 1;
      this.#refuse(waiter, reason, detail);
    }
  }

  #refuse(waiter: PoolWaiter, reason: ResetReason, detail: string): void {
    try {
      waiter.onFailure(reason, detail);
    } catch (error) {
      waiter.onBug(error);
    }
  }

  #leaveQueue(waiter: PoolWaiter): boolean {
    if (!this.#waiting.delete(waiter)) return false;
    this.#settings.stats.upstream_rq_pending_active -= 1;
    return true;
  }
}
