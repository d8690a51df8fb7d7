// The flows of one proxy while its metrics are read: which series adds to which count of which flow is worked out once per series.
import { type Flow, type FlowCounts, type FlowReading, noCounts } from './flow.ts';
import { type ExpositionFault, parseExposition, parseLabels } from './prometheus-parser.ts';

/** Where a series' value goes: counts it adds to, or the bucket of that upper bound in milliseconds. */
export type SeriesTarget = {
  readonly id: string;
  readonly flow: Flow;
  readonly adds: readonly (keyof FlowCounts)[];
  readonly bound: number | null;
};

export type Labels = ReadonlyMap<string, string>;

/** `null`: nothing here counts that series. */
export type SeriesMeaning = (name: string, labels: Labels) => SeriesTarget | null;

/** A proxy that shows more series than this is read only so far. */
const MAX_SERIES = 50_000;

export class FlowTable {
  readonly #meaning: SeriesMeaning;
  readonly #wanted: (name: string) => boolean;
  readonly #known = new Map<string, Target | null>();
  readonly #rows = new Map<string, Row>();

  constructor(wanted: (name: string) => boolean, meaning: SeriesMeaning) {
    this.#wanted = wanted;
    this.#meaning = meaning;
  }

  read(text: string): { readings: FlowReading[]; fault: ExpositionFault | null } {
    for (const row of this.#rows.values()) row.clear();
    const fault = parseExposition(text, (name, labels, value) => {
      if (!this.#wanted(name)) return;
      const target = this.#target(name, labels);
      if (target !== null && Number.isFinite(value)) target.row.add(target, value);
    });
    return { readings: fault === null ? [...this.#rows.values()].map((row) => row.reading()) : [], fault };
  }

  #target(name: string, text: string): Target | null {
    const series = `${name}{${text}`;
    const known = this.#known.get(series);
    if (known !== undefined) return known;
    if (this.#known.size >= MAX_SERIES) return null;
    const labels = parseLabels(text);
    const meaning = labels === null ? null : this.#meaning(name, labels);
    const target = meaning === null ? null : { ...meaning, row: this.#row(meaning) };
    this.#known.set(series, target);
    return target;
  }

  #row({ id, flow }: SeriesTarget): Row {
    const row = this.#rows.get(id) ?? new Row(id, flow);
    this.#rows.set(id, row);
    return row;
  }
}

type Target = SeriesTarget & { readonly row: Row };

class Row {
  readonly #id: string;
  readonly #flow: Flow;
  #counts: Record<keyof FlowCounts, number> = { ...noCounts };
  readonly #buckets = new Map<number, number>();
  #bounds: readonly number[] = [];

  constructor(id: string, flow: Flow) {
    this.#id = id;
    this.#flow = flow;
  }

  clear(): void {
    this.#counts = { ...noCounts };
    for (const bound of this.#buckets.keys()) this.#buckets.set(bound, 0);
  }

  add(target: SeriesTarget, value: number): void {
    for (const column of target.adds) this.#counts[column] += value;
    if (target.bound !== null) this.#buckets.set(target.bound, (this.#buckets.get(target.bound) ?? 0) + value);
  }

  reading(): FlowReading {
    if (this.#bounds.length !== this.#buckets.size) this.#bounds = [...this.#buckets.keys()].sort((a, b) => a - b);
    const cumulative = this.#bounds.map((bound) => this.#buckets.get(bound) ?? 0);
    return { id: this.#id, flow: this.#flow, counts: this.#counts, latency: { bounds: this.#bounds, cumulative } };
  }
}
