// One request to an upstream on a shared connection, and its response.
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import type { ClientStream, ClientStreamHandler, ResetReason } from '../http/stream.ts';
import type { Http2Connection } from './connection.ts';
import { Http2Stream } from './http2-stream.ts';
import { code } from './protocol.ts';

export class Http2ClientStream extends Http2Stream implements ClientStream {
  handler: ClientStreamHandler | null;
  /** The final head has come. */
  answered = false;
  readonly method: string;
  /** Sent as extended CONNECT: a 2xx is the switch of protocols. */
  readonly upgrade: boolean;

  constructor(connection: Http2Connection, id: number, handler: ClientStreamHandler, method: string, upgrade: boolean) {
    super(connection, id);
    this.handler = handler;
    this.method = method;
    this.upgrade = upgrade;
  }

  reset(): void {
    this.handler = null;
    this.abort(code.cancel);
  }

  /** No content before a head. */
  override receive(length: number): boolean {
    return this.answered && super.receive(length);
  }

  onInterim(head: ResponseHead): void {
    const { handler } = this;
    try {
      handler?.onInterim(head);
    } catch (error) {
      this.#bug(handler, error);
    }
  }

  onResponse(head: ResponseHead, last: boolean): void {
    const { handler } = this;
    try {
      handler?.onResponse(head, last);
    } catch (error) {
      this.#bug(handler, error);
    }
    if (last) this.handler = null;
  }

  onData(chunk: Buffer): void {
    const { handler } = this;
    try {
      handler?.onData(chunk);
    } catch (error) {
      this.#bug(handler, error);
    }
  }

  onEnd(trailers: HeaderMap | null): void {
    const { handler } = this;
    // It is complete: the rest of the request is of no use (RFC 9113 section 8.1).
    if (!this.localDone) this.cutShort();
    try {
      handler?.onEnd(trailers);
    } catch (error) {
      this.#bug(handler, error);
    }
    this.handler = null;
  }

  onReadDone(): void {
    const { handler } = this;
    try {
      handler?.onReadDone();
    } catch (error) {
      this.#bug(handler, error);
    }
  }

  onDrain(): void {
    const { handler } = this;
    try {
      handler?.onDrain();
    } catch (error) {
      this.#bug(handler, error);
    }
  }

  onReset(errorCode: number, by: 'peer' | 'connection' | 'fault'): void {
    this.#lose(this.#reason(errorCode, by));
  }

  /** The peer will not deal with it: another connection may. */
  refuse(): void {
    this.#lose('refused-stream');
  }

  #lose(reason: ResetReason): void {
    const { handler } = this;
    this.handler = null;
    try {
      handler?.onReset(reason);
    } catch (error) {
      this.#bug(handler, error);
    }
  }

  #reason(errorCode: number, by: 'peer' | 'connection' | 'fault'): ResetReason {
    if (by === 'fault') return 'protocol-error';
    if (by === 'connection') return errorCode === code.noError ? 'connection-termination' : 'protocol-error';
    if (errorCode === code.protocolError) return 'protocol-error';
    return errorCode === code.refusedStream ? 'refused-stream' : 'remote-reset';
  }

  /** A bug costs its stream, not the others of the connection. */
  #bug(handler: ClientStreamHandler | null, error: unknown): void {
    this.handler = null;
    this.abort(code.cancel);
    handler?.onBug(error);
  }
}
