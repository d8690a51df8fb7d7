// One stream: what both sides of it share. What cannot be sent yet waits here, bounded by the writer, who looks at `backedUp`; what may be
// received is bounded by the window, which a paused stream does not open again.
//
//   open ─(local END_STREAM)─► half closed (local) ─(remote END_STREAM)─► closed
//     └─(remote END_STREAM)─► half closed (remote) ─(local END_STREAM)─► closed      RST_STREAM: closed at once
import type { HeaderMap } from '../http/headers.ts';
import { fieldBytes, type WireBytes } from '../http/wire-bytes.ts';
import type { Http2Connection } from './connection.ts';
import { code } from './protocol.ts';
import { ReceiveWindow } from './receive-window.ts';
import { SendQueue } from './send-queue.ts';

/** Bytes that wait here before the writer is asked to stop. */
const WRITE_AHEAD = 65_536;

export abstract class Http2Stream {
  readonly id: number;
  sendWindow: number;
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
  /** null: nothing is held back. */
  #queue: SendQueue | null = null;
  /** null: no content has come. */
  #receiveWindow: ReceiveWindow | null = null;
  #expected = -1;
  #received = 0;

  constructor(connection: Http2Connection, id: number) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = connection.peer.initialWindow;
  }

  abstract onData(chunk: Buffer): void;
  /** The peer has ended its side; `trailers` null without any. */
  abstract onEnd(trailers: HeaderMap | null): void;
  abstract onReadDone(): void;
  abstract onDrain(): void;
  /** The peer, or the connection, broke the stream off. `errorCode` is that of RST_STREAM or GOAWAY. */
  abstract onReset(errorCode: number, by: 'peer' | 'connection' | 'fault'): void;

  get backedUp(): boolean {
    return this.#queue !== null && this.#queue.bytes >= WRITE_AHEAD;
  }

  get waiting(): boolean {
    return this.#queue !== null;
  }

  get receiveWindow(): ReceiveWindow {
    this.#receiveWindow ??= new ReceiveWindow(this.connection.options.initialStreamWindow);
    return this.#receiveWindow;
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
    if (this.localDone || this.closed || chunk.length === 0 || this.#queue?.finishing === true) return;
    const sent = this.#queue === null ? this.connection.outbound.send(this, chunk, 0, chunk.length, false) : 0;
    if (sent === chunk.length) return;
    this.#queue ??= new SendQueue();
    this.#queue.push(sent === 0 ? chunk : chunk.subarray(sent));
    this.connection.outbound.wait(this);
  }

  finish(trailers: HeaderMap | null): void {
    if (this.localDone || this.closed) return;
    if (this.#queue === null) this.#end(trailers);
    else if (!this.#queue.finishing) this.#queue.finish(trailers);
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
    const queue = this.#queue;
    if (queue === null) return false;
    const chunk = queue.first;
    const { backedUp } = this;
    const sent = this.connection.outbound.send(this, chunk, 0, chunk.length, true);
    if (sent === 0) return false;
    queue.shift(sent);
    if (queue.bytes === 0) {
      this.#queue = null;
      if (queue.finishing) this.#end(queue.trailers);
    }
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
    this.#queue = null;
  }

  #end(trailers: HeaderMap | null): void {
    this.localDone = true;
    if (trailers === null || trailers.size === 0) this.connection.outbound.end(this);
    else this.#sendTrailers(trailers);
    if (this.remoteDone) this.connection.forget(this);
    else this.onLocalEnd();
  }

  #sendTrailers(trailers: HeaderMap): void {
    const frames = this.connection.outbound.sendTrailers(this, trailers);
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
