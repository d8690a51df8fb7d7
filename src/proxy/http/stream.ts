// The line between codecs and everything above them: a codec turns bytes into streams, the connection manager and the router see only these types.
import type { Downstream, UpstreamConnection } from './exchange.ts';
import type { HeaderMap } from './headers.ts';
import type { Protocol, RequestHead, ResponseHead } from './message.ts';
import type { WireBytes } from './wire-bytes.ts';

/** What a peer did wrong on the wire, with the answer it gets. `details` are Envoy's RESPONSE_CODE_DETAILS. */
export type CodecFault = {
  readonly status: number;
  readonly details: string;
  readonly body: string;
  /** Set where nothing was wrong but the time: which limit has passed. */
  readonly late?: 'head' | 'request' | 'idle' | 'duration';
};

/** Where a server codec delivers new requests. */
export type StreamAcceptor = {
  /** `last`: no body follows. */
  accept(stream: ServerStream, head: RequestHead, last: boolean): ServerStreamHandler;
  /** The input broke before a head was complete: answer on `stream`. */
  refuse(stream: ServerStream, fault: CodecFault, protocol: Protocol): void;
};

/** The answering side of one request. Output is held until `flush` or `finish`, so that one event costs one write. */
export type ServerStream = {
  readonly downstream: Downstream;
  /** Of the request that is being accepted; null where nobody asks. */
  readonly wire: WireBytes | null;
  /** More output is waiting for the peer than a writer should add to; `onDrain` follows. */
  readonly backedUp: boolean;
  /** Sends an interim (1xx) head. */
  inform(head: ResponseHead): void;
  respond(head: ResponseHead, last: boolean): void;
  write(chunk: Buffer): void;
  finish(trailers: HeaderMap | null): void;
  flush(): void;
  /** Breaks the stream off so that the peer cannot take what it got for a whole answer. */
  reset(): void;
  /** The connection takes no further request after this one. */
  closeAfter(): void;
  /** Asks the client to go; the connection goes on for the drain time. false: it has been asked before. */
  retire(): boolean;
  pause(): void;
  resume(): void;
};

/** `reset`: this stream only; `protocol-error`: what the peer sent ended the stream or the connection. */
export type AbortReason = 'disconnect' | 'reset' | 'protocol-error';

/** The reading side of one request. */
export type ServerStreamHandler = {
  /** Valid until the call returns: who holds a chunk longer takes `kept(chunk)` (proxy/socket). */
  onData(chunk: Buffer): void;
  onEnd(trailers: HeaderMap | null): void;
  /** The bytes of this read have been delivered: time to flush what they caused. */
  onReadDone(): void;
  onFault(fault: CodecFault): void;
  /** The peer went away, or took the request back. Nothing is delivered afterwards. */
  onAbort(reason: AbortReason): void;
  onDrain(): void;
  /** An exception came out of one of the calls above: the handler ends its exchange. */
  onBug(error: unknown): void;
};

/** Why an upstream stream ended without a complete response. */
export type ResetReason =
  | 'connection-failure'
  | 'connection-timeout'
  | 'connection-termination'
  | 'protocol-error'
  | 'remote-reset'
  | 'refused-stream'
  | 'overflow';

/** The sending side of one request to an upstream. Holds output like `ServerStream`. */
export type ClientStream = {
  readonly backedUp: boolean;
  write(chunk: Buffer): void;
  finish(trailers: HeaderMap | null): void;
  flush(): void;
  /** Gives the exchange up; nothing is delivered afterwards. */
  reset(): void;
  pause(): void;
  resume(): void;
};

export type ClientStreamHandler = {
  onInterim(head: ResponseHead): void;
  onResponse(head: ResponseHead, last: boolean): void;
  /** Valid until the call returns: who holds a chunk longer takes `kept(chunk)` (proxy/socket). */
  onData(chunk: Buffer): void;
  onEnd(trailers: HeaderMap | null): void;
  onReadDone(): void;
  onReset(reason: ResetReason): void;
  onDrain(): void;
  /** An exception came out of one of the calls above; the stream is gone. */
  onBug(error: unknown): void;
};

/** A connected upstream that takes requests. */
export type ClientSession = {
  readonly connection: UpstreamConnection;
  /** `wire` is added to, where it is given. */
  open(head: RequestHead, last: boolean, handler: ClientStreamHandler, wire?: WireBytes | null): ClientStream;
};
