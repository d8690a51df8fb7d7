// Literals seen again: the same bytes → the same checked string. Peers repeat values that they do not put into their table (nginx does so with
// every field), and a string made once also brings its hash and its check along.
//
//   slot of a literal = hash of its bytes:   [ length, Huffman? | bytes … | string ]
//
// A value enters with its second coming in a row, so that ids and other values that never come again do not push out those that do. What
// lets somebody in is not kept.

const SLOTS = 1_024;
/** Longer literals are seldom the same. */
const MOST_BYTES = 64;
const HUFFMAN = 0x80;
const SECRET: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

/** One for all connections of the process: what it gives is what decoding gives. */
export class LiteralMemo {
  readonly #bytes = Buffer.alloc(SLOTS * MOST_BYTES);
  /** Length in bytes, with HUFFMAN in the highest bit. */
  readonly #shapes = new Uint8Array(SLOTS);
  readonly #texts: string[] = new Array<string>(SLOTS).fill('');
  /** What came last and was not found. */
  readonly #candidates = new Int32Array(SLOTS);
  #hash = 0;

  /** What was learned for the literal; undefined when nothing was. */
  find(bytes: Buffer, start: number, end: number, huffman: boolean): string | undefined {
    const length = end - start;
    if (length > MOST_BYTES) return undefined;
    let hash = huffman ? 1 : 2;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    this.#hash = hash ^ (hash >>> 15);
    const slot = this.#hash & (SLOTS - 1);
    if (this.#shapes[slot] !== (huffman ? length | HUFFMAN : length)) return undefined;
    const known = this.#bytes;
    for (let at = start, there = slot * MOST_BYTES; at < end; at++, there++) {
      if (bytes[at] !== known[there]) return undefined;
    }
    return this.#texts[slot];
  }

  /** `text` is a good value, of the literal that `find` was just asked for and did not know. */
  learn(bytes: Buffer, start: number, end: number, huffman: boolean, name: string, text: string): void {
    const length = end - start;
    if (length > MOST_BYTES || length === 0) return;
    const slot = this.#hash & (SLOTS - 1);
    if (this.#candidates[slot] !== this.#hash) {
      this.#candidates[slot] = this.#hash;
      return;
    }
    if (SECRET.has(name)) return;
    bytes.copy(this.#bytes, slot * MOST_BYTES, start, end);
    this.#shapes[slot] = huffman ? length | HUFFMAN : length;
    this.#texts[slot] = text;
  }
}
