// What outlier detection knows of one endpoint.

/** Requests of an interval and how many of them were answered well. */
export class SuccessRate {
  #total = 0;
  #succeeded = 0;
  /** Of the interval before. */
  total = 0;
  /** Percent, of the interval before; -1 when nothing can be said. */
  percent = -1;

  count(succeeded: boolean): void {
    this.#total += 1;
    if (succeeded) this.#succeeded += 1;
  }

  turn(): void {
    this.total = this.#total;
    this.percent = this.#total === 0 ? -1 : (this.#succeeded * 100) / this.#total;
    this.#total = 0;
    this.#succeeded = 0;
  }
}

export class OutlierMonitor {
  consecutive5xx = 0;
  consecutiveGatewayFailures = 0;
  consecutiveLocalFailures = 0;
  /** Responses, and failures too where they are not told apart. */
  readonly external = new SuccessRate();
  /** What failed before there was a response. */
  readonly local = new SuccessRate();
  /** How many times the base time the next ejection takes. */
  backoff = 0;
  jitter = 0;
  /** Monotonic milliseconds. */
  ejectedAt = 0;
  /** null: never came back. */
  returnedAt: number | null = null;

  forgetErrors(): void {
    this.consecutive5xx = 0;
    this.consecutiveGatewayFailures = 0;
    this.consecutiveLocalFailures = 0;
  }
}
