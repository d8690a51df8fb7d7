// A bucket that fills steadily: a token is taken by each request that may pass. Threads that share one have it each, and take out of theirs what
// the others took: two that take at the same moment may together take more than there is, and wait for it the longer.
import type { Tally } from './shared-tallies.ts';

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
  readonly #tally: Tally | null;
  /** What the other threads had taken at the last look; it begins anew at 2^32, as theirs do. */
  #othersTook = 0;

  /**
   * Full at first; empty where other threads have taken of it. `now` is monotonic milliseconds, here and below. The configured tokens are shared out among so many buckets, each of which holds one
   * at least. `tally`: of the threads that share this one, field 0 is theirs.
   */
  constructor(config: TokenBucketConfig, now: number, buckets = 1, tally: Tally | null = null) {
    this.config = config;
    this.#capacity = Math.max(1, config.capacity / buckets);
    this.#rate = config.rate / buckets;
    this.#tokens = this.#capacity;
    this.#filledAt = now;
    this.#tally = tally;
    if (tally === null) return;
    this.#othersTook = tally.others(0);
    if (this.#othersTook !== 0) this.#tokens = 0;
  }

  take(now: number, count = 1): boolean {
    this.#fill(now);
    if (this.#tokens < count) return false;
    this.#remove(count);
    return true;
  }

  /** As many whole tokens as there are, `most` of them: how many were taken. */
  takeUpTo(now: number, most: number): number {
    this.#fill(now);
    const taken = Math.max(0, Math.min(most, Math.floor(this.#tokens)));
    this.#remove(taken);
    return taken;
  }

  /** Whole tokens left. */
  remaining(now: number): number {
    this.#fill(now);
    return Math.max(0, Math.floor(this.#tokens));
  }

  /** Milliseconds until there is a token. */
  nextToken(now: number): number {
    this.#fill(now);
    return this.#tokens >= 1 ? 0 : (1 - this.#tokens) / this.#rate;
  }

  /** What others took, they took of what came in meanwhile. No thread owes more than a bucket, whatever it is told. */
  #fill(now: number): void {
    const tokens = this.#tokens + (now - this.#filledAt) * this.#rate - this.#takenByOthers();
    this.#tokens = Math.max(-this.#capacity, Math.min(this.#capacity, tokens));
    this.#filledAt = now;
  }

  #remove(count: number): void {
    this.#tokens -= count;
    this.#tally?.add(0, count);
  }

  /** Since the last look. A thread that ends takes its count along: less than before is nothing. */
  #takenByOthers(): number {
    if (this.#tally === null) return 0;
    const others = this.#tally.others(0);
    const taken = Math.max(0, (others - this.#othersTook) | 0);
    this.#othersTook = others;
    return taken;
  }
}
