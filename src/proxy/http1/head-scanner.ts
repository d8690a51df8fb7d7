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

/** In fewer bytes than this, looking at four at a time does not pay for the view it needs. */
const MANY = 256;

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
    const words = to - from < MANY ? NO_WORDS : wordsOf(bytes);
    const offset = bytes.byteOffset;
    for (let i = from; i < to; i++) {
      if (words !== NO_WORDS && !afterCr && ((offset + i) & 3) === 0) {
        const start = i;
        while (i + 4 <= to && isText(words[(offset + i) >> 2]!)) i += 4;
        lineLength += i - start;
        if (i >= to) break;
      }
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

const NO_WORDS = new Int32Array(0);
let viewed: Int32Array = NO_WORDS;

/** The memory under the bytes, four at a time. Plain sockets share one buffer, so that the last view nearly always fits. */
function wordsOf({ buffer }: Uint8Array): Int32Array {
  if (viewed.buffer !== buffer) viewed = new Int32Array(buffer, 0, buffer.byteLength >> 2);
  return viewed;
}

/** Whether all four bytes are text: none below 0x20 and none 0x7f. (A tab is text too, but is left to the slow way.) */
function isText(word: number): boolean {
  const fromDelete = word ^ 0x7f7f7f7f;
  return ((((word - 0x20202020) & ~word) | ((fromDelete - 0x01010101) & ~fromDelete)) & 0x80808080) === 0;
}
