// Finished spans and log records on their way to a collector: sent in batches, never waited for, dropped and counted when too many wait.
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import type { HttpCall, HttpOutcome } from '../client/http-call.ts';
import type { ExporterConfig } from './config.ts';
import { type Envelope, exportCall } from './export-call.ts';

/** What is sent: which service takes it, and how a batch is written. */
export type Signal<Item> = Envelope & {
  /** As in the runtime keys `tracing.opentelemetry.min_flush_spans`. */
  readonly name: string;
  encode(items: readonly Item[], resource: ExporterConfig['resource']): Uint8Array;
};

/** What becomes of items. */
export type ExportCounter = {
  taken(count: number): void;
  /** Too many wait, or the collector did not take them. */
  lost(count: number): void;
  refused(): void;
  timed(): void;
};

/** Under Envoy's names (`tracing.opentelemetry.`). */
export class ExporterStats implements ExportCounter {
  spans_sent = 0;
  timer_flushed = 0;
  /** Not one of Envoy's: it drops them silently. */
  spans_dropped = 0;
  /** Batches that the collector did not take. */
  export_failed = 0;

  taken(count: number): void {
    this.spans_sent += count;
  }

  lost(count: number): void {
    this.spans_dropped += count;
  }

  refused(): void {
    this.export_failed += 1;
  }

  timed(): void {
    this.timer_flushed += 1;
  }
}

export type ExporterServices = {
  readonly client: { http(call: HttpCall, done: (outcome: HttpOutcome) => void): () => void };
  readonly wheel: TimerWheel;
  readonly runtime: { number(key: string): number | undefined };
};

// Envoy's defaults of `tracing.opentelemetry.flush_interval_ms` and `.min_flush_spans`.
const FLUSH_INTERVAL = 5_000;
const FLUSH_SPANS = 5;

export class Exporter<Item> {
  readonly #signal: Signal<Item>;
  readonly #config: ExporterConfig;
  readonly #services: ExporterServices;
  readonly #stats: ExportCounter;
  #waiting: Item[] = [];
  #timer: Timer | null = null;
  /** Items in batches that nobody has answered yet. */
  #unanswered = 0;

  constructor(config: ExporterConfig, signal: Signal<Item>, services: ExporterServices, stats: ExportCounter) {
    this.#config = config;
    this.#signal = signal;
    this.#services = services;
    this.#stats = stats;
  }

  add(item: Item): void {
    if (this.#waiting.length + this.#unanswered >= this.#config.queueSize) {
      this.#stats.lost(1);
      return;
    }
    this.#waiting.push(item);
    const { runtime, wheel } = this.#services;
    const enough = runtime.number(`tracing.${this.#signal.name}.min_flush_spans`) ?? FLUSH_SPANS;
    if (this.#waiting.length >= enough) this.#flush();
    else if (this.#timer === null) {
      const interval = runtime.number(`tracing.${this.#signal.name}.flush_interval_ms`) ?? FLUSH_INTERVAL;
      this.#timer = wheel.set(interval, () => {
        this.#timer = null;
        this.#stats.timed();
        this.#flush();
      });
    }
  }

  #flush(): void {
    const items = this.#waiting;
    if (items.length === 0) return;
    this.#waiting = [];
    this.#services.wheel.cancel(this.#timer);
    this.#timer = null;
    this.#unanswered += items.length;
    const { target, resource } = this.#config;
    const call = exportCall(target, this.#signal, this.#signal.encode(items, resource));
    this.#services.client.http(call, (outcome) => {
      this.#unanswered -= items.length;
      if (isTaken(outcome)) this.#stats.taken(items.length);
      else {
        this.#stats.refused();
        this.#stats.lost(items.length);
      }
    });
  }
}

/** A gRPC server that refuses says so in the head already. */
function isTaken(outcome: HttpOutcome): boolean {
  if (outcome.kind === 'failure') return false;
  const { status, headers } = outcome.answer;
  return status >= 200 && status < 300 && (headers.get('grpc-status') ?? '0') === '0';
}
