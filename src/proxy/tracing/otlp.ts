// What OTLP's collectors take, in protobuf, written field by field: ExportTraceServiceRequest (opentelemetry/proto/trace/v1/trace.proto) and
// ExportLogsServiceRequest (logs/v1/logs.proto).
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Attribute } from './config.ts';
import type { Signal } from './exporter.ts';
import {
  anyValue,
  attributes,
  bytes,
  message,
  nanoseconds,
  type OtlpPairs,
  type OtlpValue,
  text,
} from './otlp-writer.ts';

export type SpanRecord = {
  readonly traceId: string;
  readonly spanId: string;
  /** '' for a root. */
  readonly parentId: string;
  readonly state: string;
  readonly name: string;
  readonly kind: 'server' | 'client';
  /** Milliseconds since the epoch, with fractions. */
  readonly start: number;
  readonly end: number;
  readonly attributes: readonly Attribute[];
  readonly failed: boolean;
  /** What happened when (milliseconds since the epoch); [] unless asked for. */
  readonly events: readonly (readonly [what: string, at: number])[];
};

const KINDS = { server: 2, client: 3 } as const;
const STATUS_ERROR = 2;

export type LogEntry = {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly body: OtlpValue;
  readonly attributes: OtlpPairs;
  /** '' where nothing is traced. */
  readonly traceId: string;
  readonly spanId: string;
};

const OTLP = {
  name: 'opentelemetry',
  contentType: 'application/x-protobuf',
  userAgent: 'OTel-OTLP-Exporter-Tulle',
} as const;

export const spanSignal: Signal<SpanRecord> = {
  ...OTLP,
  grpcPath: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  encode: encodeSpans,
};

export const logSignal: Signal<LogEntry> = {
  ...OTLP,
  grpcPath: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  encode: encodeLogs,
};

function encodeLogs(entries: readonly LogEntry[], resource: readonly Attribute[]): Uint8Array {
  const writer = new BinaryWriter();
  message(writer, 1, (resourceLogs) => {
    message(resourceLogs, 1, (one) => attributes(one, 1, resource));
    message(resourceLogs, 2, (scopeLogs) => {
      for (const entry of entries) message(scopeLogs, 2, (one) => encodeLog(one, entry));
    });
  });
  return writer.finish();
}

function encodeLog(writer: BinaryWriter, { at, body, attributes: own, traceId, spanId }: LogEntry): void {
  writer.tag(1, WireType.Bit64).fixed64(nanoseconds(at));
  if (body !== '') message(writer, 5, (any) => anyValue(any, body));
  attributes(writer, 6, own);
  if (traceId !== '') bytes(writer, 9, traceId);
  if (spanId !== '') bytes(writer, 10, spanId);
}

function encodeSpans(spans: readonly SpanRecord[], resource: readonly Attribute[]): Uint8Array {
  const writer = new BinaryWriter();
  message(writer, 1, (resourceSpans) => {
    message(resourceSpans, 1, (one) => attributes(one, 1, resource));
    message(resourceSpans, 2, (scopeSpans) => {
      message(scopeSpans, 1, (scope) => text(scope, 1, 'tulle'));
      for (const span of spans) message(scopeSpans, 2, (one) => encodeSpan(one, span));
    });
  });
  return writer.finish();
}

function encodeSpan(writer: BinaryWriter, span: SpanRecord): void {
  bytes(writer, 1, span.traceId);
  bytes(writer, 2, span.spanId);
  if (span.state !== '') text(writer, 3, span.state);
  if (span.parentId !== '') bytes(writer, 4, span.parentId);
  text(writer, 5, span.name);
  writer.tag(6, WireType.Varint).int32(KINDS[span.kind]);
  writer.tag(7, WireType.Bit64).fixed64(nanoseconds(span.start));
  writer.tag(8, WireType.Bit64).fixed64(nanoseconds(span.end));
  attributes(writer, 9, span.attributes);
  for (const [what, at] of span.events) {
    message(writer, 11, (event) => {
      event.tag(1, WireType.Bit64).fixed64(nanoseconds(at));
      text(event, 2, what);
    });
  }
  if (span.failed) message(writer, 15, (status) => status.tag(3, WireType.Varint).int32(STATUS_ERROR));
}
