// A bucket that fills steadily: a token is taken by each request that may pass.

export type TokenBucketConfig = {
  readonly capacity: number;
  /** Tokens per millisecond. */
  readonly rate: number;
};

export class TokenBucket {
  readonly config: TokenBucketConfig;
  readonly #capacity: number;
  readonly #rate: number;
  #tokens: number;
  #filledAt: number;

  /** Full at first. `now` is monotonic milliseconds, here and below. The configured tokens are shared out among so many buckets, each of which holds one at least. */
  constructor(config: TokenBucketConfig, now: number, buckets = 1) {
    this.config = config;
    this.#capacity = Math.max(1, config.capacity / buckets);
    this.#rate = config.rate / buckets;
    this.#tokens = this.#capacity;
    this.#filledAt = now;
  }

  take(now: number, count = 1): boolean {
    this.#fill(now);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** As many whole tokens as there are, `most` of them: how many were taken. */
  takeUpTo(now: number, most: number): number {
    this.#fill(now);
    const taken = Math.min(most, Math.floor(this.#tokens));
    this.#tokens -= taken;
    return taken;
  }

  /** Whole tokens left. */
  remaining(now: number): number {
    this.#fill(now);
    return Math.floor(this.#tokens);
  }

  /** Milliseconds until there is a token. */
  nextToken(now: number): number {
    this.#fill(now);
    return this.#tokens >= 1 ? 0 : (1 - this.#tokens) / this.#rate;
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#filledAt) * this.#rate);
    this.#filledAt = now;
  }
}
