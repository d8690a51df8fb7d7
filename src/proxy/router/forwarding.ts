// The router: takes one request to a cluster, within the route's timeout, and brings back what its tries are answered.
import { Timer } from '../../lib/timer-wheel.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { millionths } from '../cluster/timeout-budgets.ts';
import type { LocalReply } from '../filter/filter.ts';
import type { Exchange } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import type { ClientSession, ResetReason } from '../http/stream.ts';
import { countsStatus, type RouterOptions } from '../route/request-plan.ts';
import type { AttemptOutcome, ForwardAction, ForwardPlan } from '../route/table.ts';
import type { Attempt } from './attempt.ts';
import { cause, lateReset, resetWords, upstreamReset, withAttemptCount } from './causes.ts';
import type { ConnectionManager } from './connection-manager.ts';
import type { ForwardTarget } from './forward-target.ts';
import { observeAnswer, observeFailure } from './observe.ts';
import type { RequestBody } from './request-body.ts';
import { resetOutcome } from './reset-outcome.ts';
import type { RouterServices } from './services.ts';
import { Tries, type TriesOwner } from './tries.ts';

/** The timer itself is the one of the route's timeout. */
export class Forwarding extends Timer implements TriesOwner {
  readonly #exchange: Exchange;
  readonly #cluster: Cluster;
  readonly #action: ForwardAction;
  readonly #plan: ForwardPlan;
  readonly #body: RequestBody;
  readonly #services: RouterServices;
  readonly #options: RouterOptions;
  readonly #target: ForwardTarget;
  readonly #tries: Tries;
  #responding = false;

  constructor(
    manager: ConnectionManager,
    cluster: Cluster,
    action: ForwardAction,
    plan: ForwardPlan,
    target: ForwardTarget,
  ) {
    super();
    this.#exchange = target.exchange;
    this.#cluster = cluster;
    this.#action = action;
    this.#plan = plan;
    this.#body = target.body;
    this.#services = manager.services;
    this.#options = manager.config.router;
    this.#target = target;
    this.#tries = new Tries(manager, cluster, action, plan, target, this);
  }

  start(): void {
    if (this.#body.ended) this.onRequestEnd();
    this.#tries.start();
  }

  /** The request is complete: from now on the upstream is the one that takes time (Envoy's route timeout starts here). */
  onRequestEnd(): void {
    const { timeout } = this.#plan;
    if (timeout > 0) this.#services.wheel.reset(this, timeout);
    const { current } = this.#tries;
    if (current?.sent === true) current.timers?.complete();
  }

  override wake(): void {
    this.#target.guard(() => this.#timedOut());
  }

  flush(): void {
    this.#tries.current?.flush();
  }

  pause(): void {
    this.#tries.current?.pause();
  }

  resume(): void {
    this.#tries.current?.resume();
  }

  /** Ends everything in progress; the target hears nothing more. */
  stop(): void {
    this.#services.wheel.cancel(this);
    this.#tries.abandon();
  }

  onNone(reply: LocalReply): void {
    this.#giveUp(reply);
  }

  onSent(attempt: Attempt, session: ClientSession): void {
    const exchange = this.#exchange;
    exchange.goesOver(session.connection);
    exchange.upstreamSent = this.#services.clock.now();
    exchange.charges?.count('total');
    attempt.timers?.sent();
    if (!this.#body.ended) return;
    exchange.upstreamSentEnd = exchange.upstreamSent;
    attempt.timers?.complete();
  }

  onInterim(head: ResponseHead): void {
    this.#target.onInterim(head);
  }

  onResponse(attempt: Attempt, head: ResponseHead, last: boolean): void {
    this.#cluster.config.http.edits?.response(this.#exchange, head);
    attempt.statusDue = observeAnswer(attempt.host, this.#exchange.request, head, last);
    if (this.#tries.declines(attempt, head)) return;
    if (this.#action.internalRedirect !== null && this.#redirected(head)) return;
    this.#pass(attempt, head, last);
  }

  onData(chunk: Buffer): void {
    this.#target.onUpstreamData(chunk);
  }

  onEnd(trailers: HeaderMap | null): void {
    this.#completed(this.#services.clock.now());
    this.#exchange.trailers = trailers;
    this.#settle();
    this.#target.onUpstreamEnd(trailers);
  }

  onReadDone(): void {
    this.#target.onUpstreamReadDone();
  }

  onUpstreamDrain(): void {
    this.#target.onUpstreamDrain();
  }

  onReset(attempt: Attempt, reason: ResetReason, detail: string): void {
    if (this.#responding) {
      const { flags, details } = lateReset(reason);
      this.#note(attempt, flags, resetWords(reason));
      this.#breakOff(flags, details);
      return;
    }
    this.#exchange.upstreamFailure = detail;
    const reply = upstreamReset(reason, detail, this.#tries.retried);
    this.#note(attempt, reply.flags, resetWords(reason));
    this.#failed(attempt, resetOutcome(reason, attempt.sent), reply);
  }

  onLate(attempt: Attempt, reply: LocalReply): void {
    this.#note(attempt, reply.flags, 'canceled');
    if (this.#responding) this.#breakOff(reply.flags, reply.details);
    else this.#failed(attempt, { kind: 'per-try-timeout' }, reply);
  }

  onBug(error: unknown): void {
    this.#target.onBug(error);
  }

  /** For the span of an attempt that did not end well. */
  #note({ sent }: Attempt, flags: number, fault: string): void {
    const { span, response } = this.#exchange;
    if (span === null) return;
    const status = this.#responding ? (response?.status ?? 0) : 0;
    span.attempted({ status, flags, fault, sent }, this.#services.clock.now());
  }

  /** An attempt ended without a response. */
  #failed(attempt: Attempt, outcome: AttemptOutcome | null, reply: LocalReply): void {
    if (outcome !== null && !attempt.hedged) observeFailure(attempt.host, reply.status);
    const next = this.#tries.goOnAfter(attempt, outcome);
    if (next === 'another') this.#count(reply.status);
    else if (next === 'no') {
      const late = reply === cause.perTryTimeout || reply === cause.perTryIdleTimeout;
      if (late) this.#spend(this.#services.clock.now());
      this.#giveUp(reply);
    }
  }

  /** The upstream's redirect is followed here: the client does not see it. */
  #redirected(head: ResponseHead): boolean {
    const { stats } = this.#cluster;
    if (!this.#action.internalRedirect!.statuses.has(head.status)) return false;
    const next = this.#target.followRedirect(head, this.#action.internalRedirect!);
    if (next === null) {
      stats.upstream_internal_redirect_failed_total += 1;
      return false;
    }
    stats.upstream_internal_redirect_succeeded_total += 1;
    this.stop();
    next();
    return true;
  }

  #pass(attempt: Attempt, head: ResponseHead, last: boolean): void {
    this.#count(head.status);
    this.#responding = true;
    attempt.timers?.answered();
    if (this.#tries.hasOthers(attempt)) this.#tries.keepOnly(attempt);
    if (last) this.#settle();
    const exchange = this.#exchange;
    exchange.endpoint = attempt.host;
    exchange.upstreamStarted = this.#services.clock.now();
    if (last) this.#completed(exchange.upstreamStarted);
    if (this.#tellsAttempts()) head.headers.set('x-envoy-attempt-count', String(exchange.attempts));
    this.#target.onUpstreamResponse(head, last);
  }

  #completed(now: number): void {
    const exchange = this.#exchange;
    exchange.upstreamEnded = now;
    this.#spend(now);
    // Of a request that is still coming nobody can say how long its answer took.
    if (exchange.requestEnded === 0 || !this.#options.dynamicStats) return;
    this.#cluster.stats.upstream_rq_time.record(now - exchange.requestEnded);
    exchange.charges?.took(now - exchange.requestEnded);
  }

  /** Records how much of the timeout it took. */
  #spend(now: number): void {
    const { requestEnded } = this.#exchange;
    if (requestEnded === 0) return;
    this.#cluster.budgets?.upstream_rq_timeout_budget_percent_used.record(
      millionths(now - requestEnded, this.#plan.timeout),
    );
  }

  #timedOut(): void {
    const { stats } = this.#cluster;
    const begun = this.#responding;
    this.#spend(this.#services.clock.now());
    for (const attempt of this.#tries.all()) {
      stats.upstream_rq_timeout += 1;
      this.#exchange.charges?.count('timeout');
      attempt.host.stats.rq_timeout += 1;
      if (begun) continue;
      // Its own timeout is not the one that ends it.
      attempt.budget = null;
      this.#note(attempt, 0, 'canceled');
      this.#count(cause.responseTimeout.status);
      if (!attempt.hedged) observeFailure(attempt.host, cause.responseTimeout.status);
    }
    this.stop();
    if (begun) this.#target.breakOff(flag.upstreamRequestTimeout, cause.responseTimeout.details);
    else this.#answer(cause.responseTimeout);
  }

  #giveUp(reply: LocalReply): void {
    this.#count(reply.status);
    this.stop();
    this.#answer(reply);
  }

  #answer(reply: LocalReply): void {
    this.#target.answer(this.#tellsAttempts() ? withAttemptCount(reply, this.#exchange.attempts) : reply);
  }

  #tellsAttempts(): boolean {
    return this.#action.attemptHeaders?.response === true && !this.#options.suppressHeaders;
  }

  #breakOff(flags: number, details: string): void {
    this.#settle();
    this.#target.breakOff(flags, details);
  }

  #settle(): void {
    this.#services.wheel.cancel(this);
    this.#tries.clear();
  }

  #count(status: number): void {
    if (!this.#options.dynamicStats) return;
    this.#cluster.stats.countResponse(status, countsStatus(this.#options, this.#exchange.request));
    this.#exchange.charges?.countResponse(status);
  }
}
