// A bucket that fills steadily: a token is taken by each request that may pass.

export type TokenBucketConfig = {
  readonly capacity: number;
  /** Tokens per millisecond. */
  readonly rate: number;
};

export class TokenBucket {
  readonly config: TokenBucketConfig;
  #tokens: number;
  #filledAt: number;

  /** Full at first. `now` is monotonic milliseconds, here and below. */
  constructor(config: TokenBucketConfig, now: number) {
    this.config = config;
    this.#tokens = config.capacity;
    this.#filledAt = now;
  }

  take(now: number, count = 1): boolean {
    this.#fill(now);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Whole tokens left. */
  remaining(now: number): number {
    this.#fill(now);
    return Math.floor(this.#tokens);
  }

  /** Milliseconds until there is a token. */
  nextToken(now: number): number {
    this.#fill(now);
    return this.#tokens >= 1 ? 0 : (1 - this.#tokens) / this.config.rate;
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.config.capacity, this.#tokens + (now - this.#filledAt) * this.config.rate);
    this.#filledAt = now;
  }
}
