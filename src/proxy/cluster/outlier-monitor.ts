// What outlier detection knows of one endpoint. What is counted with each request may be counted by several threads together; the rest is of
// the one that judges.
import { Counts } from '../../lib/shared-counts.ts';

const FAILED_IN_ROW = { status: 0, gateway: 1, local: 2 } as const;
const EXTERNAL = 3;
const LOCAL = 5;
/** Failures in a row, of Linkerd's circuit breaker, and whether its one request on probation is still to be had. */
export const ACCRUED_FAILURES = 7;
export const TRIAL = 8;

/** Requests of an interval and how many of them were answered well. */
class SuccessRate {
  readonly #counts: Counts;
  readonly #succeeded: number;
  readonly #failed: number;
  /** Of the interval before. */
  total = 0;
  /** Percent, of the interval before; -1 when nothing can be said. */
  percent = -1;

  constructor(counts: Counts, field: number) {
    this.#counts = counts;
    this.#succeeded = field;
    this.#failed = field + 1;
  }

  count(succeeded: boolean): void {
    this.#counts.increment(succeeded ? this.#succeeded : this.#failed);
  }

  turn(): void {
    const succeeded = this.#counts.take(this.#succeeded);
    this.total = succeeded + this.#counts.take(this.#failed);
    this.percent = this.total === 0 ? -1 : (succeeded * 100) / this.total;
  }
}

export class OutlierMonitor {
  readonly counts: Counts;
  /** Responses, and failures too where they are not told apart. */
  readonly external: SuccessRate;
  /** What failed before there was a response. */
  readonly local: SuccessRate;
  /** How often it was ejected. */
  ejections = 0;
  /** How many times the base time the next ejection takes. */
  backoff = 0;
  jitter = 0;
  /** Monotonic milliseconds. */
  ejectedAt = 0;
  /** null: never came back. */
  returnedAt: number | null = null;

  constructor(counts: Counts) {
    this.counts = counts;
    this.external = new SuccessRate(counts, EXTERNAL);
    this.local = new SuccessRate(counts, LOCAL);
  }

  /** Whether that makes `limit` in a row; then a new row begins. */
  failed(kind: keyof typeof FAILED_IN_ROW, limit: number): boolean {
    if (this.counts.increment(FAILED_IN_ROW[kind]) !== limit) return false;
    this.succeeded(kind);
    return true;
  }

  succeeded(kind: keyof typeof FAILED_IN_ROW): void {
    this.counts.clear(FAILED_IN_ROW[kind]);
  }

  forgetErrors(): void {
    for (const field of Object.values(FAILED_IN_ROW)) this.counts.clear(field);
  }
}

/** Of endpoints whose answers nobody judges: nothing is ever counted there. */
export const unwatched = new OutlierMonitor(new Counts());
