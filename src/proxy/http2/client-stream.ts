// One request to an upstream on a shared connection, and its response.
import type { HeaderMap } from '../http/headers.ts';
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

  onData(chunk: Buffer): void {
    this.#guard((handler) => handler.onData(chunk));
  }

  onEnd(trailers: HeaderMap | null): void {
    const { handler } = this;
    // It is complete: the rest of the request is of no use (RFC 9113 section 8.1).
    if (!this.localDone) this.cutShort();
    if (handler !== null) this.#guard(() => handler.onEnd(trailers));
    this.handler = null;
  }

  onReadDone(): void {
    this.#guard((handler) => handler.onReadDone());
  }

  onDrain(): void {
    this.#guard((handler) => handler.onDrain());
  }

  onReset(errorCode: number, by: 'peer' | 'connection' | 'fault'): void {
    const reason = this.#reason(errorCode, by);
    this.#guard((handler) => {
      this.handler = null;
      handler.onReset(reason);
    });
  }

  /** The peer will not deal with it: another connection may. */
  refuse(): void {
    this.#guard((handler) => {
      this.handler = null;
      handler.onReset('refused-stream');
    });
  }

  tell(work: (handler: ClientStreamHandler) => void): void {
    this.#guard(work);
  }

  #reason(errorCode: number, by: 'peer' | 'connection' | 'fault'): ResetReason {
    if (by === 'fault') return 'protocol-error';
    if (by === 'connection') return errorCode === code.noError ? 'connection-termination' : 'protocol-error';
    if (errorCode === code.protocolError) return 'protocol-error';
    return errorCode === code.refusedStream ? 'refused-stream' : 'remote-reset';
  }

  /** A bug costs its stream, not the others of the connection. */
  #guard(work: (handler: ClientStreamHandler) => void): void {
    const { handler } = this;
    if (handler === null) return;
    try {
      work(handler);
    } catch (error) {
      this.handler = null;
      this.abort(code.cancel);
      handler.onBug(error);
    }
  }
}
