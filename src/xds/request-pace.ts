// Requests of one client no faster than a rate (ApiConfigSource.rate_limit_settings): a bucket of tokens, which a request takes one of; what finds
// none waits, in order.
import type { Clock } from '../lib/clock.ts';
import { TokenBucket } from '../lib/token-bucket.ts';

/** Tokens at most, and per second. */
export type RequestRate = { readonly burst: number; readonly perSecond: number };

export class RequestPace {
  readonly #bucket: TokenBucket;
  readonly #clock: Clock;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #waiting: Uint8Array[] = [];
  #cancelTimer: (() => void) | null = null;

  constructor({ burst, perSecond }: RequestRate, clock: Clock, send: (bytes: Uint8Array) => void) {
    this.#bucket = new TokenBucket({ capacity: burst, rate: perSecond / 1_000 }, clock.now());
    this.#clock = clock;
    this.#send = send;
  }

  push(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    if (this.#cancelTimer === null) this.#drain();
  }

  /** The stream is gone, and what waited with it; tokens that were spent stay so. */
  clear(): void {
    this.#waiting.length = 0;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #drain(): void {
    this.#cancelTimer = null;
    const now = this.#clock.now();
    while (this.#waiting.length > 0 && this.#bucket.take(now)) this.#send(this.#waiting.shift()!);
    if (this.#waiting.length === 0) return;
    this.#cancelTimer = this.#clock.after(Math.ceil(this.#bucket.nextToken(now)), () => this.#drain());
  }
}
