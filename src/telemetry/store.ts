// What all proxies counted during the last ten minutes, round by round; answers what was counted in any part of that time.
import { addCounts, type FlowDelta, type FlowReading } from './flow.ts';
import { addLatency } from './latency.ts';
import { Series } from './series.ts';

export type StoreLimits = {
  /** Rounds kept. */
  readonly rounds: number;
  /** Flows kept; further ones are not counted, but `dropped` is. About 130 KB each. */
  readonly series: number;
};

/** Ten minutes of rounds one second apart. */
const defaultLimits: StoreLimits = { rounds: 601, series: 1_000 };

export type DeltaFilter = (delta: FlowDelta['flow']) => boolean;

export class TelemetryStore {
  readonly #limits: StoreLimits;
  readonly #series = new Map<string, Series>();
  readonly #times: Float64Array;
  readonly #seen = new Set<string>();
  #retired: FlowDelta[] = [];
  #round = -1;
  #started = 0;
  dropped = 0;

  constructor(limits: StoreLimits = defaultLimits) {
    this.#limits = limits;
    this.#times = new Float64Array(limits.rounds);
  }

  /** One round: the readings of every proxy that answered, by its name. `at` is milliseconds since the epoch and grows. */
  record(at: number, readings: ReadonlyMap<string, readonly FlowReading[]>): void {
    this.#round++;
    if (this.#round === 0) this.#started = at;
    this.#times[this.#round % this.#limits.rounds] = at;
    for (const [proxy, flows] of readings) {
      const known = this.#seen.has(proxy);
      for (const reading of flows) this.#write(`${proxy} ${reading.id}`, reading, known);
      this.#seen.add(proxy);
    }
    if (this.#round % 60 === 0) this.#retire();
  }

  /** Milliseconds since the epoch of the last round; 0 before the first. */
  get at(): number {
    return this.#time(this.#round);
  }

  /** What was counted in the last `seconds`, or since the start where that is shorter. */
  window(seconds: number, filter: DeltaFilter = all): FlowDelta[] {
    return this.between(this.at - seconds * 1000, this.at, filter);
  }

  /** What was counted between two times, in milliseconds since the epoch, as far as rounds tell. */
  between(from: number, to: number, filter: DeltaFilter = all): FlowDelta[] {
    if (this.#round < 1) return [];
    const last = this.#roundAt(to);
    const first = Math.min(this.#roundAt(from), last - 1);
    if (first < 0) return [];
    const seconds = (this.#time(last) - this.#time(first)) / 1000;
    return [...this.#series.values()]
      .filter((series) => filter(series.flow))
      .map((series) => ({ flow: series.flow, seconds, ...series.between(first, last) }));
  }

  /** Everything counted since the proxies started. */
  totals(): FlowDelta[] {
    const seconds = Math.max(1, (this.at - this.#started) / 1000);
    const live = [...this.#series.values()].map((series) => ({ flow: series.flow, seconds, ...series.total() }));
    return [...live, ...this.#retired.map((delta) => ({ ...delta, seconds }))];
  }

  #write(key: string, reading: FlowReading, fresh: boolean): void {
    const series = this.#series.get(key);
    if (series?.fits(reading) === true) series.write(reading, this.#round);
    else if (series !== undefined) {
      // A histogram appeared or changed its bounds: what came before stays in the totals only.
      this.#series.set(key, new Series(reading, this.#round, this.#limits.rounds, false));
    } else if (this.#series.size >= this.#limits.series) this.dropped++;
    else this.#series.set(key, new Series(reading, this.#round, this.#limits.rounds, fresh));
  }

  /** Flows of proxies that have been gone for as long as the ring remembers keep their totals only. */
  #retire(): void {
    for (const [key, series] of this.#series) {
      if (this.#round - series.lastRound < this.#limits.rounds) continue;
      this.#series.delete(key);
      this.#addRetired({ flow: series.flow, seconds: 0, ...series.total() });
    }
  }

  /** One entry per flow, however many proxies came and went. */
  #addRetired(gone: FlowDelta): void {
    const name = JSON.stringify(gone.flow);
    const same = this.#retired.findIndex((delta) => JSON.stringify(delta.flow) === name);
    const before = this.#retired[same];
    if (before === undefined) this.#retired.push(gone);
    else {
      const counts = addCounts(before.counts, gone.counts);
      this.#retired[same] = { ...gone, counts, latency: addLatency(before.latency, gone.latency) };
    }
  }

  /** The last round not after `time`; the oldest one kept when all are. */
  #roundAt(time: number): number {
    const oldest = Math.max(0, this.#round - this.#limits.rounds + 1);
    let round = this.#round;
    while (round > oldest && this.#time(round) > time) round--;
    return round;
  }

  #time(round: number): number {
    return round < 0 ? 0 : (this.#times[round % this.#limits.rounds] ?? 0);
  }
}

const all: DeltaFilter = () => true;
