// Zipkin: ids and headers of B3 as Envoy's tracer makes them, and spans as JSON of its API v2 (https://zipkin.io/zipkin-api/).
import type { ZipkinConfig } from './config.ts';
import type { ExportCounter, Signal } from './exporter.ts';
import type { SpanRecord } from './otlp.ts';
import { type Propagator, type TraceContext, traceContext } from './trace-context.ts';

/** Under Envoy's names (`tracing.zipkin.`). */
export class ZipkinStats implements ExportCounter {
  spans_sent = 0;
  timer_flushed = 0;
  reports_sent = 0;
  reports_dropped = 0;
  /** Not one of Envoy's: spans that found no room, or no collector. */
  spans_dropped = 0;

  taken(count: number): void {
    this.spans_sent += count;
    this.reports_sent += 1;
  }

  lost(count: number): void {
    this.spans_dropped += count;
  }

  refused(): void {
    this.reports_dropped += 1;
  }

  timed(): void {
    this.timer_flushed += 1;
  }
}

/** Who sends: `serviceName` and address of every span's endpoint. */
export type ZipkinEndpoint = { readonly service: string; readonly address: string };

const SINGLE = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-([0-9a-f]{16}))?)?$/;

/** Answers in the form it was asked in: one header, or several. */
export function zipkinPropagators({ w3c }: ZipkinConfig): readonly Propagator[] {
  return w3c ? [zipkinPropagator, besideB3] : [zipkinPropagator];
}

/** Trace context has ids of 128 bits, and no `tracestate` of B3's. */
const besideB3: Propagator = {
  extract: traceContext.extract,
  inject(headers, { traceId, spanId, sampled }) {
    headers.set('traceparent', `00-${traceId.padStart(32, '0')}-${spanId}-${sampled ? '01' : '00'}`);
  },
};

const zipkinPropagator: Propagator = {
  extract(headers) {
    const [, trace, span, sampling, parent] = SINGLE.exec(headers.get('b3') ?? '') ?? [];
    if (trace !== undefined) return contextOf(trace, span, sampling, parent);
    const sampled = headers.get('x-b3-flags') === '1' ? 'd' : headers.get('x-b3-sampled');
    return contextOf(
      headers.get('x-b3-traceid'),
      headers.get('x-b3-spanid'),
      sampled,
      headers.get('x-b3-parentspanid'),
    );
  },
  inject(headers, { traceId, spanId, sampled, parentId }) {
    const said = sampled ? '1' : '0';
    if (headers.has('b3')) {
      headers.set('b3', [traceId, spanId, said, ...(parentId === '' ? [] : [parentId])].join('-'));
      return;
    }
    headers.set('x-b3-traceid', traceId);
    headers.set('x-b3-spanid', spanId);
    if (parentId === '') headers.remove('x-b3-parentspanid');
    else headers.set('x-b3-parentspanid', parentId);
    headers.set('x-b3-sampled', said);
  },
};

function contextOf(
  trace: string | undefined,
  span: string | undefined,
  sampling: string | undefined,
  parent: string | undefined,
): TraceContext | null {
  if (trace === undefined || span === undefined) return null;
  if (!/^(?:[0-9a-f]{16}){1,2}$/.test(trace) || !/^[0-9a-f]{16}$/.test(span) || /^0+$/.test(trace)) return null;
  const parentId = parent !== undefined && /^[0-9a-f]{16}$/.test(parent) ? parent : '';
  const said = sampling === undefined ? null : sampling !== '0' && sampling !== 'false';
  return { traceId: trace, spanId: span, parentId, sampled: said ?? true, said: said !== null, state: '' };
}

/**
 * The span of an exchange: that of its caller, seen from this side, where both share one (`shared_span_context`); else a child of it. What the
 * headers say of sampling goes before what is wanted here.
 */
export function zipkinContext(
  parent: TraceContext | null,
  config: ZipkinConfig,
  { serves, wanted, newId, startedAt }: NewSpan,
): TraceContext {
  const sampled = parent?.said === true ? parent.sampled : wanted;
  const common = { sampled, said: true, state: '' };
  if (parent === null) {
    const spanId = newId();
    return { ...common, traceId: newTrace(config, spanId, newId, startedAt), spanId, parentId: '' };
  }
  if (serves && config.shared) return { ...parent, ...common };
  return { ...common, traceId: parent.traceId, spanId: newId(), parentId: parent.spanId };
}

/** `startedAt`: milliseconds since the epoch. */
type NewSpan = {
  readonly serves: boolean;
  readonly wanted: boolean;
  readonly newId: () => string;
  readonly startedAt: number;
};

function newTrace({ wideIds, timedIds }: ZipkinConfig, spanId: string, newId: () => string, startedAt: number): string {
  if (!timedIds) return wideIds ? newId() + spanId : spanId;
  const seconds = Math.floor(startedAt / 1000).toString(16);
  const half = seconds.padStart(8, '0') + newId().slice(8);
  return wideIds ? half + spanId : half;
}

export function zipkinSignal({ shared }: ZipkinConfig, endpoint: ZipkinEndpoint): Signal<SpanRecord> {
  const localEndpoint = {
    serviceName: endpoint.service,
    [endpoint.address.includes(':') ? 'ipv6' : 'ipv4']: endpoint.address,
    port: 0,
  };
  return {
    name: 'zipkin',
    // Its collector is asked by HTTP alone.
    grpcPath: '',
    contentType: 'application/json',
    userAgent: null,
    encode: (spans) => Buffer.from(JSON.stringify(spans.map((span) => spanJson(span, shared, localEndpoint)))),
  };
}

function spanJson(span: SpanRecord, shared: boolean, localEndpoint: object): object {
  const serves = span.kind === 'server';
  const end = Math.round(span.end * 1000);
  return {
    traceId: span.traceId,
    name: textOf(span.name),
    id: span.spanId,
    ...(span.parentId === '' ? {} : { parentId: span.parentId }),
    kind: serves ? 'SERVER' : 'CLIENT',
    timestamp: Math.round(span.start * 1000),
    duration: Math.max(1, end - Math.round(span.start * 1000)),
    localEndpoint,
    annotations: [
      ...span.events.map(([value, at]) => ({ timestamp: Math.round(at * 1000), value })),
      { timestamp: end, value: serves ? 'ss' : 'cr' },
    ],
    tags: Object.fromEntries(
      span.attributes.filter(([, value]) => value !== '').map(([tag, value]) => [tag, textOf(value)]),
    ),
    ...(serves && shared ? { shared: true } : {}),
  };
}

/** Values of heads hold one byte per character. */
function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
