// A whole body kept until a filter goes on with it, up to a limit.
import { kept } from '../socket/reused-reads.ts';
import type { LocalReply } from './filter.ts';

export class HeldBody {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** false: the limit is exceeded; the chunk is kept all the same. */
  push(chunk: Buffer): boolean {
    this.#chunks.push(kept(chunk));
    this.size += chunk.length;
    return this.size <= this.#limit;
  }

  whole(): Buffer {
    const [only] = this.#chunks;
    return this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks);
  }

  /** Passes it on in the pieces it came in, and forgets it. */
  moveTo(write: (chunk: Buffer) => void): void {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.size = 0;
    for (const chunk of chunks) write(chunk);
  }
}

export const requestTooLarge: LocalReply = {
  status: 413,
  body: 'Payload Too Large',
  details: 'request_payload_too_large',
  flags: 0,
  headers: null,
};
/** Bytes a filter may hold of one body where its configuration names no limit: Envoy's default for a connection's buffer. */
export const BUFFER_LIMIT = 1024 * 1024;

export const responseTooLarge: LocalReply = {
  status: 500,
  body: 'Internal Server Error',
  details: 'response_payload_too_large',
  flags: 0,
  headers: null,
};
