// The request's body on its way to the upstream: kept while no upstream is there to take it, and for a retry as long as it is small.
import type { HeaderMap } from '../http/headers.ts';
import type { ClientStream } from '../http/stream.ts';
import { kept } from '../socket/reused-reads.ts';
import type { Mirror } from './mirror.ts';

/** Bytes kept for a connection still being made. */
const KEEP_LIMIT = 65_536;
/** Bytes kept for another try: Envoy's default limit of a connection's buffer. */
const REPLAY_LIMIT = 1_048_576;
const NO_MIRRORS: readonly Mirror[] = [];

export class RequestBody {
  ended: boolean;
  /** They get what comes from now on: each began with what had come (`copy`). */
  mirrors: readonly Mirror[] = NO_MIRRORS;
  #trailers: HeaderMap | null = null;
  /** null: nothing, as in most requests. */
  #kept: Buffer[] | null = null;
  #size = 0;
  /** Some of the body is gone: it cannot be sent again. */
  #spent = false;
  #stream: ClientStream | null = null;
  #forRetry = false;
  #replayLimit = REPLAY_LIMIT;
  #onAbandoned: (() => void) | null = null;

  /** `last`: there is no body. */
  constructor(last: boolean) {
    this.ended = last;
  }

  /** What is sent stays here too, so that it can be sent again, up to a `limit`: then `onAbandoned` is told. Said before anything is sent. */
  keepForRetry(limit: number | null, onAbandoned: () => void): void {
    this.#forRetry = true;
    this.#replayLimit = limit ?? REPLAY_LIMIT;
    this.#onAbandoned = onAbandoned;
  }

  get empty(): boolean {
    return this.ended && !this.#spent && this.#kept === null && this.#trailers === null;
  }

  get replayable(): boolean {
    return !this.#spent;
  }

  /** The source must wait: nobody takes the bytes, or the taker has more than it can send. */
  get congested(): boolean {
    return this.#stream === null ? this.#size >= KEEP_LIMIT : this.#stream.backedUp;
  }

  push(chunk: Buffer): void {
    for (const mirror of this.mirrors) mirror.push(chunk);
    if (this.#stream === null || (this.#forRetry && !this.#spent)) {
      this.#kept ??= [];
      this.#kept.push(kept(chunk));
      this.#size += chunk.length;
    } else this.#spent = true;
    this.#stream?.write(chunk);
    if (this.#stream !== null && this.#size > this.#replayLimit) this.#drop();
  }

  end(trailers: HeaderMap | null): void {
    for (const mirror of this.mirrors) mirror.end();
    this.ended = true;
    this.#trailers = trailers;
    this.#stream?.finish(trailers);
  }

  /** Sends what there is and from now on what comes. */
  attach(stream: ClientStream): void {
    this.#stream = stream;
    if (this.#kept !== null) for (const chunk of this.#kept) stream.write(chunk);
    if (this.ended) stream.finish(this.#trailers);
    if (!this.#forRetry || this.#size > this.#replayLimit) this.#drop();
  }

  detach(): void {
    this.#stream = null;
  }

  /** Another body that begins with what has come of this one. */
  copy(): RequestBody {
    const body = new RequestBody(this.ended);
    body.#kept = this.#kept?.slice() ?? null;
    body.#size = this.#size;
    body.#trailers = this.#trailers;
    return body;
  }

  /** Gives what has come so far to be taken another way first; the rest comes back by `push` and `end`. */
  moveTo(other: { data(chunk: Buffer): void; end(trailers: HeaderMap | null): void }): void {
    if (this.empty) return;
    const chunks = this.#kept;
    const { ended } = this;
    this.#kept = null;
    this.#size = 0;
    this.ended = false;
    if (chunks !== null) for (const chunk of chunks) other.data(chunk);
    if (ended) other.end(this.#trailers);
  }

  #drop(): void {
    if (this.#kept === null) return;
    this.#kept = null;
    this.#size = 0;
    this.#spent = true;
    this.#onAbandoned?.();
  }
}
