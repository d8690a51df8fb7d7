// Statistics to sinks, at every interval. Counters and gauges that never had a value are left out, as by Envoy.
import type { Clock } from '../../lib/clock.ts';
import type { HistogramState } from '../../lib/histogram.ts';
import type { Log } from '../../lib/log.ts';
import { isGauge, statisticName } from '../admin/statistic-name.ts';
import type { NamedHistogram, Statistic } from '../admin/statistics.ts';

type Counted = {
  readonly name: string;
  readonly value: number;
  /** Since it was reported last. */
  readonly delta: number;
};

export type Report = {
  readonly counters: readonly Counted[];
  readonly gauges: readonly Statistic[];
  readonly histograms: readonly NamedHistogram[];
  /** What of each came since the report before; [] where no sink needs to know. */
  readonly intervals: readonly NamedHistogram[];
  /** Milliseconds since the epoch: of this report, and of the first figures. */
  readonly at: number;
  readonly since: number;
};

export type Sink = {
  /** It reads `intervals`. */
  readonly needsIntervals?: boolean;
  /** Must not block; what goes wrong is the sink's to count. */
  send(report: Report): void;
  close(): void;
};

type ReporterSource = {
  /** Brings the figures up to date; null where they always are. */
  collect(): Promise<void> | null;
  statistics(): Iterable<Statistic>;
  histograms(): Iterable<NamedHistogram>;
};

export class StatsReporter {
  readonly #interval: number;
  readonly #sinks: readonly Sink[];
  readonly #source: ReporterSource;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #since: number;
  /** Values as they were reported last. */
  readonly #before = new Map<string, number>();
  readonly #histogramsBefore = new Map<string, HistogramState>();
  readonly #needsIntervals: boolean;
  #stop: (() => void) | null = null;

  constructor(interval: number, sinks: readonly Sink[], source: ReporterSource, clock: Clock, log: Log) {
    this.#interval = interval;
    this.#sinks = sinks;
    this.#needsIntervals = sinks.some((sink) => sink.needsIntervals === true);
    this.#source = source;
    this.#clock = clock;
    this.#log = log;
    this.#since = clock.epoch();
  }

  /** Does nothing where there is no sink. */
  start(): void {
    if (this.#sinks.length > 0) this.#wait();
  }

  close(): void {
    this.#stop?.();
    for (const sink of this.#sinks) sink.close();
  }

  #wait(): void {
    this.#stop = this.#clock.after(this.#interval, () => {
      this.#wait();
      const collected = this.#source.collect();
      if (collected === null) this.#report();
      else void collected.then(() => this.#report());
    });
  }

  #report(): void {
    const report = this.#read();
    for (const sink of this.#sinks) {
      try {
        sink.send(report);
      } catch (error) {
        this.#log.error({ err: error }, 'exception in a stats sink');
      }
    }
  }

  #read(): Report {
    const counters: Counted[] = [];
    const gauges: Statistic[] = [];
    for (const [field, value] of this.#source.statistics()) {
      const before = this.#before.get(field);
      if (value === 0 && before === undefined) continue;
      this.#before.set(field, value);
      const name = statisticName(field);
      if (isGauge(name)) gauges.push([name, value]);
      else counters.push({ name, value, delta: value >= (before ?? 0) ? value - (before ?? 0) : value });
    }
    const histograms = [...this.#source.histograms()].filter(([, { count }]) => count > 0);
    const intervals = this.#needsIntervals ? histograms.map((one) => this.#recent(one)) : [];
    return { counters, gauges, histograms, intervals, at: this.#clock.epoch(), since: this.#since };
  }

  #recent([name, histogram]: NamedHistogram): NamedHistogram {
    const since = histogram.since(this.#histogramsBefore.get(name) ?? null);
    this.#histogramsBefore.set(name, histogram.copy());
    return [name, since];
  }
}
