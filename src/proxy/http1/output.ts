// What a connection has to say, gathered until the turn of the event loop that caused it is over: head and small body leave in one write.
import type { Duplex } from 'node:stream';
import { atTurnEnd, type TurnEndTask } from '../../lib/turn-end.ts';
import type { HeaderMap } from '../http/headers.ts';
import { kept } from '../socket/reused-reads.ts';
import { type Framing, lastChunk } from './serializer.ts';

/** Up to this size a chunk is joined to the text held; above it its buffer is written as it is. */
const JOIN_LIMIT = 4_096;
/** Text held beyond this is written without waiting for the flush. */
const HOLD_LIMIT = 16_384;

export class Output implements TurnEndTask {
  bytesWritten = 0;
  #framing: Framing = 'none';
  #held = '';
  #awaitsTurnEnd = false;
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  get backedUp(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Bytes said so far, written or held. */
  get said(): number {
    return this.bytesWritten + this.#held.length;
  }

  begin(text: string, framing: Framing): void {
    this.#held += text;
    this.#framing = framing;
  }

  text(text: string): void {
    this.#held += text;
  }

  body(chunk: Buffer): void {
    if (this.#framing === 'none' || chunk.length === 0) return;
    const chunked = this.#framing === 'chunked';
    if (chunked) this.#held += `${chunk.length.toString(16)}\r\n`;
    if (chunk.length <= JOIN_LIMIT) this.#held += chunk.toString('latin1', 0, chunk.length);
    else this.#writeThrough(chunk);
    if (chunked) this.#held += '\r\n';
    if (this.#held.length > HOLD_LIMIT) this.flushNow();
  }

  finish(trailers: HeaderMap | null): void {
    if (this.#framing === 'chunked') this.#held += lastChunk(trailers);
    this.#framing = 'none';
    this.flush();
  }

  /** What is held leaves at the end of this turn. */
  flush(): void {
    if (this.#awaitsTurnEnd || this.#held === '') return;
    this.#awaitsTurnEnd = true;
    atTurnEnd(this);
  }

  /** For what must not wait, such as the last words before the socket ends. */
  flushNow(): void {
    if (this.#held === '') return;
    const text = this.#held;
    this.#held = '';
    this.bytesWritten += text.length;
    this.#socket.write(text, 'latin1');
  }

  onTurnEnd(): void {
    this.#awaitsTurnEnd = false;
    if (this.#socket.destroyed) this.#held = '';
    else this.flushNow();
  }

  #writeThrough(chunk: Buffer): void {
    this.#socket.cork();
    this.flushNow();
    this.bytesWritten += chunk.length;
    // The socket may hold it beyond this event.
    this.#socket.write(kept(chunk));
    this.#socket.uncork();
  }
}
