// What a stream has to send and may not yet: the windows or the socket hold it back. Made when that happens, which for most messages is never.
import type { HeaderMap } from '../http/headers.ts';
import { kept } from '../socket/reused-reads.ts';

export class SendQueue {
  bytes = 0;
  /** The message ends behind the bytes, with these trailers or null. */
  finishing = false;
  trailers: HeaderMap | null = null;
  readonly #chunks: Buffer[] = [];
  #head = 0;

  /** Own bytes: a view would hold on to the whole read it is part of. */
  push(chunk: Buffer): void {
    this.#chunks.push(kept(chunk));
    this.bytes += chunk.length;
  }

  finish(trailers: HeaderMap | null): void {
    this.finishing = true;
    this.trailers = trailers;
  }

  /** While there are `bytes`. */
  get first(): Buffer {
    return this.#chunks[this.#head]!;
  }

  /** So many bytes of the first chunk are sent. */
  shift(sent: number): void {
    const chunk = this.#chunks[this.#head]!;
    this.bytes -= sent;
    if (sent < chunk.length) this.#chunks[this.#head] = chunk.subarray(sent);
    else this.#chunks[this.#head++] = NOTHING;
  }
}

const NOTHING = Buffer.alloc(0);
