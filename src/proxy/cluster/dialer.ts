// Connections of a pool on their way: within the limits of cluster and endpoint, for as long as the cluster lets them take, counted.
import type { Socket } from 'node:net';
import type { UpstreamTls } from '../http/exchange.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { ConnectResult } from './connector.ts';
import type { PoolSettings, PoolTarget } from './pool-settings.ts';

export type DialerOwner = {
  onConnected(socket: Socket, alpn: string, tls: UpstreamTls | null): void;
  /** `detail`: the transport's words for it, or ''. */
  onFailed(reason: 'connection-failure' | 'connection-timeout', detail: string): void;
  onGivenUp(): void;
};

export class Dialer {
  readonly #target: PoolTarget;
  readonly #settings: PoolSettings;
  readonly #breaker: CircuitBreaker;
  readonly #owner: DialerOwner;
  /** How to give up each of them. */
  readonly #connecting = new Set<() => void>();

  constructor(target: PoolTarget, settings: PoolSettings, breaker: CircuitBreaker, owner: DialerOwner) {
    this.#target = target;
    this.#settings = settings;
    this.#breaker = breaker;
    this.#owner = owner;
  }

  /** How many are on their way. */
  get size(): number {
    return this.#connecting.size;
  }

  /** `open`: connections there are. false: the limit of the cluster, or of the endpoint, is reached. */
  dial(open: number): boolean {
    const { stats, clock, wheel, connectTimeout } = this.#settings;
    const { address, port, connector, stats: host, purpose } = this.#target;
    if (!this.#breaker.allowsConnection || host.cx_active >= this.#breaker.limits.maxConnectionsPerHost) {
      stats.upstream_cx_overflow += 1;
      // Like Envoy, every endpoint may have one connection whatever the limit: else its queue would never move.
      if (open + this.#connecting.size > 0) return false;
    }
    this.#breaker.beginConnection();
    host.cx_active += 1;
    host.cx_total += 1;
    const started = clock.now();
    let settled = false;
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      this.#connecting.delete(giveUp);
      wheel.cancel(timer);
      return true;
    };
    const result: ConnectResult = {
      onConnected: (socket, alpn, tls) => {
        if (!settle()) return;
        stats.upstream_cx_connect_ms.record(clock.now() - started);
        this.#owner.onConnected(socket, alpn, tls);
      },
      onFailed: (detail) => {
        if (settle()) this.#failed('connection-failure', detail);
      },
    };
    const cancel = connector.connect(address, port, result, purpose);
    const giveUp = () => {
      if (!settle()) return;
      cancel();
      this.closed();
      this.#owner.onGivenUp();
    };
    const timer = wheel.set(connectTimeout, () => {
      if (!settle()) return;
      cancel();
      stats.upstream_cx_connect_timeout += 1;
      this.#failed('connection-timeout', '');
    });
    this.#connecting.add(giveUp);
    return true;
  }

  /** None that is on its way is wanted any more. */
  giveUp(): void {
    for (const giveUp of this.#connecting) giveUp();
  }

  /** A connection that was dialled, and perhaps made, is gone. */
  closed(): void {
    this.#breaker.endConnection();
    this.#target.stats.cx_active -= 1;
  }

  #failed(reason: 'connection-failure' | 'connection-timeout', detail: string): void {
    const { stats } = this.#settings;
    this.closed();
    stats.upstream_cx_destroy += 1;
    stats.upstream_cx_connect_fail += 1;
    this.#target.stats.cx_connect_fail += 1;
    this.#owner.onFailed(reason, detail);
  }
}
