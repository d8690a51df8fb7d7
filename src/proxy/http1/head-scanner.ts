// Finds the end of a head or trailer section. It looks at every byte once and keeps its state between reads, so that the answer
// never depends on how the bytes were split, and a peer that sends one byte at a time costs no more than one that sends all.

/** Results of `scan` and of `HeadReader.read` other than the position after the section. */
export const MORE = -1;
const BAD_LINE = -2;
export const BAD_CHARACTER = -3;
export const TOO_LARGE = -4;

const TEXT = 0;
const CR = 1;
const LF = 2;
const BAD = 3;

// RFC 9110 section 5.5: field content is visible ASCII, space, tab and obs-text. Everything else in a head is an attack or a mistake.
const KIND = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) KIND[byte] = BAD;
}
KIND[0x0d] = CR;
KIND[0x0a] = LF;

export class HeadScanner {
  #afterCr = false;
  #lineLength = 0;

  reset(): void {
    this.#afterCr = false;
    this.#lineLength = 0;
  }

  /** Position just after the empty line that ends the section, or one of the constants above. */
  scan(bytes: Uint8Array, from: number, to: number): number {
    let afterCr = this.#afterCr;
    let lineLength = this.#lineLength;
    for (let i = from; i < to; i++) {
      const kind = KIND[bytes[i]!]!;
      if (afterCr) {
        if (kind !== LF) return BAD_LINE;
        if (lineLength === 0) return i + 1;
        afterCr = false;
        lineLength = 0;
      } else if (kind === TEXT) {
        lineLength += 1;
      } else if (kind === CR) {
        afterCr = true;
      } else {
        return kind === LF ? BAD_LINE : BAD_CHARACTER;
      }
    }
    this.#afterCr = afterCr;
    this.#lineLength = lineLength;
    return MORE;
  }
}
