// The series of the exchanges just counted: nearly every exchange is like one of the last few, and comparing fields costs a fraction of building
// a key and hashing it.
import type { Exchange } from '../http/exchange.ts';

const SIZE = 8;

type Entry<S> = {
  readonly status: number;
  readonly flags: number;
  readonly details: string;
  readonly grpcStatus: string | null;
  readonly near: unknown;
  readonly far: unknown;
  readonly series: S;
};

/** `near` and `far` are what tells the two ends, compared by identity; `grpcStatus` is null for other protocols. */
export class RecentSeries<S> {
  readonly #entries: Entry<S>[] = [];
  #next = 0;

  find(exchange: Exchange, grpcStatus: string | null, near: unknown, far: unknown): S | null {
    const status = exchange.response?.status ?? 0;
    for (const entry of this.#entries) {
      if (
        entry.status === status &&
        entry.near === near &&
        entry.far === far &&
        entry.flags === exchange.flags &&
        entry.details === exchange.details &&
        entry.grpcStatus === grpcStatus
      )
        return entry.series;
    }
    return null;
  }

  add(exchange: Exchange, grpcStatus: string | null, near: unknown, far: unknown, series: S): void {
    const { response, flags, details } = exchange;
    this.#entries[this.#next] = { status: response?.status ?? 0, flags, details, grpcStatus, near, far, series };
    this.#next = (this.#next + 1) % SIZE;
  }
}
