// What a connection manager's `tracing` compiles to.
import type { GrpcTarget } from '../client/grpc-stream.ts';
import type { HttpUriConfig } from '../config/http-uri.ts';
import type { SpanOptions } from '../config/span-options.ts';
import type { Sampler } from './sampler.ts';

export type TracingConfig = {
  /** Where a route has none of its own. */
  readonly options: SpanOptions;
  /** Characters of the path in `http.url`. */
  readonly maxPathLength: number;
  /** Spans say when what began and ended, to collectors that take it. */
  readonly verbose: boolean;
  /** A span for each attempt, beside that of the exchange. */
  readonly spawnUpstream: boolean;
  /** The next hop is told of the trace. */
  readonly propagate: boolean;
  /** null: the connection manager's decision is the only one. */
  readonly sampler: Sampler | null;
  readonly exporter: ExporterConfig;
  /** null: OpenTelemetry. */
  readonly zipkin: ZipkinConfig | null;
  readonly requestIds: {
    /** They are changed to say whether, and why, a request is traced. */
    readonly packReason: boolean;
    /** They take part in the decision; else all requests are traced, as far as samplers agree. */
    readonly decide: boolean;
  };
};

export type ZipkinConfig = {
  /** A span here is the one its caller made, seen from the other side. */
  readonly shared: boolean;
  /** Trace ids of 128 bits. */
  readonly wideIds: boolean;
  /** Trace ids begin with the time in seconds. */
  readonly timedIds: boolean;
  /** W3C trace context is read where there is no B3, and written beside it. */
  readonly w3c: boolean;
};

export type Attribute = readonly [key: string, value: string];

export type ExporterConfig = {
  readonly target:
    | { readonly kind: 'grpc'; readonly service: GrpcTarget }
    | { readonly kind: 'http'; readonly uri: HttpUriConfig; readonly headers: readonly Attribute[] };
  readonly resource: readonly Attribute[];
  /** Spans that wait at most; what is over is dropped and counted. */
  readonly queueSize: number;
};
