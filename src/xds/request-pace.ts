// Requests of one client no faster than a rate (ApiConfigSource.rate_limit_settings): a bucket of tokens, which a request takes one of; what finds
// none waits, in order.
import type { Clock } from '../lib/clock.ts';

/** Tokens at most, and per second. */
export type RequestRate = { readonly burst: number; readonly perSecond: number };

export class RequestPace {
  readonly #rate: RequestRate;
  readonly #clock: Clock;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #waiting: Uint8Array[] = [];
  #tokens: number;
  #filledAt: number;
  #cancelTimer: (() => void) | null = null;

  constructor(rate: RequestRate, clock: Clock, send: (bytes: Uint8Array) => void) {
    this.#rate = rate;
    this.#clock = clock;
    this.#send = send;
    this.#tokens = rate.burst;
    this.#filledAt = clock.now();
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
    this.#fill();
    while (this.#waiting.length > 0 && this.#tokens >= 1) {
      this.#tokens -= 1;
      this.#send(this.#waiting.shift()!);
    }
    if (this.#waiting.length === 0) return;
    const wait = Math.ceil(((1 - this.#tokens) / this.#rate.perSecond) * 1_000);
    this.#cancelTimer = this.#clock.after(wait, () => this.#drain());
  }

  #fill(): void {
    const now = this.#clock.now();
    const gained = ((now - this.#filledAt) / 1_000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + gained);
    this.#filledAt = now;
  }
}
