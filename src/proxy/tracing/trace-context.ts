// The trace a request belongs to, as hops tell each other: W3C trace context, and B3 in one header or several where OTEL_PROPAGATORS asks for it.
import type { HeaderMap } from '../http/headers.ts';

export type TraceContext = {
  /** 32 hexadecimal digits, lower case; of Zipkin also 16. */
  readonly traceId: string;
  /** 16 digits: the span of the sender. */
  readonly spanId: string;
  readonly sampled: boolean;
  /** The headers say whether it is: not left to who reads them. */
  readonly said: boolean;
  /** The span before that of the sender, '' where nothing is said of it. */
  readonly parentId: string;
  /** `tracestate`, passed on as it came. */
  readonly state: string;
};

export type Propagator = {
  /** null: nothing, or nothing that can be read. */
  extract(headers: HeaderMap): TraceContext | null;
  inject(headers: HeaderMap, context: TraceContext): void;
};

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZEROES = /^0+$/;

/** https://www.w3.org/TR/trace-context/#traceparent-header */
export const traceContext: Propagator = {
  extract(headers) {
    const [, version, traceId = '', spanId = '', flags = '', rest] =
      TRACEPARENT.exec(headers.get('traceparent') ?? '') ?? [];
    if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return null;
    if (ZEROES.test(traceId) || ZEROES.test(spanId)) return null;
    const sampled = (Number.parseInt(flags, 16) & 1) === 1;
    return { traceId, spanId, parentId: '', sampled, said: true, state: headers.joined('tracestate') ?? '' };
  },
  inject(headers, { traceId, spanId, sampled, state }) {
    headers.set('traceparent', `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`);
    headers.set('tracestate', state);
  },
};

const B3 = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/;

/** https://github.com/openzipkin/b3-propagation#single-header */
export const b3: Propagator = {
  extract(headers) {
    const [, traceId, spanId, sampling] = B3.exec(headers.get('b3') ?? '') ?? [];
    return b3Context(traceId, spanId, sampling);
  },
  inject(headers, { traceId, spanId, sampled }) {
    headers.set('b3', `${traceId}-${spanId}-${sampled ? '1' : '0'}`);
  },
};

export const b3Multi: Propagator = {
  extract(headers) {
    const sampling = headers.get('x-b3-flags') === '1' ? 'd' : headers.get('x-b3-sampled');
    return b3Context(headers.get('x-b3-traceid'), headers.get('x-b3-spanid'), sampling);
  },
  inject(headers, { traceId, spanId, sampled }) {
    headers.set('x-b3-traceid', traceId);
    headers.set('x-b3-spanid', spanId);
    headers.set('x-b3-sampled', sampled ? '1' : '0');
  },
};

function b3Context(
  trace: string | undefined,
  span: string | undefined,
  sampling: string | undefined,
): TraceContext | null {
  if (trace === undefined || span === undefined) return null;
  if (!/^(?:[0-9a-f]{16}){1,2}$/.test(trace) || !/^[0-9a-f]{16}$/.test(span) || ZEROES.test(trace)) return null;
  const sampled = sampling !== '0' && sampling !== 'false';
  return { traceId: trace.padStart(32, '0'), spanId: span, parentId: '', sampled, said: true, state: '' };
}

const BY_NAME: Readonly<Record<string, Propagator>> = { tracecontext: traceContext, b3, b3multi: b3Multi };

/** The value of OTEL_PROPAGATORS; unknown names are left out. The first that finds a context is believed, all are told. */
export function propagatorsOf(names: string | undefined): readonly Propagator[] {
  const found = (names ?? '').split(',').flatMap((name) => BY_NAME[name.trim()] ?? []);
  return found.length === 0 ? [traceContext] : found;
}
