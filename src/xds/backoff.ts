// How long to wait before the next attempt: doubles from `base` to `max`, with full jitter so that clients do not return as one.

export type Backoff = { next(): number; reset(): void };

/** Milliseconds. `random` is uniform in [0, 1). */
export function jitteredBackoff(base: number, max: number, random: () => number): Backoff {
  let ceiling = base;
  return {
    next() {
      const delay = ceiling * (0.5 + random() / 2);
      ceiling = Math.min(max, ceiling * 2);
      return delay;
    },
    reset() {
      ceiling = base;
    },
  };
}
