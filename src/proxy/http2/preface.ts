// The first bytes of a client (RFC 9113 section 3.4), which may come in pieces.
import { PREFACE } from './protocol.ts';

export class Preface {
  #seen = 0;

  /** Where the frames begin; -1 when these are not the first bytes of a client. */
  read(bytes: Buffer): number {
    if (this.#seen === PREFACE.length) return 0;
    const end = Math.min(bytes.length, PREFACE.length - this.#seen);
    if (bytes.compare(PREFACE, this.#seen, this.#seen + end, 0, end) !== 0) return -1;
    this.#seen += end;
    return end;
  }
}
