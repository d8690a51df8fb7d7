// The span of one exchange, and those of its attempts where they have their own. Attributes are read off the exchange at its end.

import type { SpanName } from '../config/span-options.ts';
import type { ActiveSpan, AttemptEnd, Exchange } from '../http/exchange.ts';
import { formatFlags } from '../http/flags.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { Attribute } from './config.ts';
import { Operation } from './operation.ts';
import type { SpanRecord } from './otlp.ts';
import { attemptEvents, exchangeEvents } from './span-events.ts';
import type { TraceContext } from './trace-context.ts';
import type { Tracer } from './tracer.ts';

type Child = { readonly spanId: string; readonly started: number; readonly address: string; readonly retries: number };

/** Statuses that are the server's fault: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const GRPC_FAILURES = new Set(['2', '4', '12', '13', '14', '15']);

export class ExchangeSpan implements ActiveSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  readonly #tracer: Tracer;
  readonly #exchange: Exchange;
  readonly #context: TraceContext;
  readonly #parentId: string;
  /** null: the configuration has a name for it, and nobody is told or heard. */
  readonly #operation: Operation | null;
  readonly #name: SpanName | null;
  #child: Child | null = null;

  constructor(tracer: Tracer, exchange: Exchange, context: TraceContext, parentId: string) {
    this.#tracer = tracer;
    this.#exchange = exchange;
    this.#context = context;
    this.#parentId = parentId;
    this.traceId = context.traceId;
    this.spanId = context.spanId;
    this.sampled = context.sampled;
    const { route, request } = exchange;
    this.#name = route?.tracing?.operation ?? tracer.config.options.operation;
    this.#operation =
      this.#name === null ? new Operation(tracer.direction, route?.decorator ?? null, request.headers) : null;
  }

  attempt(now: number): void {
    const exchange = this.#exchange;
    let spanId = this.spanId;
    if (this.#tracer.config.spawnUpstream) {
      spanId = this.#tracer.newSpanId();
      const address = exchange.endpoint?.name ?? '';
      this.#child = { spanId, started: now, address, retries: exchange.attempts - 1 };
    }
    const parentId = spanId === this.spanId ? this.#parentId : this.spanId;
    this.#tracer.inject(exchange.request.headers, { ...this.#context, spanId, parentId });
  }

  copied(headers: HeaderMap, sampled: boolean | null): void {
    const context = { ...this.#context, spanId: this.spanId, parentId: this.#parentId };
    this.#tracer.inject(headers, { ...context, sampled: sampled ?? this.sampled });
  }

  attempted({ status, flags, fault, sent }: AttemptEnd, now: number): void {
    const child = this.#child;
    this.#child = null;
    if (child === null || !this.sampled) return;
    const { cluster, upstream, route } = this.#exchange;
    const nameOf = route?.tracing?.upstreamOperation ?? this.#tracer.config.options.upstreamOperation;
    const name = nameOf === null ? `router ${cluster} egress` : nameOf(this.#exchange);
    this.#tracer.exporter.add({
      ...this.#record(child.spanId, this.spanId, name, 'client'),
      events: this.#tracer.config.verbose ? attemptEvents(this.#exchange) : [],
      start: this.#epoch(child.started),
      end: this.#epoch(now),
      failed: this.#judged(status, 'client'),
      attributes: [
        ['http.protocol', (sent && upstream?.protocol) || '-'],
        ['upstream_address', child.address],
        ['peer.address', child.address],
        ...(child.retries > 0 ? [['retry.count', String(child.retries)] as const] : []),
        ...this.#outcome(status, flags),
        ...faultOf(fault),
      ],
    });
  }

  respond(headers: HeaderMap): void {
    this.#operation?.onResponse(headers);
  }

  finish(now: number): void {
    const exchange = this.#exchange;
    const status = exchange.response?.status ?? 0;
    this.#lastAttempted(now);
    if (!this.sampled) return;
    const { direction, config } = this.#tracer;
    const name = this.#name?.(exchange) ?? (this.#operation?.name || this.#tracer.nameOf(exchange));
    const kind = direction === 'egress' && !config.spawnUpstream ? 'client' : 'server';
    this.#tracer.exporter.add({
      ...this.#record(this.spanId, this.#parentId, name, kind),
      events: config.verbose ? exchangeEvents(exchange, now) : [],
      start: exchange.startedAt,
      end: this.#epoch(now),
      failed: this.#judged(status, kind),
      attributes: [...this.#request(), ...this.#outcome(status, exchange.flags)],
    });
  }

  /** Of whose end nobody has told yet. */
  #lastAttempted(now: number): void {
    if (this.#child === null) return;
    const { response, upstreamStarted, upstreamEnded } = this.#exchange;
    const status = upstreamStarted === 0 ? 0 : (response?.status ?? 0);
    this.attempted({ status, flags: 0, fault: upstreamEnded === 0 ? 'canceled' : null, sent: true }, now);
  }

  #record(spanId: string, parentId: string, name: string, kind: SpanRecord['kind']) {
    const { traceId, state } = this.#context;
    return { traceId, spanId, parentId, state, name, kind };
  }

  /** In Envoy's order. */
  #request(): Attribute[] {
    const { request, clientAddress, requestBytes, responseBytes } = this.#exchange;
    const { headers } = request;
    const { node } = this.#tracer;
    const optional = (key: string, value: string | undefined): Attribute[] =>
      value === undefined ? [] : [[key, value]];
    const grpc = headers.get('content-type')?.startsWith('application/grpc') === true;
    return [
      ['node_id', node.id],
      ['zone', node.zone],
      ...optional('guid:x-request-id', headers.get('x-request-id')),
      ['http.url', this.#url()],
      ['http.method', request.method],
      ['downstream_cluster', headers.get('x-envoy-downstream-service-cluster') ?? '-'],
      ['user_agent', headers.get('user-agent') ?? '-'],
      ['http.protocol', request.protocol],
      ['peer.address', clientAddress],
      ...optional('guid:x-client-trace-id', headers.get('x-client-trace-id')),
      ...(grpc ? this.#grpcRequest() : []),
      ['request_size', String(requestBytes)],
      ['response_size', String(responseBytes)],
    ];
  }

  #grpcRequest(): Attribute[] {
    const { path, authority, headers } = this.#exchange.request;
    const timeout = headers.get('grpc-timeout');
    return [
      ['grpc.path', path],
      ['grpc.authority', authority],
      ['grpc.content_type', headers.get('content-type') ?? ''],
      ...(timeout === undefined ? [] : [['grpc.timeout', timeout] as const]),
    ];
  }

  #outcome(status: number, flags: number): Attribute[] {
    const { cluster, clusterStatName, trailers, response } = this.#exchange;
    const grpcStatus = this.#grpcStatus();
    const grpcMessage = trailers?.get('grpc-message') ?? response?.headers.get('grpc-message');
    const chosen: Attribute[] =
      clusterStatName === ''
        ? []
        : [
            ['upstream_cluster', cluster],
            ['upstream_cluster.name', clusterStatName],
          ];
    return [
      ['component', 'proxy'],
      ...chosen,
      ['http.status_code', String(status)],
      ['response_flags', formatFlags(flags)],
      ...(grpcStatus === undefined ? [] : [['grpc.status_code', grpcStatus] as const]),
      ...(grpcMessage === undefined ? [] : [['grpc.message', grpcMessage] as const]),
      ...(this.#failed(status) ? [['error', 'true'] as const] : []),
      ...this.#tags(),
    ];
  }

  /** Those of the route go before those of the connection manager. */
  #tags(): Attribute[] {
    const { customTags } = this.#tracer.config.options;
    const own = this.#exchange.route?.tracing?.customTags ?? [];
    const others = own.length === 0 ? customTags : customTags.filter(({ tag }) => own.every((one) => one.tag !== tag));
    return [...others, ...own].flatMap(({ tag, read }): Attribute[] => {
      const value = read(this.#exchange);
      return value === undefined ? [] : [[tag, value]];
    });
  }

  #grpcStatus(): string | undefined {
    const { trailers, response } = this.#exchange;
    return trailers?.get('grpc-status') ?? response?.headers.get('grpc-status');
  }

  /** Whether a span of this kind ended in error: what is the client's fault is an error to it. https://opentelemetry.io/docs/specs/semconv/http/http-spans/ */
  #judged(status: number, kind: SpanRecord['kind']): boolean {
    const grpcStatus = this.#grpcStatus() ?? '0';
    return kind === 'client' ? status >= 400 || grpcStatus !== '0' : status >= 500 || GRPC_FAILURES.has(grpcStatus);
  }

  #failed(status: number): boolean {
    return status === 0 || status >= 500 || GRPC_FAILURES.has(this.#grpcStatus() ?? '0');
  }

  #url(): string {
    const { request, originalPath } = this.#exchange;
    const path = (originalPath ?? request.path).slice(0, this.#tracer.config.maxPathLength);
    return `${request.scheme}://${request.authority}${path}`;
  }

  #epoch(moment: number): number {
    return this.#exchange.startedAt + moment - this.#exchange.started;
  }
}

function faultOf(fault: string | null): Attribute[] {
  if (fault === null) return [];
  return [fault === 'canceled' ? ['canceled', 'true'] : ['error.reason', fault]];
}
