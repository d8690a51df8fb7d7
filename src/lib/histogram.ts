// A histogram of positive values with two significant digits: an addition into a typed array per record, quantiles and any bounds afterwards.
//
//   bucket of 4,730 = decade 10^3, digits 47:   [ … | 4.6e3 | 4.7e3 ← | 4.8e3 | … ]   its value lies in [4700, 4800)
//
// Bucket 0 holds everything below 0.1. The array is made with the first record, because most histograms of a mesh never get one.

export type Exemplar = { readonly value: number; readonly label: string; readonly epoch: number };

/** What a histogram holds, as it can cross between threads. */
export type HistogramState = {
  /** By bucket; null without records. */
  readonly counts: Float64Array | null;
  readonly count: number;
  readonly sum: number;
  readonly exemplar: Exemplar | null;
  /** See `Histogram`. */
  readonly parts: number;
};

const LOWEST = -1;
const DECADES = 11;
/** From 10 to 99. */
const PER_DECADE = 90;
const SIZE = DECADES * PER_DECADE + 1;
const POWERS = Array.from({ length: DECADES + 1 }, (_, i) => 10 ** (LOWEST + i));

export class Histogram {
  /** So many recorded are one that is read: small shares are recorded as millionths, for the sake of their digits. */
  #parts: number;
  #counts: Float64Array | null = null;
  #count = 0;
  #sum = 0;
  #exemplar: Exemplar | null = null;

  constructor(parts = 1) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum / this.#parts;
  }

  /** The last record that came with one. */
  get exemplar(): Exemplar | null {
    return this.#exemplar;
  }

  record(value: number): void {
    this.#counts ??= new Float64Array(SIZE);
    this.#counts[bucketOf(value)]! += 1;
    this.#count += 1;
    this.#sum += value;
  }

  /** Says which request a value was of, as in `trace_id="…"`. */
  exemplify(exemplar: Exemplar): void {
    this.#exemplar = exemplar;
  }

  /** Shares its counts with the histogram. */
  state(): HistogramState {
    return { counts: this.#counts, count: this.#count, sum: this.#sum, exemplar: this.#exemplar, parts: this.#parts };
  }

  /** Records all that another one of the same parts has; an empty one takes them over. The newer exemplar stays. */
  add({ counts, count, sum, exemplar, parts }: HistogramState): void {
    if (this.#counts === null) this.#parts = parts;
    if (counts === null) return;
    this.#counts ??= new Float64Array(SIZE);
    for (let i = 0; i < SIZE; i++) this.#counts[i]! += counts[i]!;
    this.#count += count;
    this.#sum += sum;
    if (exemplar !== null && exemplar.epoch >= (this.#exemplar?.epoch ?? 0)) this.#exemplar = exemplar;
  }

  /** What was recorded since `before`, an earlier state; all of it when there was a reset in between. */
  since(before: HistogramState | null): Histogram {
    const found = new Histogram();
    found.add(this.state());
    if (before === null || before.counts === null || before.count > this.#count) return found;
    for (let i = 0; i < SIZE; i++) found.#counts![i]! -= before.counts[i]!;
    found.#count -= before.count;
    found.#sum -= before.sum;
    return found;
  }

  /** As `state`, of this moment. */
  copy(): HistogramState {
    return { ...this.state(), counts: this.#counts?.slice() ?? null };
  }

  reset(): void {
    this.#counts = null;
    this.#count = 0;
    this.#sum = 0;
    this.#exemplar = null;
  }

  /** Buckets that have records, lowest first. */
  filled(): (readonly [low: number, width: number, count: number])[] {
    const found: [number, number, number][] = [];
    this.#counts?.forEach((count, bucket) => {
      const [low, high] = rangeOf(bucket);
      if (count > 0) found.push([low / this.#parts, (high - low) / this.#parts, count]);
    });
    return found;
  }

  /** How many records lie below each bound, for bounds in ascending order with two significant digits at most. */
  below(bounds: readonly number[]): number[] {
    const counts = this.#counts;
    if (counts === null) return bounds.map(() => 0);
    let at = 0;
    let total = 0;
    return bounds.map((bound) => {
      const end = bucketOf(bound * this.#parts);
      for (; at < end; at++) total += counts[at]!;
      return total;
    });
  }

  /** For shares in [0, 1], ascending; NaN without records. Interpolated within a bucket. */
  quantiles(shares: readonly number[]): number[] {
    const counts = this.#counts;
    if (counts === null || this.#count === 0) return shares.map(() => Number.NaN);
    let at = counts.findIndex((count) => count > 0);
    let before = 0;
    return shares.map((share) => {
      const rank = share * this.#count;
      while (before + counts[at]! < rank && at < SIZE - 1) before += counts[at++]!;
      const inside = counts[at]! === 0 ? 0 : (rank - before) / counts[at]!;
      const [low, high] = rangeOf(at);
      return (low + (high - low) * inside) / this.#parts;
    });
  }
}

function bucketOf(value: number): number {
  // Also NaN.
  if (!(value >= POWERS[0]!)) return 0;
  let decade = 0;
  while (decade < DECADES - 1 && value >= POWERS[decade + 1]!) decade += 1;
  // The small addition makes up for 0.3 / 0.1 being 2.9999….
  const digits = Math.min(99, Math.floor((value / POWERS[decade]!) * 10 + 1e-9));
  return decade * PER_DECADE + digits - 9;
}

function rangeOf(bucket: number): readonly [low: number, high: number] {
  // Zero, nearly always: what is below a tenth of a millisecond is none.
  if (bucket === 0) return [0, 0];
  const decade = Math.floor((bucket - 1) / PER_DECADE);
  const unit = POWERS[decade]! / 10;
  const digits = bucket - 1 - decade * PER_DECADE + 10;
  return [digits * unit, (digits + 1) * unit];
}
