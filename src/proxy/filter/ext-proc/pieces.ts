// Pieces of a body that a processor was sent and has not answered yet, in order. The source is stopped while there is much of it.
import type { FilterOutlet } from '../filter.ts';

type Piece = { readonly bytes: Buffer; readonly last: boolean };

/** Bytes at which the source is stopped. */
const HIGH = 65_536;

export class Pieces {
  readonly #outlet: FilterOutlet;
  #waiting: Piece[] = [];
  #bytes = 0;

  constructor(outlet: FilterOutlet) {
    this.#outlet = outlet;
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  push(bytes: Buffer, last: boolean): void {
    this.#waiting.push({ bytes, last });
    this.#bytes += bytes.length;
    if (this.#bytes >= HIGH) this.#outlet.pause();
  }

  shift(): Piece | undefined {
    const piece = this.#waiting.shift();
    this.#bytes -= piece?.bytes.length ?? 0;
    if (this.#bytes < HIGH) this.#outlet.resume();
    return piece;
  }
}
