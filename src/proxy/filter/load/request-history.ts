// How many requests there were lately and how many of them succeeded: samples of a second each, as far back as the window goes.

type Sample = { readonly since: number; requests: number; successes: number };

const SECOND = 1_000;

export class RequestHistory {
  readonly #window: number;
  /** Oldest first. */
  readonly #samples: Sample[] = [];
  #requests = 0;
  #successes = 0;

  /** `window`: milliseconds, whole seconds. */
  constructor(window: number) {
    this.#window = window;
  }

  record(success: boolean, now: number): void {
    const sample = this.#newest(now);
    sample.requests += 1;
    this.#requests += 1;
    if (!success) return;
    sample.successes += 1;
    this.#successes += 1;
  }

  counts(now: number): { readonly requests: number; readonly successes: number } {
    this.#forget(now);
    return { requests: this.#requests, successes: this.#successes };
  }

  /** Whole requests per second, over the window at least. What is too old counts until the next record, as in Envoy. */
  averageRate(now: number): number {
    const oldest = this.#samples[0];
    if (oldest === undefined) return 0;
    const seconds = Math.floor(Math.max(this.#window, now - oldest.since) / SECOND);
    return Math.floor(this.#requests / Math.max(1, seconds));
  }

  #newest(now: number): Sample {
    this.#forget(now);
    const newest = this.#samples.at(-1);
    if (newest !== undefined && now - newest.since < SECOND) return newest;
    const sample = { since: now, requests: 0, successes: 0 };
    this.#samples.push(sample);
    return sample;
  }

  #forget(now: number): void {
    for (let oldest = this.#samples[0]; oldest !== undefined; oldest = this.#samples[0]) {
      if (now - oldest.since < this.#window) return;
      this.#requests -= oldest.requests;
      this.#successes -= oldest.successes;
      this.#samples.shift();
    }
  }
}
