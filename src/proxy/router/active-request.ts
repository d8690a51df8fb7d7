// The life of one exchange, downstream half: sanitise → route → filters → forward or answer → edit the response → log, exactly once.
import type { Timer } from '../../lib/timer-wheel.ts';
import type { LocalReply } from '../filter/filter.ts';
import { Exchange } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { CodecFault, ServerStream, ServerStreamHandler } from '../http/stream.ts';
import type { ClusterChoice, ForwardAction } from '../route/table.ts';
import { cause, clusterNotFound, codecFault } from './causes.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { Forwarding, type ForwardTarget } from './forwarding.ts';
import { httpDate } from './http-date.ts';
import { Mirror } from './mirror.ts';
import { normalizePath } from './normalize-path.ts';
import { RequestBody } from './request-body.ts';
import { sanitizeRequest } from './sanitize-request.ts';

const NO_MIRRORS: readonly Mirror[] = [];

export class ActiveRequest implements ServerStreamHandler, ForwardTarget {
  readonly #manager: ConnectionManager;
  readonly #stream: ServerStream;
  readonly #exchange: Exchange;
  #body: RequestBody;
  #forwarding: Forwarding | null = null;
  #mirrors: readonly Mirror[] = NO_MIRRORS;
  #choice: ClusterChoice | null = null;
  #responding = false;
  #over = false;
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
    this.#body = new RequestBody(last, false);
    manager.stats.downstream_rq_total += 1;
    manager.stats.downstream_rq_active += 1;
    if (manager.draining) {
      stream.closeAfter();
      manager.stats.downstream_cx_drain_close += 1;
    }
  }

  begin(): void {
    const { config, services } = this.#manager;
    const { request } = this.#exchange;
    const refusal = this.#normalize(request);
    if (refusal !== null) {
      this.answer(refusal);
      return;
    }
    sanitizeRequest(this.#exchange, config, services.localAddress);
    if (this.#manager.inbound) this.#exchange.peer = request.headers.get('x-tulle-peer') ?? '';
    const route = this.#manager.routes?.match(request, this.#exchange, services.random) ?? null;
    this.#exchange.route = route;
    const action = route?.action;
    if (action?.kind === 'forward' && action.retry !== null) this.#body = new RequestBody(this.#body.ended, true);
    this.#watchIdle();
    this.#runFilters(0);
  }

  onData(chunk: Buffer): void {
    this.#exchange.requestBytes += chunk.length;
    this.#lastActivity = this.#manager.services.clock.now();
    for (const mirror of this.#mirrors) mirror.push(chunk);
    this.#body.push(chunk);
    if (this.#body.congested && !this.#requestPaused) {
      this.#requestPaused = true;
      this.#stream.pause();
    }
  }

  onEnd(trailers: HeaderMap | null): void {
    const exchange = this.#exchange;
    this.#lastActivity = this.#manager.services.clock.now();
    exchange.requestEnded = this.#lastActivity;
    if (exchange.upstreamSent > 0) exchange.upstreamSentEnd = this.#lastActivity;
    for (const mirror of this.#mirrors) mirror.end();
    this.#body.end(trailers);
    this.#forwarding?.onRequestEnd();
  }

  onReadDone(): void {
    this.#forwarding?.flush();
    for (const mirror of this.#mirrors) mirror.flush();
  }

  onFault(fault: CodecFault): void {
    const reply = codecFault(fault);
    this.#forwarding?.stop();
    if (this.#responding) this.breakOff(reply.flags, reply.details);
    else this.answer(reply);
  }

  onAbort(): void {
    if (this.#over) return;
    this.#forwarding?.stop();
    for (const mirror of this.#mirrors) mirror.abandon();
    this.#exchange.flags |= flag.downstreamConnectionTermination;
    this.#exchange.details = 'downstream_remote_disconnect';
    this.#manager.stats.downstream_rq_rx_reset += 1;
    this.#finish();
  }

  onDrain(): void {
    if (!this.#responsePaused) return;
    this.#responsePaused = false;
    this.#lastActivity = this.#manager.services.clock.now();
    this.#forwarding?.resume();
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
    this.#send(head, last);
  }

  onUpstreamData(chunk: Buffer): void {
    this.#exchange.responseBytes += chunk.length;
    this.#stream.write(chunk);
    if (!this.#stream.backedUp || this.#responsePaused) return;
    this.#responsePaused = true;
    this.#forwarding?.pause();
  }

  onUpstreamEnd(trailers: HeaderMap | null): void {
    this.#forwarding = null;
    this.#finish();
    this.#stream.finish(trailers);
  }

  onUpstreamReadDone(): void {
    if (this.#over) return;
    this.#lastActivity = this.#manager.services.clock.now();
    this.#stream.flush();
  }

  onUpstreamDrain(): void {
    if (!this.#requestPaused || this.#body.congested) return;
    this.#requestPaused = false;
    this.#stream.resume();
  }

  answer(reply: LocalReply): void {
    const headers = new HeaderMap();
    const body = Buffer.from(reply.body);
    if (body.length > 0) {
      headers.append('content-length', String(body.length));
      headers.append('content-type', 'text/plain');
    }
    if (reply.headers !== null) for (const [name, value] of reply.headers) headers.set(name, value);
    this.#exchange.flags |= reply.flags;
    this.#exchange.details = reply.details;
    this.#forwarding = null;
    const empty = body.length === 0 || this.#exchange.request.method === 'HEAD';
    if (!empty) this.#exchange.responseBytes = body.length;
    this.#send({ status: reply.status, headers }, empty);
    if (empty) return;
    this.#finish();
    this.#stream.write(body);
    this.#stream.finish(null);
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

  guard(work: () => void): void {
    if (this.#over) return;
    try {
      work();
    } catch (error) {
      this.onBug(error);
    }
  }

  /** A reply: the request goes no further. */
  #normalize(request: RequestHead): LocalReply | null {
    const { config } = this.#manager;
    if (request.method === 'CONNECT') {
      this.#stream.closeAfter();
      return cause.routeNotFound;
    }
    if (!request.path.startsWith('/')) return cause.absolutePath;
    if (request.path.includes('#')) {
      this.#stream.closeAfter();
      return cause.pathNormalization;
    }
    if (request.headers.has('upgrade')) {
      this.#stream.closeAfter();
      return cause.upgradeRefused;
    }
    if (!config.normalizePath && !config.mergeSlashes) return null;
    const path = normalizePath(request.path, config);
    if (path === null) return cause.pathNormalization;
    request.path = path;
    return null;
  }

  /** Runs the chain from one filter on. A filter that answers with a promise suspends it; the body waits meanwhile. */
  #runFilters(from: number): void {
    const { filters } = this.#manager.config;
    const overrides = this.#exchange.route?.filters;
    for (let i = from; i < filters.length; i++) {
      let filter = filters[i] ?? null;
      if (overrides !== undefined && overrides.size > 0 && filter !== null) {
        const override = overrides.get(filter.name);
        if (override !== undefined) filter = override;
      }
      const outcome = filter?.request?.(this.#exchange);
      if (outcome === undefined) continue;
      if (outcome instanceof Promise) this.#suspend(outcome, i + 1);
      else this.answer(outcome);
      return;
    }
    this.#act();
  }

  #suspend(outcome: Promise<LocalReply | undefined>, next: number): void {
    outcome.then(
      (reply) =>
        this.guard(() => {
          if (reply === undefined) this.#runFilters(next);
          else this.answer(reply);
          this.onReadDone();
        }),
      (error: unknown) =>
        this.guard(() => {
          this.#manager.services.log.error({ err: error }, 'a filter failed');
          this.answer(cause.filterFailed);
        }),
    );
  }

  #act(): void {
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
    const choice = action.pickCluster(exchange.request, services.random());
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
    this.#prepare(action, choice);
    if (action.mirrors.length > 0) this.#startMirrors(action);
    const forwarding = new Forwarding(exchange, cluster, action, this.#body, services, this);
    this.#forwarding = forwarding;
    forwarding.start();
    this.onUpstreamDrain();
  }

  /** Edits the request as the route says, after every filter has seen it as it came. */
  #prepare(action: ForwardAction, choice: ClusterChoice): void {
    const exchange = this.#exchange;
    const { request } = exchange;
    const expected = expectedTimeout(action);
    if (expected > 0) request.headers.set('x-envoy-expected-rq-timeout-ms', String(expected));
    choice.editRequest(exchange);
    exchange.route?.editRequest(exchange);
    const { path } = request;
    action.rewrite(request);
    if (request.path !== path) exchange.originalPath = path;
  }

  #startMirrors(action: ForwardAction): void {
    const { services } = this.#manager;
    const mirrors: Mirror[] = [];
    for (const { cluster: name, share } of action.mirrors) {
      const cluster = services.clusters.get(name);
      if (cluster !== undefined && services.random() < share) {
        mirrors.push(new Mirror(this.#exchange.request, this.#body.ended, cluster, services));
      }
    }
    this.#mirrors = mirrors;
  }

  /** The one way out of a response head, an upstream's or our own. */
  #send(head: ResponseHead, last: boolean): void {
    const exchange = this.#exchange;
    const { config, services, stats } = this.#manager;
    this.#choice?.editResponse(exchange, head);
    exchange.route?.editResponse(exchange, head);
    this.#filterResponse(head);
    const { headers } = head;
    if (!headers.has('date')) headers.append('date', httpDate(services.clock.epoch()));
    if (config.serverHeader === 'overwrite') headers.set('server', config.serverName);
    else if (config.serverHeader === 'append-if-absent' && !headers.has('server'))
      headers.append('server', config.serverName);
    if (config.via !== '') headers.append('via', config.via);
    exchange.response = head;
    this.#responding = true;
    stats.countResponse(head.status);
    if (last) this.#finish();
    this.#stream.respond(head, last);
  }

  #filterResponse(head: ResponseHead): void {
    const overrides = this.#exchange.route?.filters;
    for (const filter of this.#manager.responseFilters) {
      const override = overrides?.get(filter.name);
      if (override === null) continue;
      (override ?? filter).response?.(this.#exchange, head);
    }
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
    this.#forwarding?.stop();
    const reply = this.#body.ended ? cause.responseIdle : cause.requestIdle;
    if (this.#responding) this.breakOff(reply.flags, reply.details);
    else this.answer(reply);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    const { stats, services, config } = this.#manager;
    stats.downstream_rq_active -= 1;
    if (this.#idleTimer !== null) services.wheel.cancel(this.#idleTimer);
    const now = services.clock.now();
    for (const log of config.accessLogs) log.write(this.#exchange, now);
  }
}

/** Milliseconds one try may take, 0 without limit. */
function expectedTimeout({ timeout, retry }: ForwardAction): number {
  const perTry = retry?.perTryTimeout ?? 0;
  return perTry > 0 && (timeout === 0 || perTry < timeout) ? perTry : timeout;
}
