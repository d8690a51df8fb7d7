// What a peer may still send on a stream or a connection (RFC 9113 section 5.2). New credit is announced in large pieces: a WINDOW_UPDATE per
// read would cost more than it gives.

export class ReceiveWindow {
  #left: number;
  #pending = 0;
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
    this.#left = size;
  }

  /** false: the peer sent more than it was allowed to. */
  take(length: number): boolean {
    this.#left -= length;
    return this.#left >= 0;
  }

  /** Bytes that have been dealt with. Returns what to announce now; 0 for nothing yet. */
  credit(length: number): number {
    this.#pending += length;
    if (this.#pending * 2 < this.#size) return 0;
    const increment = this.#pending;
    this.#left += increment;
    this.#pending = 0;
    return increment;
  }
}
