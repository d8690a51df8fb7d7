// The span of one exchange, and those of its attempts where they have their own. Attributes are read off the exchange at its end.
import type { ActiveSpan, Exchange } from '../http/exchange.ts';
import { formatFlags } from '../http/flags.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { Attribute } from './config.ts';
import { Operation } from './operation.ts';
import type { SpanRecord } from './otlp.ts';
import type { TraceContext } from './trace-context.ts';
import type { Tracer } from './tracer.ts';

type Child = { readonly spanId: string; readonly started: number; readonly address: string; readonly protocol: string };

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
  readonly #operation: Operation;
  #child: Child | null = null;

  constructor(tracer: Tracer, exchange: Exchange, context: TraceContext, parentId: string) {
    this.#tracer = tracer;
    this.#exchange = exchange;
    this.#context = context;
    this.#parentId = parentId;
    this.traceId = context.traceId;
    this.spanId = context.spanId;
    this.sampled = context.sampled;
    this.#operation = new Operation(tracer.direction, exchange.route?.decorator ?? null, exchange.request.headers);
  }

  attempt(now: number): void {
    const exchange = this.#exchange;
    let spanId = this.spanId;
    if (this.#tracer.config.spawnUpstream) {
      spanId = this.#tracer.newSpanId();
      const address = exchange.endpoint?.name ?? '';
      this.#child = { spanId, started: now, address, protocol: exchange.request.protocol };
    }
    const parentId = spanId === this.spanId ? this.#parentId : this.spanId;
    this.#tracer.inject(exchange.request.headers, { ...this.#context, spanId, parentId });
  }

  attempted(status: number, now: number): void {
    const child = this.#child;
    this.#child = null;
    if (child === null || !this.sampled) return;
    const { cluster, flags } = this.#exchange;
    this.#tracer.exporter.add({
      ...this.#record(child.spanId, this.spanId, `router ${cluster} egress`, 'client'),
      start: this.#epoch(child.started),
      end: this.#epoch(now),
      failed: this.#failed(status),
      attributes: [
        ['http.protocol', child.protocol],
        ['upstream_address', child.address],
        ['peer.address', child.address],
        ...this.#outcome(status, flags),
      ],
    });
  }

  respond(headers: HeaderMap): void {
    this.#operation.onResponse(headers);
  }

  finish(now: number): void {
    const exchange = this.#exchange;
    const status = exchange.response?.status ?? 0;
    this.attempted(status, now);
    if (!this.sampled) return;
    const { direction, config } = this.#tracer;
    const name = this.#operation.name || this.#tracer.nameOf(exchange);
    const kind = direction === 'egress' && !config.spawnUpstream ? 'client' : 'server';
    this.#tracer.exporter.add({
      ...this.#record(this.spanId, this.#parentId, name, kind),
      start: exchange.startedAt,
      end: this.#epoch(now),
      failed: this.#failed(status),
      attributes: [...this.#request(), ...this.#outcome(status, exchange.flags)],
    });
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
    const tags = this.#tracer.config.customTags.flatMap(({ tag, read }): Attribute[] => {
      const value = read(this.#exchange);
      return value === undefined ? [] : [[tag, value]];
    });
    return [
      ['component', 'proxy'],
      ...chosen,
      ['http.status_code', String(status)],
      ['response_flags', formatFlags(flags)],
      ...(grpcStatus === undefined ? [] : [['grpc.status_code', grpcStatus] as const]),
      ...(grpcMessage === undefined ? [] : [['grpc.message', grpcMessage] as const]),
      ...(this.#failed(status) ? [['error', 'true'] as const] : []),
      ...tags,
    ];
  }

  #grpcStatus(): string | undefined {
    const { trailers, response } = this.#exchange;
    return trailers?.get('grpc-status') ?? response?.headers.get('grpc-status');
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
