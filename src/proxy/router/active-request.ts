// The life of one exchange, downstream half: sanitise → route → filters → forward or answer → edit the response → log, exactly once.
import type { LocalReply } from '../filter/filter.ts';
import { Exchange } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { AbortReason, CodecFault, ServerStream, ServerStreamHandler } from '../http/stream.ts';
import type { InternalRedirect } from '../route/internal-redirect.ts';
import { findRoute } from '../route/settled-entry.ts';
import type { RouteTable } from '../route/table.ts';
import { abort, cause, codecFault } from './causes.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { dispatch } from './dispatch.ts';
import { FilterRun, type FilterRunTarget } from './filter-run.ts';
import type { ForwardTarget } from './forward-target.ts';
import { Forwarding } from './forwarding.ts';
import { type RedirectHistory, redirect } from './internal-redirect.ts';
import { editResponse, localResponse } from './local-response.ts';
import { durationLeft } from './max-duration.ts';
import { addOwnHeaders, addServiceTime, answerRequestId } from './own-headers.ts';
import { notePlannedCluster } from './planned-cluster.ts';
import { refuseHead, refuseUpgrade, shedLoad } from './refuse-head.ts';
import { RequestBody } from './request-body.ts';
import { sanitizeRequest } from './sanitize-request.ts';
import { StreamLimits } from './stream-limits.ts';

export class ActiveRequest implements ServerStreamHandler, ForwardTarget, FilterRunTarget {
  readonly #manager: ConnectionManager;
  readonly #stream: ServerStream;
  readonly exchange: Exchange;
  readonly body: RequestBody;
  readonly #filters: FilterRun;
  #forwarding: Forwarding | null = null;
  #responding = false;
  #over = false;
  #answers = 0;
  #bugs = 0;
  /** The client was told to go on. */
  #continued = false;
  #requestPaused = false;
  #responsePaused = false;
  /** Another exchange has taken the stream over, because a redirect was followed. */
  #next: ActiveRequest | null = null;
  #redirects: RedirectHistory | null = null;
  readonly #limits: StreamLimits;

  constructor(manager: ConnectionManager, stream: ServerStream, head: RequestHead, last: boolean) {
    const { clock } = manager.services;
    this.#manager = manager;
    this.#stream = stream;
    const now = clock.now();
    this.#limits = new StreamLimits(manager.services, this, now);
    this.exchange = new Exchange(stream.downstream, head, now, clock.epoch(), stream.wire);
    if (last) this.exchange.requestEnded = now;
    this.body = new RequestBody(last);
    this.#filters = new FilterRun(manager, this.exchange, this);
    manager.stats.countRequest(head.protocol);
    if (manager.draining) {
      if (stream.retire()) manager.stats.downstream_cx_drain_close += 1;
    } else if (manager.services.overload.endsKeepAlive) {
      if (stream.retire()) manager.stats.downstream_cx_overload_disable_keepalive += 1;
    }
  }

  begin(): void {
    const { config, services } = this.#manager;
    const { request } = this.exchange;
    const refusal =
      shedLoad(this.#manager) ??
      refuseHead(request, this.#manager, this.#stream) ??
      sanitizeRequest(this.exchange, config, services);
    if (refusal === null) this.#proceed();
    else this.answer(refusal);
  }

  #proceed(): void {
    const { request } = this.exchange;
    if (this.#manager.inbound) this.exchange.peer = request.headers.get('x-tulle-peer') ?? '';
    const { routes } = this.#manager;
    if (routes?.hideInternal && !request.headers.has('x-envoy-internal')) routes.hideInternal(request.headers);
    this.#choose(routes);
    this.exchange.span = this.#manager.tracer?.begin(this.exchange) ?? null;
    this.#manager.earlyLogs?.begin(this.exchange);
    if (request.upgrade !== '' || request.method === 'CONNECT') {
      const refused = refuseUpgrade(request, this.exchange.route, this.#manager, this.#stream);
      if (refused !== null) {
        this.answer(refused);
        return;
      }
      const own = this.#manager.upgradeFilters.get(request.upgrade || 'connect');
      if (own !== undefined) this.#filters.use(own);
    }
    const action = this.exchange.route?.action;
    const idle = action?.kind === 'forward' ? action.idleTimeout : null;
    this.#limits.watchIdle(idle ?? this.#manager.config.streamIdleTimeout);
    this.#filters.request();
  }

  reroute(): void {
    this.#choose(this.#manager.routes);
  }

  #choose(routes: RouteTable | undefined): void {
    const exchange = this.exchange;
    const { services, config } = this.#manager;
    exchange.routeStale = false;
    exchange.choice = null;
    exchange.route = findRoute(routes, exchange, services);
    this.#limits.watchDuration(durationLeft(exchange, config.maxStreamDuration, services.clock));
  }

  onData(chunk: Buffer): void {
    this.exchange.requestBytes += chunk.length;
    this.#limits.lastActivity = this.#manager.services.clock.now();
    this.#filters.requestData(chunk);
    this.balanceRequest();
  }

  onEnd(trailers: HeaderMap | null): void {
    const exchange = this.exchange;
    this.#limits.lastActivity = this.#manager.services.clock.now();
    exchange.requestEnded = this.#limits.lastActivity;
    this.#filters.requestEnd(trailers);
  }

  onFilteredData(chunk: Buffer): void {
    this.body.push(chunk);
  }

  onFilteredEnd(trailers: HeaderMap | null): void {
    const exchange = this.exchange;
    if (exchange.upstreamSent > 0) exchange.upstreamSentEnd = this.#manager.services.clock.now();
    this.body.end(trailers);
    this.#forwarding?.onRequestEnd();
  }

  onReadDone(): void {
    this.#next?.onReadDone();
    this.#forwarding?.flush();
    for (const mirror of this.body.mirrors) mirror.flush();
  }

  onFault(fault: CodecFault): void {
    this.#next?.onFault(fault);
    this.#manager.stats.countFault(fault);
    this.answer(codecFault(fault));
  }

  onAbort(reason: AbortReason): void {
    this.#next?.onAbort(reason);
    if (this.#over) return;
    this.#forwarding?.stop();
    for (const mirror of this.body.mirrors) mirror.abandon();
    const { flags, details } = abort[reason];
    this.exchange.flags |= flags;
    this.exchange.details = details;
    notePlannedCluster(this.exchange, this.#manager.services.clusters);
    this.#manager.stats.downstream_rq_rx_reset += 1;
    this.#finish();
  }

  onDrain(): void {
    this.#next?.onDrain();
    if (!this.#responsePaused) return;
    this.#limits.lastActivity = this.#manager.services.clock.now();
    this.balanceResponse();
  }

  /** Dropped, as Envoy drops them, unless the proxy leaves it to upstreams to answer Expect. */
  onInterim(head: ResponseHead): void {
    if (!this.#manager.config.proxies100Continue || head.status !== 100 || this.#continued) return;
    this.#continued = true;
    this.#stream.inform(head);
  }

  onUpstreamResponse(head: ResponseHead, last: boolean): void {
    if (!this.#manager.config.router.suppressHeaders) addServiceTime(head.headers, this.exchange);
    this.exchange.details = 'via_upstream';
    this.#limits.lastActivity = this.exchange.upstreamStarted;
    if (last) this.#forwarding = null;
    editResponse(this.exchange, head);
    this.#filters.response(head, last);
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
    this.exchange.responseBytes += chunk.length;
    this.#stream.write(chunk);
  }

  respondEnd(trailers: HeaderMap | null): void {
    this.#complete();
    this.#stream.finish(trailers);
  }

  onUpstreamReadDone(): void {
    if (this.#over) return;
    this.#limits.lastActivity = this.#manager.services.clock.now();
    this.#stream.flush();
  }

  onUpstreamDrain(): void {
    this.balanceRequest();
  }

  /** Stops or starts the source of the request by how much is waiting on its way. */
  balanceRequest(): void {
    const congested = this.#filters.requestCongested(this.body.congested);
    if (this.#over || congested === this.#requestPaused) return;
    this.#requestPaused = congested;
    if (congested) this.#stream.pause();
    else this.#stream.resume();
  }

  balanceResponse(): void {
    const congested = this.#filters.responseCongested(this.#stream.backedUp);
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
    // To Envoy a 400 of the proxy's own means that the two no longer understand each other.
    if (reply.status === 400 && this.exchange.request.protocol !== 'HTTP/2') this.#endUnlessOutlived();
    this.exchange.flags |= reply.flags;
    this.exchange.details = reply.details;
    this.exchange.ownBody = reply.body;
    // The choice itself may be what is broken.
    if (this.#bugs === 0) notePlannedCluster(this.exchange, this.#manager.services.clusters);
    const { head, body } = localResponse(reply, this.exchange, this.#manager);
    const empty = body.length === 0 || this.exchange.request.method === 'HEAD';
    const nth = ++this.#answers;
    this.#filters.response(head, empty);
    // A filter may have answered instead while the head passed it.
    if (empty || this.#answers !== nth) return;
    this.#filters.responseData(body);
    this.#filters.responseEnd(null);
  }

  #endUnlessOutlived(): void {
    if (!this.#manager.config.outlivesBadRequests) this.#stream.closeAfter();
  }

  breakOff(flags: number, details: string): void {
    if (this.#over) return;
    this.exchange.flags |= flags;
    this.exchange.details = details;
    this.#forwarding = null;
    this.#manager.stats.downstream_rq_tx_reset += 1;
    this.#finish();
    this.#stream.reset();
  }

  /** There are two tries of an answer: the second goes past the filters. */
  onBug(error: unknown): void {
    if (this.#next === null) this.#manager.onBug(error, this.exchange);
    this.#bugs += 1;
    if (this.#next !== null) this.#next.onBug(error);
    else if (this.#over) this.#stream.reset();
    else if (this.#bugs > 2) this.breakOff(flag.localReset, 'internal_error');
    else this.run(() => this.answer(cause.internalError));
  }

  run(work: () => void): void {
    this.guard(() => {
      work();
      this.onReadDone();
      if (this.#over) return;
      this.#stream.flush();
      this.balanceResponse();
      this.balanceRequest();
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

  followRedirect(head: ResponseHead, policy: InternalRedirect): (() => void) | null {
    const { exchange } = this;
    if (exchange.requestEnded === 0 || !this.body.replayable) return null;
    const redirected = redirect(exchange, head, policy, this.#manager, this.#redirects);
    if (redirected === null) return null;
    return () => {
      exchange.response = head;
      exchange.details = 'internal_redirect';
      const { request, history } = redirected;
      // A request that became a GET has lost its body.
      const last = this.body.empty || request.method !== exchange.request.method;
      const next = new ActiveRequest(this.#manager, this.#stream, request, last);
      this.#next = next;
      next.#redirects = history;
      this.#finish();
      next.#proceed();
      if (!last) this.body.moveTo({ data: (chunk) => next.onData(chunk), end: (trailers) => next.onEnd(trailers) });
      next.onReadDone();
    };
  }

  onFiltered(): void {
    const next = dispatch(this.#manager, this);
    if (!(next instanceof Forwarding)) {
      this.answer(next);
      return;
    }
    this.#forwarding = next;
    next.start();
    this.onUpstreamDrain();
  }

  /** The upstream has ended, but a filter still holds some of the response. */
  #flushRest(): void {
    if (!this.#over) this.#stream.flush();
  }

  /** The one way out of a response head. */
  respond(head: ResponseHead, last: boolean): void {
    const exchange = this.exchange;
    const { config, services, stats } = this.#manager;
    addOwnHeaders(head.headers, config, services.clock.epoch());
    if (config.answersRequestId) answerRequestId(head.headers, exchange);
    exchange.span?.respond(head.headers);
    exchange.response = head;
    exchange.responded = services.clock.now();
    this.#responding = true;
    stats.countResponse(head.status);
    if (exchange.requestEnded === 0) stats.downstream_rq_response_before_rq_complete += 1;
    if (last) this.#complete();
    this.#stream.respond(head, last);
  }

  onIdle(): void {
    this.#manager.stats.downstream_rq_idle_timeout += 1;
    this.answer(this.exchange.requestEnded > 0 ? cause.responseIdle : cause.requestIdle);
  }

  onLasting(): void {
    this.#manager.stats.downstream_rq_max_duration_reached += 1;
    this.answer(this.exchange.requestEnded > 0 ? cause.responseDuration : cause.requestDuration);
  }

  /** The whole response is there. The codec breaks off what is left of a request; Envoy takes that for a reset by the client. */
  #complete(): void {
    if (this.exchange.requestEnded === 0) this.#manager.stats.downstream_rq_rx_reset += 1;
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    const { stats, services } = this.#manager;
    stats.downstream_rq_active -= 1;
    this.#limits.stop();
    const now = services.clock.now();
    stats.downstream_rq_time.record(now - this.exchange.started);
    this.#manager.log(this.exchange, now);
    this.#filters.done();
  }
}
