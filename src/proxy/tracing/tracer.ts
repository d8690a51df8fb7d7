// The tracer of one connection manager: decides for each request, makes its spans, tells the next hop.

import type { RuntimeLookup } from '../config/runtime-keys.ts';
import type { Sampling, SpanOptions } from '../config/span-options.ts';
import type { ActiveSpan, Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { TracingConfig } from './config.ts';
import { type ExportCounter, Exporter, type ExporterServices } from './exporter.ts';
import { type SpanRecord, spanSignal } from './otlp.ts';
import { drawOf, reasonOf, type TraceReason, withReason } from './request-id.ts';
import { ExchangeSpan } from './span.ts';
import { type Propagator, propagatorsOf, type TraceContext } from './trace-context.ts';
import { zipkinContext, zipkinPropagators, zipkinSignal } from './zipkin.ts';

/** Under Envoy's names (`http.<stat_prefix>.tracing.`). */
export class TracingStats {
  random_sampling = 0;
  service_forced = 0;
  client_enabled = 0;
  not_traceable = 0;
  health_check = 0;
}

export type TracerServices = ExporterServices & {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly node: { readonly id: string; readonly cluster: string; readonly zone: string };
  readonly localAddress: string;
  readonly runtime: RuntimeLookup;
};

/** How many there are for shares. */
const DRAWS = 10_000;

export class Tracer {
  readonly config: TracingConfig;
  readonly exporter: Exporter<SpanRecord>;
  readonly node: TracerServices['node'];
  /** Spans of what leaves the mesh's workload are `egress`. */
  readonly direction: 'ingress' | 'egress';
  readonly #random: () => number;
  readonly #runtime: RuntimeLookup;
  readonly #stats: TracingStats;
  readonly #propagators: readonly Propagator[];

  constructor(
    config: TracingConfig,
    direction: 'ingress' | 'egress',
    services: TracerServices,
    stats: { readonly requests: TracingStats; readonly spans: ExportCounter },
  ) {
    this.config = config;
    this.direction = direction;
    this.node = services.node;
    const { node, localAddress: address } = services;
    const { zipkin } = config;
    const signal = zipkin === null ? spanSignal : zipkinSignal(zipkin, { service: node.cluster, address });
    this.exporter = new Exporter(config.exporter, signal, services, stats.spans);
    this.#random = services.random;
    this.#runtime = services.runtime;
    this.#stats = stats.requests;
    this.#propagators = zipkin === null ? propagatorsOf(process.env['OTEL_PROPAGATORS']) : zipkinPropagators(zipkin);
  }

  /** After the request's id and route are known. */
  begin(exchange: Exchange): ActiveSpan {
    const { headers } = exchange.request;
    const wanted = this.#decide(exchange);
    const parent = this.#parent(headers);
    exchange.traced = wanted;
    const { zipkin } = this.config;
    const context =
      zipkin === null
        ? this.#context(parent, wanted)
        : zipkinContext(parent, zipkin, {
            serves: this.direction === 'ingress',
            wanted,
            newId: () => this.#id(2),
            startedAt: exchange.startedAt,
          });
    return new ExchangeSpan(this, exchange, context, context.parentId);
  }

  /** What a span is called that its route has no name for. */
  nameOf({ request: { authority } }: Exchange): string {
    if (this.config.zipkin !== null) return authority;
    return this.direction === 'egress' ? `egress ${authority}` : 'ingress';
  }

  inject(headers: HeaderMap, context: TraceContext): void {
    if (this.config.propagate) for (const propagator of this.#propagators) propagator.inject(headers, context);
  }

  #context(parent: TraceContext | null, wanted: boolean): TraceContext {
    const traceId = parent?.traceId ?? this.#id(4);
    const { sampler } = this.config;
    // Without a sampler a trace goes on where both its parent and this connection manager want it.
    const sampled = sampler === null ? wanted && (parent?.sampled ?? true) : wanted && sampler(traceId, parent);
    const { spanId: parentId = '', state = '' } = parent ?? {};
    return { traceId, spanId: this.#id(2), parentId, sampled, said: true, state };
  }

  newSpanId(): string {
    return this.#id(2);
  }

  /** Envoy's order: what the id says; the client; force; chance. The overall share has the last word. */
  #decide({ request: { headers }, route }: Exchange): boolean {
    const options = route?.tracing ?? this.config.options;
    const { decide, packReason } = this.config.requestIds;
    if (!decide) {
      this.#count('sampled');
      return true;
    }
    const id = headers.get('x-request-id') ?? '';
    let reason = reasonOf(id);
    if (reason === 'none') reason = this.#fresh(headers, id, options);
    if (reason !== 'none' && !this.#within('tracing.global_enabled', options.overallSampling, id)) reason = 'none';
    if (id !== '' && packReason) headers.set('x-request-id', withReason(id, reason));
    this.#count(reason);
    return reason !== 'none';
  }

  #fresh(headers: HeaderMap, id: string, { clientSampling, randomSampling }: SpanOptions): TraceReason {
    if (headers.has('x-client-trace-id') && this.#within('tracing.client_enabled', clientSampling, '')) return 'client';
    if (headers.has('x-envoy-force-trace')) return 'forced';
    return this.#within('tracing.random_sampling', randomSampling, id) ? 'sampled' : 'none';
  }

  /** What the runtime says goes first. */
  #within(key: string, { numerator, denominator }: Sampling, id: string): boolean {
    const draw = drawOf(id) ?? Math.floor(this.#random() * DRAWS);
    const share = this.#runtime.share(key);
    return share === undefined ? draw % denominator < numerator : draw < share * DRAWS;
  }

  #count(reason: TraceReason): void {
    if (reason === 'none') this.#stats.not_traceable += 1;
    else if (reason === 'sampled') this.#stats.random_sampling += 1;
    else if (reason === 'client') this.#stats.client_enabled += 1;
    else this.#stats.service_forced += 1;
  }

  #parent(headers: HeaderMap): TraceContext | null {
    for (const propagator of this.#propagators) {
      const context = propagator.extract(headers);
      if (context !== null) return context;
    }
    return null;
  }

  /** Of so many words of 32 bits; never zero, which stands for no id. */
  #id(words: number): string {
    let id = '';
    for (let i = 0; i < words; i++) {
      id += Math.floor(this.#random() * 0xffff_ffff + 1)
        .toString(16)
        .padStart(8, '0');
    }
    return id;
  }
}
