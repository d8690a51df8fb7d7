// One flow over time: a ring of what had been counted at the end of each round.
//
//   rounds   … 41   42   43 …          written only when the proxy answered;
//   slots    | row | row | row |       a round without an answer shows the row before it
//
// Rows are cumulative and never fall: a proxy that restarts begins again at zero, and what it counted before stays added.
import type { Flow, FlowCounts, FlowReading } from './flow.ts';
import type { Latency } from './latency.ts';

const COLUMNS: readonly (keyof FlowCounts)[] = ['requests', 'failed', 'unsent', 'denied', 'secure', 'plain'];

export class Series {
  flow: Flow;
  readonly #bounds: readonly number[];
  readonly #width: number;
  readonly #rounds: number;
  readonly #ring: Float64Array;
  /** What it had counted before the first round; what a window that begins earlier starts from. */
  readonly #base: Float64Array;
  #raw: Float64Array;
  readonly #firstRound: number;
  #lastRound: number;

  /** `fresh`: everything counted happened since the round before; otherwise it is older than that. */
  constructor(reading: FlowReading, round: number, rounds: number, fresh: boolean) {
    this.flow = reading.flow;
    this.#bounds = reading.latency.bounds;
    this.#width = COLUMNS.length + this.#bounds.length;
    this.#rounds = rounds;
    this.#ring = new Float64Array(rounds * this.#width);
    this.#raw = rowOf(reading);
    this.#base = fresh ? new Float64Array(this.#width) : this.#raw;
    this.#firstRound = round;
    this.#lastRound = round;
    this.#row(round).set(this.#raw);
  }

  /** Another histogram cannot go into the same ring. */
  fits(reading: FlowReading): boolean {
    const { bounds } = reading.latency;
    return (
      bounds === this.#bounds ||
      (bounds.length === this.#bounds.length && bounds.every((b, i) => b === this.#bounds[i]))
    );
  }

  get lastRound(): number {
    return this.#lastRound;
  }

  write(reading: FlowReading, round: number): void {
    const raw = rowOf(reading);
    const restarted = (raw[0] ?? 0) < (this.#raw[0] ?? 0);
    const before = this.#row(this.#lastRound).slice();
    for (let skipped = Math.max(this.#lastRound, round - this.#rounds) + 1; skipped < round; skipped++) {
      this.#row(skipped).set(before);
    }
    const row = this.#row(round);
    for (let i = 0; i < this.#width; i++) {
      const grown = (raw[i] ?? 0) - (restarted ? 0 : (this.#raw[i] ?? 0));
      row[i] = (before[i] ?? 0) + Math.max(0, grown);
    }
    this.flow = reading.flow;
    this.#raw = raw;
    this.#lastRound = round;
  }

  /** What was counted after round `from` up to and with round `to`. */
  between(from: number, to: number): { counts: FlowCounts; latency: Latency } {
    const a = this.#at(from);
    const b = this.#at(to);
    return this.#delta(a, b);
  }

  /** Everything the proxies counted, before the first round too. */
  total(): { counts: FlowCounts; latency: Latency } {
    return this.#delta(new Float64Array(this.#width), this.#row(this.#lastRound));
  }

  #at(round: number): Float64Array {
    return round < this.#firstRound ? this.#base : this.#row(Math.min(round, this.#lastRound));
  }

  #row(round: number): Float64Array {
    const slot = (round % this.#rounds) * this.#width;
    return this.#ring.subarray(slot, slot + this.#width);
  }

  #delta(a: Float64Array, b: Float64Array): { counts: FlowCounts; latency: Latency } {
    const column = (i: number) => Math.max(0, (b[i] ?? 0) - (a[i] ?? 0));
    const counts = Object.fromEntries(COLUMNS.map((name, i) => [name, column(i)])) as FlowCounts;
    const cumulative = this.#bounds.map((_, i) => column(COLUMNS.length + i));
    return { counts, latency: { bounds: this.#bounds, cumulative } };
  }
}

function rowOf({ counts, latency }: FlowReading): Float64Array {
  return Float64Array.from([...COLUMNS.map((column) => counts[column]), ...latency.cumulative]);
}
