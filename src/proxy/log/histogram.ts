// A histogram over fixed bounds: an addition into a typed array per record.

/** Upper bounds of Istio's histograms, for milliseconds and bytes alike. */
const BOUNDS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

export class Histogram {
  /** Not cumulative; the last one is over every bound. */
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  #sum = 0;

  record(value: number): void {
    let bucket = 0;
    while (bucket < BOUNDS.length && value > BOUNDS[bucket]!) bucket += 1;
    this.#counts[bucket]! += 1;
    this.#sum += value;
  }

  /** Lines of the exposition format; `labels` is `a="b",c="d"`. */
  text(name: string, labels: string): string {
    let count = 0;
    let text = '';
    for (const [bucket, bound] of [...BOUNDS, '+Inf'].entries()) {
      count += this.#counts[bucket]!;
      text += `${name}_bucket{${labels},le="${bound}"} ${count}\n`;
    }
    return `${text}${name}_sum{${labels}} ${this.#sum}\n${name}_count{${labels}} ${count}\n`;
  }
}
