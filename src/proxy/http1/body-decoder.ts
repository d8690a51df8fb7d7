// Takes the framing off a body (RFC 9112 sections 6 and 7) and hands its bytes on as views of what was read, without copying.
//
//   fixed ───────────────────────────────► done
//   size-line ─► data ─► data-end ─► size-line …
//       └─(0)─► trailers ────────────────► done
//   until-close: ends with the connection
import { HeaderMap } from '../http/headers.ts';
import { FieldSection } from './field-section.ts';
import { HeadScanner, MORE } from './head-scanner.ts';
import { CHUNKED, UNTIL_CLOSE } from './response-parser.ts';

export type BodySink = { onBody(chunk: Buffer): void };

/** Bytes of chunk extensions of one message that are read and ignored. */
const MAX_EXTENSIONS = 4_096;
const MAX_TRAILER_BYTES = 16_384;
/** 13 hexadecimal digits stay below 2^53. */
const MAX_SIZE_DIGITS = 13;

const state = {
  done: 0,
  fixed: 1,
  untilClose: 2,
  sizeStart: 3,
  size: 4,
  extension: 5,
  sizeLf: 6,
  data: 7,
  dataCr: 8,
  dataLf: 9,
  trailers: 10,
};

const HEX = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

export class BodyDecoder {
  /** The body broke the rules: nothing after it can be trusted. */
  broken = false;
  trailers: HeaderMap | null = null;
  #state = state.done;
  #left = 0;
  #digits = 0;
  #extensions = 0;
  #trailerBytes: Buffer[] = [];
  #trailerLength = 0;
  readonly #scanner = new HeadScanner();
  readonly #sink: BodySink;
  readonly #maxHeaders: number;

  constructor(sink: BodySink, maxHeaders: number) {
    this.#sink = sink;
    this.#maxHeaders = maxHeaders;
  }

  get done(): boolean {
    return this.#state === state.done;
  }

  get untilClose(): boolean {
    return this.#state === state.untilClose;
  }

  /** `length`: bytes, CHUNKED or UNTIL_CLOSE. */
  start(length: number): void {
    this.trailers = null;
    this.#left = length;
    this.#extensions = 0;
    if (length === CHUNKED) this.#state = state.sizeStart;
    else if (length === UNTIL_CLOSE) this.#state = state.untilClose;
    else this.#state = length === 0 ? state.done : state.fixed;
  }

  /** Reads from `position` and returns where it stopped: at the end of the bytes, of the body, or (`broken`) of sense. */
  feed(bytes: Buffer, position: number): number {
    let at = position;
    while (at < bytes.length && this.#state !== state.done && !this.broken) {
      if (this.#state === state.fixed || this.#state === state.data) at = this.#pass(bytes, at);
      else if (this.#state === state.untilClose) {
        this.#sink.onBody(at === 0 ? bytes : bytes.subarray(at));
        at = bytes.length;
      } else if (this.#state === state.trailers) at = this.#readTrailers(bytes, at);
      else this.#readControl(bytes[at++]!);
    }
    return at;
  }

  #pass(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    if (this.#left === 0) this.#state = this.#state === state.fixed ? state.done : state.dataCr;
    this.#sink.onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    return end;
  }

  /** One byte of a chunk's frame. */
  #readControl(byte: number): void {
    switch (this.#state) {
      case state.sizeStart:
        this.#digits = 0;
        this.#left = 0;
        this.#readSize(byte);
        return;
      case state.size:
        this.#readSize(byte);
        return;
      case state.extension:
        this.#readExtension(byte);
        return;
      case state.sizeLf:
        this.#expect(byte, 0x0a, this.#left === 0 ? state.trailers : state.data);
        if (this.#state === state.trailers) this.#scanner.reset();
        return;
      case state.dataCr:
        this.#expect(byte, 0x0d, state.dataLf);
        return;
      default:
        this.#expect(byte, 0x0a, state.sizeStart);
    }
  }

  #readSize(byte: number): void {
    const digit = HEX[byte]!;
    if (digit >= 0) {
      this.#digits += 1;
      this.#left = this.#left * 16 + digit;
      this.#state = state.size;
      if (this.#digits > MAX_SIZE_DIGITS) this.broken = true;
    } else if (this.#digits === 0) this.broken = true;
    else if (byte === 0x3b) this.#state = state.extension;
    else this.#expect(byte, 0x0d, state.sizeLf);
  }

  #readExtension(byte: number): void {
    this.#extensions += 1;
    if (byte === 0x0d) this.#state = state.sizeLf;
    else if (this.#extensions > MAX_EXTENSIONS || (byte < 0x20 && byte !== 0x09) || byte === 0x7f) this.broken = true;
  }

  #expect(byte: number, wanted: number, next: number): void {
    if (byte === wanted) this.#state = next;
    else this.broken = true;
  }

  #readTrailers(bytes: Buffer, at: number): number {
    const end = this.#scanner.scan(bytes, at, bytes.length);
    if (end < MORE) {
      this.broken = true;
      return at;
    }
    const stop = end === MORE ? bytes.length : end;
    // A copy: the connection may read into the same buffer again.
    this.#trailerBytes.push(Buffer.from(bytes.subarray(at, stop)));
    this.#trailerLength += stop - at;
    if (this.#trailerLength > MAX_TRAILER_BYTES) this.broken = true;
    else if (end !== MORE) this.#finishTrailers();
    return stop;
  }

  #finishTrailers(): void {
    const text = Buffer.concat(this.#trailerBytes).toString('latin1', 0, this.#trailerLength - 2);
    this.#trailerBytes = [];
    this.#trailerLength = 0;
    this.#state = state.done;
    if (text === '') return;
    const section = new FieldSection();
    if (section.read(text, 0, this.#maxHeaders) !== null || hasFraming(section)) this.broken = true;
    else this.trailers = new HeaderMap(section.fields);
  }
}

// RFC 9110 section 6.5.1: a trailer must not change framing or routing.
function hasFraming(section: FieldSection): boolean {
  return section.chunked || section.contentLength !== -1 || section.host !== null;
}
