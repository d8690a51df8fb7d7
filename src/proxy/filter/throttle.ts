// Passes a body on as the tokens of a bucket allow, one per byte: what there are tokens for at once, the rest at every look into the bucket. The source
// is stopped while much is waiting.
import type { Tally } from '../../lib/shared-tallies.ts';
import type { Timer } from '../../lib/timer-wheel.ts';
import { TokenBucket } from '../../lib/token-bucket.ts';
import type { HeaderMap } from '../http/headers.ts';
import { kept } from '../socket/reused-reads.ts';
import type { FilterOutlet, FilterScope, FilterStream } from './filter.ts';

/** Hears of what a throttle does. */
type ThrottleWatch = {
  /** So many bytes went on. `waiting`: there were no tokens for the rest. */
  passed(bytes: number, waiting: boolean): void;
  /** Everything went on but the end, which follows with these trailers. */
  ending(trailers: HeaderMap | null): HeaderMap | null;
};

export type ThrottlePlace = {
  readonly scope: FilterScope;
  readonly stream: FilterStream;
  readonly outlet: FilterOutlet;
  readonly watch: ThrottleWatch | null;
};

/** Milliseconds between two looks into a bucket where nothing else is said: Envoy's. */
export const FILL_INTERVAL = 50;
const HIGH = 65_536;

/** A bucket of bytes, a second of which it can hold. */
export function byteBucket(bytesPerSecond: number, now: number, buckets = 1, tally: Tally | null = null): TokenBucket {
  return new TokenBucket({ capacity: bytesPerSecond, rate: bytesPerSecond / 1_000 }, now, buckets, tally);
}

export class Throttle {
  readonly #bucket: TokenBucket;
  readonly #interval: number;
  readonly #place: ThrottlePlace;
  #waiting: Buffer[] = [];
  #size = 0;
  #ended: { readonly trailers: HeaderMap | null } | null = null;
  #timer: Timer | null = null;

  /** `interval`: milliseconds. */
  constructor(bucket: TokenBucket, interval: number, place: ThrottlePlace) {
    this.#bucket = bucket;
    this.#interval = interval;
    this.#place = place;
  }

  data(chunk: Buffer): void {
    this.#waiting.push(kept(chunk));
    this.#size += chunk.length;
    if (this.#timer === null) this.#pass();
    if (this.#size >= HIGH) this.#place.outlet.pause();
  }

  end(trailers: HeaderMap | null): void {
    this.#ended = { trailers };
    if (this.#timer === null) this.#pass();
  }

  stop(): void {
    this.#place.scope.wheel.cancel(this.#timer);
    this.#timer = null;
  }

  #pass(): void {
    const { scope, outlet, watch } = this.#place;
    const bytes = this.#bucket.takeUpTo(scope.clock.now(), this.#size);
    this.#write(bytes);
    const waiting = this.#size > 0;
    watch?.passed(bytes, waiting);
    if (waiting) this.#schedule();
    else if (this.#ended !== null) {
      const { trailers } = this.#ended;
      outlet.finish(watch === null ? trailers : watch.ending(trailers));
    }
  }

  #write(bytes: number): void {
    let left = bytes;
    for (let chunk = this.#waiting[0]; chunk !== undefined && left > 0; chunk = this.#waiting[0]) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      this.#size -= part.length;
      if (part.length === chunk.length) this.#waiting.shift();
      else this.#waiting[0] = chunk.subarray(part.length);
      this.#place.outlet.write(part);
    }
  }

  #schedule(): void {
    const { scope, stream, outlet } = this.#place;
    this.#timer = scope.wheel.set(this.#interval, () => {
      this.#timer = null;
      stream.run(() => {
        this.#pass();
        if (this.#size < HIGH) outlet.resume();
      });
    });
  }
}
