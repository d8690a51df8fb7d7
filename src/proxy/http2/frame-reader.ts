// Cuts the bytes of a connection into frames (RFC 9113 section 4). Frames are given whole, but DATA as it comes: its size says nothing about
// how much of it is here.
import { FRAME_HEAD, FRAME_SIZE, flags, frame } from './protocol.ts';

export type FrameSink = {
  /** A whole frame other than DATA; its payload is `bytes` from `start` to `end`. */
  onFrame(type: number, flagBits: number, stream: number, bytes: Buffer, start: number, end: number): void;
  /** A DATA frame begins: `length` bytes count for flow control, of which `padding` (with its length byte) are no content. */
  onDataHead(stream: number, length: number, padding: number, flagBits: number): void;
  onDataBytes(bytes: Buffer, start: number, end: number): void;
  onDataEnd(): void;
  /** A frame that is too large or contradicts itself; nothing more is read. */
  onBadFrame(reason: 'size' | 'padding'): void;
};

export class FrameReader {
  readonly #sink: FrameSink;
  #held: Buffer = Buffer.alloc(0);
  #heldLength = 0;
  /** Content and padding of the DATA frame in progress that have not come yet. */
  #content = 0;
  #padding = 0;
  #stopped = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** The rest of the bytes means nothing any more. */
  stop(): void {
    this.#stopped = true;
  }

  read(bytes: Buffer): void {
    let at = this.#heldLength > 0 ? this.#complete(bytes) : 0;
    while (at < bytes.length && !this.#stopped) {
      if (this.#content + this.#padding > 0) {
        at = this.#pass(bytes, at);
        continue;
      }
      const needed = this.#needed(bytes, at, bytes.length);
      if (at + needed > bytes.length) {
        this.#hold(bytes, at, bytes.length, needed);
        return;
      }
      at += this.#take(bytes, at, needed);
    }
  }

  /** Completes the frame whose beginning is held; returns how many of the new bytes that took. */
  #complete(bytes: Buffer): number {
    let at = 0;
    while (!this.#stopped) {
      const needed = this.#needed(this.#held, 0, this.#heldLength);
      const missing = needed - this.#heldLength;
      if (missing <= 0) {
        this.#heldLength = 0;
        this.#take(this.#held, 0, needed);
        return at;
      }
      if (at === bytes.length) return at;
      const end = Math.min(bytes.length, at + missing);
      this.#hold(bytes, at, end, needed);
      at = end;
    }
    return at;
  }

  #hold(bytes: Buffer, from: number, to: number, needed: number): void {
    if (this.#held.length < needed) {
      const larger = Buffer.allocUnsafe(needed);
      this.#held.copy(larger, 0, 0, this.#heldLength);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#heldLength, from, to);
    this.#heldLength += to - from;
  }

  /** Bytes that must be here before the frame at `at` can be dealt with. */
  #needed(bytes: Buffer, at: number, end: number): number {
    if (end - at < FRAME_HEAD) return FRAME_HEAD;
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    if (length > FRAME_SIZE) return FRAME_HEAD;
    if (bytes[at + 3] !== frame.data) return FRAME_HEAD + length;
    return (bytes[at + 4]! & flags.padded) !== 0 && length > 0 ? FRAME_HEAD + 1 : FRAME_HEAD;
  }

  #take(bytes: Buffer, at: number, needed: number): number {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    if (length > FRAME_SIZE) {
      this.#stopped = true;
      this.#sink.onBadFrame('size');
      return needed;
    }
    const type = bytes[at + 3]!;
    const flagBits = bytes[at + 4]!;
    const stream = ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
    if (type === frame.data) this.#takeData(bytes, at, length, flagBits, stream);
    else this.#sink.onFrame(type, flagBits, stream, bytes, at + FRAME_HEAD, at + needed);
    return needed;
  }

  #takeData(bytes: Buffer, at: number, length: number, flagBits: number, stream: number): void {
    const padded = (flagBits & flags.padded) !== 0;
    const padding = padded && length > 0 ? bytes[at + FRAME_HEAD]! + 1 : 0;
    if (padding > length || (padded && length === 0)) {
      this.#stopped = true;
      this.#sink.onBadFrame('padding');
      return;
    }
    this.#content = length - padding;
    this.#padding = Math.max(padding - 1, 0);
    this.#sink.onDataHead(stream, length, padding, flagBits);
    if (this.#content + this.#padding === 0) this.#sink.onDataEnd();
  }

  #pass(bytes: Buffer, at: number): number {
    let to = at;
    if (this.#content > 0) {
      to = Math.min(bytes.length, at + this.#content);
      this.#content -= to - at;
      this.#sink.onDataBytes(bytes, at, to);
    }
    const skipped = Math.min(bytes.length - to, this.#padding);
    this.#padding -= skipped;
    if (this.#content + this.#padding === 0) this.#sink.onDataEnd();
    return to + skipped;
  }
}
