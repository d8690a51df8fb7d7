// What may be chosen about an HTTP/2 connection, named as in Envoy's `Http2ProtocolOptions`, with Envoy's defaults.

export type Http2Options = {
  readonly hpackTableSize: number;
  readonly maxConcurrentStreams: number;
  readonly initialStreamWindow: number;
  readonly initialConnectionWindow: number;
  /** Extended CONNECT is offered (RFC 8441). */
  readonly allowConnect: boolean;
  readonly maxOutboundFrames: number;
  readonly maxOutboundControlFrames: number;
  readonly maxEmptyFrames: number;
  readonly maxPriorityFramesPerStream: number;
  readonly maxWindowUpdatesPerDataFrame: number;
  /** A malformed message costs its stream; otherwise the connection. */
  readonly streamErrorOnInvalidMessage: boolean;
  /** null: no pings. Milliseconds; `interval` 0 pings only after `idleInterval`. */
  readonly keepalive: {
    readonly interval: number;
    readonly timeout: number;
    /** 0: never. A connection without bytes for this long is pinged before its next request. */
    readonly idleInterval: number;
    /** Percent added at random. */
    readonly jitter: number;
  } | null;
};

export const defaultHttp2Options: Http2Options = {
  hpackTableSize: 4_096,
  maxConcurrentStreams: 1_024,
  initialStreamWindow: 16 * 1024 * 1024,
  initialConnectionWindow: 24 * 1024 * 1024,
  allowConnect: false,
  maxOutboundFrames: 10_000,
  maxOutboundControlFrames: 1_000,
  maxEmptyFrames: 1,
  maxPriorityFramesPerStream: 100,
  maxWindowUpdatesPerDataFrame: 10,
  streamErrorOnInvalidMessage: false,
  keepalive: null,
};
