// The HTTP connection manager of one filter chain: makes an exchange of every request its connections deliver.
import { atTurnEnd } from '../../lib/turn-end.ts';
import type { HttpConnectionConfig, ListenerConfig } from '../config/types.ts';
import { startAll } from '../filter/define.ts';
import type { FilterScope, Started } from '../filter/filter.ts';
import type { Exchange } from '../http/exchange.ts';
import { HeaderMap } from '../http/headers.ts';
import type { Protocol, RequestHead } from '../http/message.ts';
import type { CodecFault, ServerStream, ServerStreamHandler, StreamAcceptor } from '../http/stream.ts';
import type { AccessLog } from '../log/access-log.ts';
import type { RouteTable } from '../route/table.ts';
import type { TracingConfig } from '../tracing/config.ts';
import { ExporterStats } from '../tracing/exporter.ts';
import { Tracer, TracingStats } from '../tracing/tracer.ts';
import { ZipkinStats } from '../tracing/zipkin.ts';
import { ActiveRequest } from './active-request.ts';
import { EarlyLogs } from './early-logs.ts';
import { FilterList } from './filter-list.ts';
import { finishSpan } from './finish-span.ts';
import type { RouterServices } from './services.ts';
import type { HttpStats } from './stats.ts';

export class ConnectionManager implements StreamAcceptor {
  readonly config: HttpConnectionConfig;
  readonly services: RouterServices;
  readonly stats: HttpStats;
  /** On inbound listeners the caller's proxy says who it is in `x-tulle-peer`. */
  readonly inbound: boolean;
  readonly filters: FilterList;
  /** By protocol, in lower case: of those that have filters of their own. */
  readonly upgradeFilters: ReadonlyMap<string, FilterList>;
  /** The proxy around the filters. */
  readonly scope: FilterScope;
  readonly tracer: Tracer | null;
  readonly #logs: readonly AccessLog[];
  /** null where lines are written at the end only. */
  readonly earlyLogs: EarlyLogs | null;
  readonly #started: Started;
  #draining = false;

  constructor(
    config: HttpConnectionConfig,
    direction: ListenerConfig['direction'],
    services: RouterServices,
    stats: HttpStats,
  ) {
    this.config = config;
    this.services = services;
    this.stats = stats;
    this.inbound = direction === 'inbound';
    this.filters = new FilterList(config.filters);
    this.upgradeFilters = new Map(
      [...config.upgradeFilters].map(([protocol, filters]) => [protocol, new FilterList(filters)]),
    );
    this.#logs = config.accessLogs.map((log) => log.open?.(services) ?? log);
    this.earlyLogs =
      config.earlyLogs && new EarlyLogs(config.earlyLogs, (exchange) => this.#write(exchange, 0), services.wheel);
    this.scope = filterScope(services, config, () => this.routes);
    this.tracer = config.tracing && makeTracer(config.tracing, direction, services, config.statPrefix);
    const all = [config.filters, ...config.upgradeFilters.values()].flat();
    this.#started = startAll(all.flatMap((filter) => (filter.disabled ?? filter).start?.(this.scope) ?? []));
  }

  /** The chain is being replaced, the proxy stops or fails its health checks: every answer ends its connection. */
  get draining(): boolean {
    return this.#draining || this.services.leaving.failing;
  }

  /** Filters have what they cannot do without. */
  get ready(): Promise<void> {
    return this.#started.ready;
  }

  drain(): void {
    this.#draining = true;
    this.#started.stop();
  }

  /** Asked anew for every request, so that open connections follow a change of routes at once. */
  get routes(): RouteTable | undefined {
    const { routes } = this.config;
    return routes.kind === 'inline' ? routes.table : this.services.routes.get(routes.name);
  }

  /** The exchange is over. A bug in what is told of it costs its line. */
  log(exchange: Exchange, ended: number): void {
    try {
      if (exchange.span !== null) finishSpan(exchange.span, exchange, this.stats, ended);
      this.earlyLogs?.end(exchange);
    } catch (error) {
      this.onBug(error, exchange);
    }
    // What is answered now has not been said yet.
    if (exchange.downstreamWire === null) this.#write(exchange, ended);
    else atTurnEnd({ onTurnEnd: () => this.#write(exchange, ended) });
  }

  /** Counts an exception that an exchange was ended for, or went on without. */
  onBug(error: unknown, { request: { path } }: Exchange): void {
    this.stats.uncaught_exceptions += 1;
    this.services.log.error({ err: error, path }, 'exception while handling a request');
  }

  accept(stream: ServerStream, head: RequestHead, last: boolean): ServerStreamHandler {
    const request = new ActiveRequest(this, stream, head, last);
    try {
      request.begin();
    } catch (error) {
      request.onBug(error);
    }
    return request;
  }

  refuse(stream: ServerStream, fault: CodecFault, protocol: Protocol): void {
    // Without a Host a head is complete: it is the connection manager that wants one.
    const whole = fault.details === 'missing_host_header';
    const request = new ActiveRequest(this, stream, emptyHead(stream, protocol), whole);
    try {
      request.onFault(fault);
    } catch (error) {
      request.onBug(error);
    }
  }

  #write(exchange: Exchange, ended: number): void {
    for (const log of this.#logs) {
      try {
        log.write(exchange, ended);
      } catch (error) {
        this.onBug(error, exchange);
      }
    }
  }
}

function filterScope(
  services: RouterServices,
  config: HttpConnectionConfig,
  currentRoutes: FilterScope['currentRoutes'],
): FilterScope {
  const { clock, wheel, random, log, clusters, onDemand, localAddress, client, filterStats, node } = services;
  const { health, runtime, workers, tally, secrets } = services;
  return {
    clock,
    wheel,
    random,
    log,
    clusters,
    currentRoutes,
    onDemand,
    secret(ref) {
      const secret = secrets.get(ref);
      return secret?.kind === 'generic' ? secret.value : '';
    },
    localAddress,
    client,
    node,
    health,
    runtime,
    workers,
    tally,
    requestLimits: config,
    prefix: `http.${config.statPrefix}.`,
    stats: filterStats,
  };
}

function makeTracer(
  config: TracingConfig,
  direction: ListenerConfig['direction'],
  services: RouterServices,
  prefix: string,
): Tracer {
  const requests = services.filterStats(`http.${prefix}.tracing`, () => new TracingStats());
  const spans =
    config.zipkin === null
      ? services.filterStats('tracing.opentelemetry', () => new ExporterStats())
      : services.filterStats('tracing.zipkin', () => new ZipkinStats());
  return new Tracer(config, direction === 'outbound' ? 'egress' : 'ingress', services, { requests, spans });
}

/** Stands in the access log for a request whose head could not be read. */
function emptyHead(stream: ServerStream, protocol: Protocol): RequestHead {
  return {
    method: '',
    scheme: stream.downstream.tls === null ? 'http' : 'https',
    authority: '',
    path: '',
    protocol,
    upgrade: '',
    headers: new HeaderMap(),
  };
}
