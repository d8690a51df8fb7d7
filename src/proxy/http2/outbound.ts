// What streams send, held back by the windows of the peer (RFC 9113 section 5.2) and by the socket. Streams that wait take turns, a frame each.
import type { HeaderMap } from '../http/headers.ts';
import type { Budgets } from './budgets.ts';
import type { HpackEncoder } from './hpack-encoder.ts';
import type { Http2Stream } from './http2-stream.ts';
import type { Http2Output } from './output.ts';
import { DEFAULT_WINDOW, FRAME_HEAD, FRAME_SIZE, flags, frame, LARGEST_WINDOW } from './protocol.ts';
import type { Http2Stats } from './stats.ts';

export class Outbound {
  readonly #output: Http2Output;
  readonly #encoder: HpackEncoder;
  readonly #budgets: Budgets;
  readonly #stats: Http2Stats;
  /** Streams with bytes that windows or the socket hold back, in the order in which they have their turn. */
  readonly #waiting = new Set<Http2Stream>();
  #window = DEFAULT_WINDOW;
  #pumping = false;

  constructor(output: Http2Output, encoder: HpackEncoder, budgets: Budgets, stats: Http2Stats) {
    this.#output = output;
    this.#encoder = encoder;
    this.#budgets = budgets;
    this.#stats = stats;
  }

  /** Returns how many bytes the windows and the socket let through. `once`: at most one frame. */
  send(stream: Http2Stream, chunk: Buffer, from: number, to: number, once: boolean): number {
    let at = from;
    while (at < to && !this.#output.congested) {
      const room = Math.min(this.#window, stream.sendWindow, FRAME_SIZE);
      if (room <= 0) break;
      const end = Math.min(to, at + room);
      this.#output.data(stream.id, chunk, at, end, false);
      this.#budgets.dataFramesSent += 1;
      if (stream.wire !== null) stream.wire.sent += FRAME_HEAD + end - at;
      this.#window -= end - at;
      stream.sendWindow -= end - at;
      at = end;
      if (once) break;
    }
    return at - from;
  }

  end(stream: Http2Stream): void {
    if (this.#output.endLast(stream.id)) return;
    this.#output.data(stream.id, EMPTY, 0, 0, true);
    if (stream.wire !== null) stream.wire.sent += FRAME_HEAD;
  }

  /** Returns the length of its frames. */
  sendTrailers(stream: Http2Stream, trailers: HeaderMap): number {
    this.#stats.trailers += 1;
    const output = this.#output;
    const encoder = this.#encoder;
    output.beginFrame(frame.headers, flags.endHeaders | flags.endStream, stream.id, 64);
    encoder.begin(output);
    const { fields } = trailers;
    for (let i = 0; i < fields.length; i += 2) encoder.field(output, fields[i]!, fields[i + 1]!);
    return output.endHeaders(stream.id, FRAME_SIZE);
  }

  /** The stream is heard again when the windows or the socket let more through. */
  wait(stream: Http2Stream): void {
    this.#waiting.add(stream);
  }

  /** The stream is gone. */
  forget(stream: Http2Stream): void {
    if (this.#waiting.size > 0) this.#waiting.delete(stream);
  }

  /** Credit for the whole connection; false: more than there can be. */
  openWindow(increment: number): boolean {
    this.#window += increment;
    if (this.#window > LARGEST_WINDOW) return false;
    this.pump();
    return true;
  }

  /** Gives every waiting stream its turn, a frame at a time, until the windows or the socket are full. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    let progress = true;
    while (progress && !this.#output.congested) {
      progress = false;
      for (const stream of this.#waiting) {
        if (!stream.waiting) this.#waiting.delete(stream);
        else if (stream.pump()) progress = true;
      }
    }
    this.#pumping = false;
  }
}

const EMPTY = Buffer.alloc(0);
