// Puts a header block together that comes in HEADERS and CONTINUATION frames (RFC 9113 section 4.3). A block in one frame is not copied.

/** HPACK may make a block larger than the fields it holds, but not by much. */
const SLACK = 16_384;

export class HeaderBlock {
  /** The stream whose block is incomplete; 0: none. */
  stream = 0;
  endStream = false;
  #parts: Buffer[] = [];
  #length = 0;
  readonly #limit: number;

  constructor(maxHeadBytes: number) {
    this.#limit = maxHeadBytes + SLACK;
  }

  begin(stream: number, endStream: boolean): void {
    this.stream = stream;
    this.endStream = endStream;
  }

  /** false: more than any head may have. */
  add(bytes: Buffer, start: number, end: number): boolean {
    this.#parts.push(Buffer.from(bytes.subarray(start, end)));
    this.#length += end - start;
    return this.#length <= this.#limit;
  }

  take(): Buffer {
    const whole = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    this.stream = 0;
    return whole;
  }
}
