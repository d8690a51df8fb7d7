// Pings that tell a dead connection from a quiet one (Envoy's `connection_keepalive`).
import type { Timer } from '../../lib/timer-wheel.ts';
import type { Http2Connection } from './connection.ts';
import type { Http2Options } from './options.ts';

export class Keepalive {
  readonly #connection: Http2Connection;
  readonly #settings: NonNullable<Http2Options['keepalive']>;
  #interval: Timer | null = null;
  #timeout: Timer | null = null;
  #lastBytes: number;

  constructor(connection: Http2Connection, settings: NonNullable<Http2Options['keepalive']>) {
    this.#connection = connection;
    this.#settings = settings;
    this.#lastBytes = connection.owner.clock.now();
    this.#schedule();
  }

  onBytes(): void {
    this.#lastBytes = this.#connection.owner.clock.now();
  }

  /** A request goes out: on a connection that was quiet for long, a ping with it finds out whether it is still there. */
  onRequest(): void {
    const { idleInterval } = this.#settings;
    if (idleInterval > 0 && this.#connection.owner.clock.now() - this.#lastBytes >= idleInterval) this.#ping();
  }

  stop(): void {
    const { wheel } = this.#connection.owner;
    wheel.cancel(this.#interval);
    wheel.cancel(this.#timeout);
  }

  #schedule(): void {
    const { interval, jitter } = this.#settings;
    if (interval === 0) return;
    const { wheel, random } = this.#connection.owner;
    this.#interval = wheel.set(interval * (1 + (random() * jitter) / 100), () => this.#ping());
  }

  #ping(): void {
    if (this.#timeout !== null || this.#connection.ended) return;
    const { wheel, stats } = this.#connection.owner;
    wheel.cancel(this.#interval);
    this.#timeout = wheel.set(this.#settings.timeout, () => {
      stats.keepalive_timeout += 1;
      this.#connection.destroy();
    });
    this.#connection.ping(() => {
      wheel.cancel(this.#timeout);
      this.#timeout = null;
      this.#schedule();
    });
  }
}
