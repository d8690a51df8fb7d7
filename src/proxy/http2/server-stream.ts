// One request on an accepted HTTP/2 connection, and its answer.
import type { Timer } from '../../lib/timer-wheel.ts';
import type { Downstream } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import type { ServerStream, ServerStreamHandler } from '../http/stream.ts';
import { newWireBytes, responseBytes } from '../http/wire-bytes.ts';
import type { Http2Connection } from './connection.ts';
import { Http2Stream } from './http2-stream.ts';
import { code, FRAME_SIZE, flags, frame } from './protocol.ts';
import type { Http2ServerConnection } from './server-connection.ts';

export class Http2ServerStream extends Http2Stream implements ServerStream {
  readonly downstream: Downstream;
  handler: ServerStreamHandler | null = null;
  /** Runs while the request has not come to its end. */
  timer: Timer | null = null;
  /** Extended CONNECT: a successful answer is 200 on the wire. */
  upgraded = false;
  /** Monotonic milliseconds of its beginning. */
  readonly started: number;
  readonly #server: Http2ServerConnection;
  #answered = false;
  #cutShort = false;

  constructor(connection: Http2Connection, id: number, server: Http2ServerConnection, started: number) {
    super(connection, id);
    this.#server = server;
    this.downstream = server.downstream;
    this.started = started;
    this.wire = newWireBytes();
  }

  inform(head: ResponseHead): void {
    if (!this.closed && !this.#answered) this.#head(head, false);
  }

  respond(head: ResponseHead, last: boolean): void {
    if (this.closed || this.#answered) return;
    this.#answered = true;
    this.connection.budgets.openedStreams += 1;
    this.#head(head, last);
    if (!last) return;
    this.localDone = true;
    if (this.remoteDone) this.connection.forget(this);
    else this.onLocalEnd();
  }

  /** What the client still sends is of no use to anybody (RFC 9113 section 8.1). */
  protected override onLocalEnd(): void {
    this.handler = null;
    this.#stopTimer();
    // The rest of the request may be among the bytes that are being read.
    if (!this.connection.reading) this.cutShort();
    else {
      this.#cutShort = true;
      this.connection.touch(this);
    }
  }

  reset(): void {
    this.handler = null;
    this.#stopTimer();
    this.abort(code.internalError);
  }

  closeAfter(): void {
    this.#server.closeAfter();
  }

  retire(): boolean {
    return this.#server.retire();
  }

  onData(chunk: Buffer): void {
    try {
      this.handler?.onData(chunk);
    } catch (error) {
      this.#bug(error);
    }
  }

  onEnd(trailers: HeaderMap | null): void {
    this.#stopTimer();
    try {
      this.handler?.onEnd(trailers);
    } catch (error) {
      this.#bug(error);
    }
  }

  onReadDone(): void {
    if (this.#cutShort && !this.closed) this.cutShort();
    try {
      this.handler?.onReadDone();
    } catch (error) {
      this.#bug(error);
    }
  }

  onDrain(): void {
    try {
      this.handler?.onDrain();
    } catch (error) {
      this.#bug(error);
    }
  }

  onReset(errorCode: number, by: 'peer' | 'connection' | 'fault'): void {
    this.#stopTimer();
    if (by === 'peer') this.#server.onPeerReset(this);
    try {
      this.handler?.onAbort(
        by === 'peer' ? 'reset' : by === 'connection' && errorCode === 0 ? 'disconnect' : 'protocol-error',
      );
    } catch (error) {
      this.#bug(error);
    }
    this.handler = null;
  }

  /** A bug costs its stream, not the others of the connection. */
  #bug(error: unknown): void {
    const { handler } = this;
    this.handler = null;
    handler?.onBug(error);
  }

  #head(head: ResponseHead, last: boolean): void {
    const { status, headers } = head;
    const { fields } = headers;
    const { output, encoder } = this.connection;
    output.beginFrame(frame.headers, last ? flags.endHeaders | flags.endStream : flags.endHeaders, this.id, 256);
    encoder.begin(output);
    encoder.field(output, ':status', statusText(this.upgraded && status === 101 ? 200 : status));
    for (let i = 0; i < fields.length; i += 2) encoder.field(output, fields[i]!, fields[i + 1]!);
    const frames = output.endHeaders(this.id, FRAME_SIZE);
    this.wire?.sentBlock(frames, responseBytes(head));
  }

  #stopTimer(): void {
    if (this.timer === null) return;
    this.connection.owner.wheel.cancel(this.timer);
    this.timer = null;
  }
}

const STATUS_TEXTS = Array.from({ length: 600 }, (_, status) => String(status));

function statusText(status: number): string {
  return STATUS_TEXTS[status] ?? String(status);
}
