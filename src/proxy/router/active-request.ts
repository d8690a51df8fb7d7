// The life of one exchange, downstream half: sanitise → route → filters → forward or answer → edit the response → log, exactly once.
import type { Timer } from '../../lib/timer-wheel.ts';
import type { LocalReply } from '../filter/filter.ts';
import { type ActiveSpan, Exchange } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { AbortReason, CodecFault, ServerStream, ServerStreamHandler } from '../http/stream.ts';
import { chooseCluster } from '../route/chosen-cluster.ts';
import type { ClusterChoice, ForwardAction } from '../route/table.ts';
import { abort, cause, clusterNotFound, codecFault } from './causes.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { FilterRun, type FilterRunTarget } from './filter-run.ts';
import { Forwarding, type ForwardTarget } from './forwarding.ts';
import { httpDate } from './http-date.ts';
import { localResponse } from './local-response.ts';
import { Mirror } from './mirror.ts';
import { prepareForward } from './prepare-forward.ts';
import { refuseHead, refuseUpgrade } from './refuse-head.ts';
import { RequestBody } from './request-body.ts';
import { sanitizeRequest } from './sanitize-request.ts';

const NO_MIRRORS: readonly Mirror[] = [];

export class ActiveRequest implements ServerStreamHandler, ForwardTarget, FilterRunTarget {
  readonly #manager: ConnectionManager;
  readonly #stream: ServerStream;
  readonly #exchange: Exchange;
  readonly body: RequestBody;
  readonly #filters: FilterRun;
  #forwarding: Forwarding | null = null;
  #mirrors: readonly Mirror[] = NO_MIRRORS;
  #choice: ClusterChoice | null = null;
  #responding = false;
  #over = false;
  #answers = 0;
  #requestPaused = false;
  #responsePaused = false;
  #idleTimer: Timer | null = null;
  #lastActivity: number;

  constructor(manager: ConnectionManager, stream: ServerStream, head: RequestHead, last: boolean) {
    const { clock } = manager.services;
    this.#manager = manager;
    this.#stream = stream;
    this.#lastActivity = clock.now();
    this.#exchange = new Exchange(stream.downstream, head, this.#lastActivity, clock.epoch());
    if (last) this.#exchange.requestEnded = this.#lastActivity;
    this.body = new RequestBody(last);
    this.#filters = new FilterRun(manager, this.#exchange, this);
    manager.stats.downstream_rq_total += 1;
    manager.stats.downstream_rq_active += 1;
    if (manager.draining) {
      stream.closeAfter();
      manager.stats.downstream_cx_drain_close += 1;
    } else if (manager.services.overload.endsKeepAlive) {
      stream.closeAfter();
      manager.stats.downstream_cx_overload_disable_keepalive += 1;
    }
  }

  begin(): void {
    const { config, services } = this.#manager;
    const { request } = this.#exchange;
    if (services.overload.shedsRequests) {
      this.#manager.stats.downstream_rq_overload_close += 1;
      this.answer(cause.overloaded);
      return;
    }
    const refusal = refuseHead(request, config, this.#stream);
    if (refusal !== null) {
      this.answer(refusal);
      return;
    }
    sanitizeRequest(this.#exchange, config, services.localAddress);
    if (this.#manager.inbound) this.#exchange.peer = request.headers.get('x-tulle-peer') ?? '';
    this.reroute();
    const { tracer } = this.#manager;
    if (tracer !== null) this.#exchange.span = tracer.begin(this.#exchange);
    if (request.upgrade !== '' || request.method === 'CONNECT') {
      const refused = refuseUpgrade(request, this.#exchange.route, config, this.#stream);
      if (refused !== null) {
        if (refused === cause.routeNotFound) this.#manager.stats.no_route += 1;
        this.answer(refused);
        return;
      }
      this.#manager.stats.downstream_cx_upgrades_total += 1;
    }
    this.#watchIdle();
    this.#filters.request();
  }

  reroute(): void {
    const exchange = this.#exchange;
    exchange.routeStale = false;
    exchange.choice = null;
    exchange.route = this.#manager.routes?.match(exchange.request, exchange, this.#manager.services.random) ?? null;
  }

  onData(chunk: Buffer): void {
    this.#exchange.requestBytes += chunk.length;
    this.#lastActivity = this.#manager.services.clock.now();
    this.#filters.requestData(chunk);
    this.balanceRequest();
  }

  onEnd(trailers: HeaderMap | null): void {
    const exchange = this.#exchange;
    this.#lastActivity = this.#manager.services.clock.now();
    exchange.requestEnded = this.#lastActivity;
    this.#filters.requestEnd(trailers);
  }

  onFilteredData(chunk: Buffer): void {
    for (const mirror of this.#mirrors) mirror.push(chunk);
    this.body.push(chunk);
  }

  onFilteredEnd(trailers: HeaderMap | null): void {
    const exchange = this.#exchange;
    if (exchange.upstreamSent > 0) exchange.upstreamSentEnd = this.#manager.services.clock.now();
    for (const mirror of this.#mirrors) mirror.end();
    this.body.end(trailers);
    this.#forwarding?.onRequestEnd();
  }

  onReadDone(): void {
    this.#forwarding?.flush();
    for (const mirror of this.#mirrors) mirror.flush();
  }

  onFault(fault: CodecFault): void {
    this.answer(codecFault(fault));
  }

  onAbort(reason: AbortReason): void {
    if (this.#over) return;
    this.#forwarding?.stop();
    for (const mirror of this.#mirrors) mirror.abandon();
    const { flags, details } = abort[reason];
    this.#exchange.flags |= flags;
    this.#exchange.details = details;
    this.#manager.stats.downstream_rq_rx_reset += 1;
    this.#finish();
  }

  onDrain(): void {
    if (!this.#responsePaused) return;
    this.#lastActivity = this.#manager.services.clock.now();
    this.balanceResponse();
  }

  onInterim(): void {
    // Dropped, as Envoy drops them: it answers Expect itself and passes 1xx on only where `proxy_100_continue` asks for it.
  }

  onUpstreamResponse(head: ResponseHead, last: boolean): void {
    const { upstreamStarted, started } = this.#exchange;
    const elapsed = Math.max(0, Math.round(upstreamStarted - started));
    head.headers.set('x-envoy-upstream-service-time', String(elapsed));
    this.#exchange.details = 'via_upstream';
    this.#lastActivity = upstreamStarted;
    if (last) this.#forwarding = null;
    this.#send(head, last);
    if (last) this.#flushRest();
  }

  onUpstreamData(chunk: Buffer): void {
    this.#filters.responseData(chunk);
    this.balanceResponse();
  }

  onUpstreamEnd(trailers: HeaderMap | null): void {
    this.#forwarding = null;
    this.#filters.responseEnd(trailers);
    this.#flushRest();
  }

  respondData(chunk: Buffer): void {
    this.#exchange.responseBytes += chunk.length;
    this.#stream.write(chunk);
  }

  respondEnd(trailers: HeaderMap | null): void {
    this.#finish();
    this.#stream.finish(trailers);
  }

  onUpstreamReadDone(): void {
    if (this.#over) return;
    this.#lastActivity = this.#manager.services.clock.now();
    this.#stream.flush();
  }

  onUpstreamDrain(): void {
    this.balanceRequest();
  }

  /** Stops or starts the source of the request by how much is waiting on its way. */
  balanceRequest(): void {
    const congested = this.body.congested || this.#filters.requestCongested;
    if (this.#over || congested === this.#requestPaused) return;
    this.#requestPaused = congested;
    if (congested) this.#stream.pause();
    else this.#stream.resume();
  }

  balanceResponse(): void {
    const congested = this.#stream.backedUp || this.#filters.responseCongested;
    if (this.#over || congested === this.#responsePaused) return;
    this.#responsePaused = congested;
    if (congested) this.#forwarding?.pause();
    else this.#forwarding?.resume();
  }

  answer(reply: LocalReply): void {
    if (this.#over) return;
    this.#forwarding?.stop();
    this.#forwarding = null;
    if (this.#responding) {
      this.breakOff(reply.flags, reply.details);
      return;
    }
    this.#filters.closeRequest();
    this.#exchange.flags |= reply.flags;
    this.#exchange.details = reply.details;
    const { head, body } = localResponse(reply, this.#exchange.request);
    const empty = body.length === 0 || this.#exchange.request.method === 'HEAD';
    const nth = ++this.#answers;
    this.#send(head, empty);
    // A filter may have answered instead while the head passed it.
    if (empty || this.#answers !== nth) return;
    this.#filters.responseData(body);
    this.#filters.responseEnd(null);
  }

  breakOff(flags: number, details: string): void {
    if (this.#over) return;
    this.#exchange.flags |= flags;
    this.#exchange.details = details;
    this.#forwarding = null;
    this.#manager.stats.downstream_rq_tx_reset += 1;
    this.#finish();
    this.#stream.reset();
  }

  onBug(error: unknown): void {
    this.#manager.stats.uncaught_exceptions += 1;
    this.#manager.services.log.error(
      { err: error, path: this.#exchange.request.path },
      'exception while handling a request',
    );
    this.#forwarding?.stop();
    this.breakOff(flag.localReset, 'internal_error');
  }

  run(work: () => void): void {
    this.guard(() => {
      work();
      this.onReadDone();
      if (!this.#over) this.#stream.flush();
    });
  }

  guard(work: () => void): void {
    if (this.#over) return;
    try {
      work();
    } catch (error) {
      this.onBug(error);
    }
  }

  onFiltered(): void {
    const action = this.#exchange.route?.action;
    if (action === undefined) {
      this.#manager.stats.no_route += 1;
      this.answer(cause.routeNotFound);
    } else if (action.kind === 'forward') this.#forward(action);
    else if (action.kind === 'redirect') {
      const headers = new HeaderMap(['location', action.location(this.#exchange.request)]);
      this.answer({ status: action.status, body: '', details: 'direct_response', flags: 0, headers });
    } else
      this.answer({ status: action.status, body: action.body, details: 'direct_response', flags: 0, headers: null });
  }

  #forward(action: ForwardAction): void {
    const { services, stats } = this.#manager;
    const exchange = this.#exchange;
    const choice = chooseCluster(exchange, action, services.random);
    this.#choice = choice;
    exchange.cluster = choice.cluster;
    exchange.subset = choice.subset;
    const cluster = services.clusters.get(choice.cluster);
    if (cluster === undefined) {
      stats.no_cluster += 1;
      this.answer(clusterNotFound(action.clusterNotFoundStatus));
      return;
    }
    exchange.clusterMetadata = cluster.config.metadata;
    prepareForward(exchange, action, choice);
    if (action.retry !== null) this.body.keepForRetry();
    if (action.mirrors.length > 0) this.#startMirrors(action);
    const forwarding = new Forwarding(exchange, cluster, action, this.body, services, this);
    this.#forwarding = forwarding;
    forwarding.start();
    this.onUpstreamDrain();
  }

  #startMirrors(action: ForwardAction): void {
    const { services } = this.#manager;
    const mirrors: Mirror[] = [];
    for (const { cluster: name, share } of action.mirrors) {
      const cluster = services.clusters.get(name);
      if (cluster !== undefined && services.random() < share) {
        mirrors.push(new Mirror(this.#exchange.request, this.body.ended, cluster, services));
      }
    }
    this.#mirrors = mirrors;
  }

  /** The upstream has ended, but a filter still holds some of the response. */
  #flushRest(): void {
    if (!this.#over) this.#stream.flush();
  }

  /** The one way of a response head to the filters, an upstream's or our own. */
  #send(head: ResponseHead, last: boolean): void {
    const exchange = this.#exchange;
    this.#choice?.editResponse(exchange, head);
    exchange.route?.editResponse(exchange, head);
    this.#filters.response(head, last);
  }

  /** The one way out of a response head. */
  respond(head: ResponseHead, last: boolean): void {
    const exchange = this.#exchange;
    const { config, services, stats } = this.#manager;
    const { headers } = head;
    if (!headers.has('date')) headers.append('date', httpDate(services.clock.epoch()));
    if (config.serverHeader === 'overwrite') headers.set('server', config.serverName);
    else if (config.serverHeader === 'append-if-absent' && !headers.has('server'))
      headers.append('server', config.serverName);
    if (config.via !== '') headers.append('via', config.via);
    exchange.response = head;
    exchange.responded = services.clock.now();
    this.#responding = true;
    stats.countResponse(head.status);
    if (last) this.#finish();
    this.#stream.respond(head, last);
  }

  /** Lazy like the connection's: activity only notes the time, the timer looks at it when it fires. */
  #watchIdle(): void {
    const action = this.#exchange.route?.action;
    const own = action?.kind === 'forward' ? action.idleTimeout : null;
    const limit = own ?? this.#manager.config.streamIdleTimeout;
    if (limit === 0) return;
    const { wheel, clock } = this.#manager.services;
    const check = () =>
      this.guard(() => {
        const idle = clock.now() - this.#lastActivity;
        if (idle < limit) this.#idleTimer = wheel.set(limit - idle, check);
        else this.#idledOut();
      });
    this.#idleTimer = wheel.set(limit, check);
  }

  #idledOut(): void {
    this.#manager.stats.downstream_rq_idle_timeout += 1;
    this.answer(this.#exchange.requestEnded > 0 ? cause.responseIdle : cause.requestIdle);
  }

  #traced(span: ActiveSpan, now: number): void {
    span.finish(now);
    if (!span.sampled) return;
    const { started, startedAt } = this.#exchange;
    const value = now - started;
    this.#manager.stats.downstream_rq_time.exemplify({
      value,
      label: `trace_id="${span.traceId}",span_id="${span.spanId}"`,
      epoch: startedAt + value,
    });
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    const { stats, services, config } = this.#manager;
    stats.downstream_rq_active -= 1;
    if (this.#idleTimer !== null) services.wheel.cancel(this.#idleTimer);
    const now = services.clock.now();
    stats.downstream_rq_time.record(now - this.#exchange.started);
    if (this.#exchange.span !== null) this.#traced(this.#exchange.span, now);
    for (const log of config.accessLogs) log.write(this.#exchange, now);
    this.#filters.done();
  }
}
