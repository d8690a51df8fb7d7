// One stream: what both sides of it share. What cannot be sent yet waits here, bounded by the writer, who looks at `backedUp`; what may be
// received is bounded by the window, which a paused stream does not open again.
//
//   open ─(local END_STREAM)─► half closed (local) ─(remote END_STREAM)─► closed
//     └─(remote END_STREAM)─► half closed (remote) ─(local END_STREAM)─► closed      RST_STREAM: closed at once
import type { HeaderMap } from '../http/headers.ts';
import { fieldBytes, type WireBytes } from '../http/wire-bytes.ts';
import { kept } from '../socket/reused-reads.ts';
import type { Http2Connection } from './connection.ts';
import { code } from './protocol.ts';
import { ReceiveWindow } from './receive-window.ts';

/** Bytes that wait here before the writer is asked to stop. */
const WRITE_AHEAD = 65_536;

export abstract class Http2Stream {
  readonly id: number;
  sendWindow: number;
  readonly receiveWindow: ReceiveWindow;
  /** Bytes received while paused: the connection's window stays closed by as many. */
  held = 0;
  paused = false;
  /** END_STREAM was sent, or received. */
  localDone = false;
  remoteDone = false;
  /** No more frames either way. */
  closed = false;
  /** It has something to tell its handler when the read is over. */
  touched = false;
  /** Frames of heads and bodies are counted here; null where nobody asks. */
  wire: WireBytes | null = null;
  protected readonly connection: Http2Connection;
  #queue: Buffer[] = [];
  #queued = 0;
  #head = 0;
  #finishing = false;
  #trailers: HeaderMap | null = null;
  #expected = -1;
  #received = 0;

  constructor(connection: Http2Connection, id: number) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = connection.peer.initialWindow;
    this.receiveWindow = new ReceiveWindow(connection.options.initialStreamWindow);
  }

  abstract onData(chunk: Buffer): void;
  /** The peer has ended its side; `trailers` null without any. */
  abstract onEnd(trailers: HeaderMap | null): void;
  abstract onReadDone(): void;
  abstract onDrain(): void;
  /** The peer, or the connection, broke the stream off. `errorCode` is that of RST_STREAM or GOAWAY. */
  abstract onReset(errorCode: number, by: 'peer' | 'connection' | 'fault'): void;

  get backedUp(): boolean {
    return this.#queued >= WRITE_AHEAD;
  }

  get waiting(): boolean {
    return this.#queued > 0 || this.#finishing;
  }

  /** Bytes the message's content must have, by Content-Length. */
  expect(length: number): void {
    this.#expected = length;
  }

  /** false: more content than announced. */
  receive(length: number): boolean {
    this.#received += length;
    return this.#expected === -1 || this.#received <= this.#expected;
  }

  get complete(): boolean {
    return this.#expected === -1 || this.#received === this.#expected;
  }

  write(chunk: Buffer): void {
    if (this.localDone || this.#finishing || this.closed || chunk.length === 0) return;
    const sent = this.#queued === 0 ? this.connection.sendData(this, chunk, 0, chunk.length, false) : 0;
    if (sent === chunk.length) return;
    // Own bytes: a view would hold on to the whole read it is part of.
    const rest = sent === 0 ? chunk : chunk.subarray(sent);
    this.#queue.push(kept(rest));
    this.#queued += rest.length;
    this.connection.wait(this);
  }

  finish(trailers: HeaderMap | null): void {
    if (this.localDone || this.#finishing || this.closed) return;
    if (this.#queued === 0) this.#end(trailers);
    else {
      this.#finishing = true;
      this.#trailers = trailers;
    }
  }

  flush(): void {
    // The connection writes at the end of the turn.
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    const { held } = this;
    this.held = 0;
    this.connection.credit(this, held);
  }

  /** Sends what the windows let through, at most one frame so that others have their turn; false when nothing was sent. */
  pump(): boolean {
    const chunk = this.#queue[this.#head];
    if (chunk === undefined) return false;
    const { backedUp } = this;
    const sent = this.connection.sendData(this, chunk, 0, chunk.length, true);
    if (sent === 0) return false;
    this.#queued -= sent;
    if (sent < chunk.length) this.#queue[this.#head] = chunk.subarray(sent);
    else this.#next();
    if (this.#queued === 0 && this.#finishing) this.#end(this.#trailers);
    if (backedUp && !this.backedUp) this.onDrain();
    return true;
  }

  /** Gives the stream up: the peer is told why. */
  abort(errorCode: number): void {
    this.connection.resetStream(this, errorCode);
  }

  /** The connection has let go of it. */
  release(): void {
    this.closed = true;
    this.#queue = [];
    this.#head = 0;
    this.#queued = 0;
    this.#finishing = false;
  }

  #next(): void {
    this.#queue[this.#head] = EMPTY;
    this.#head += 1;
    if (this.#head < this.#queue.length) return;
    this.#queue = [];
    this.#head = 0;
  }

  #end(trailers: HeaderMap | null): void {
    this.#finishing = false;
    this.localDone = true;
    if (trailers === null || trailers.size === 0) this.connection.sendEnd(this);
    else this.#sendTrailers(trailers);
    if (this.remoteDone) this.connection.forget(this);
    else this.onLocalEnd();
  }

  #sendTrailers(trailers: HeaderMap): void {
    const frames = this.connection.sendTrailers(this, trailers);
    this.wire?.sentBlock(frames, fieldBytes(trailers));
  }

  /** Our side is complete before the peer's. */
  protected onLocalEnd(): void {
    // A request whose response is still to come.
  }

  /** The peer need not send the rest (RFC 9113 section 8.1). */
  protected cutShort(): void {
    this.abort(code.noError);
  }
}

const EMPTY = Buffer.alloc(0);
