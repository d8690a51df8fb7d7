// The router: takes one request to a cluster, within its timeouts, over as many attempts as the retry policy allows.
import type { Hash64 } from '../../lib/hash.ts';
import { Timer } from '../../lib/timer-wheel.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { LocalReply } from '../filter/filter.ts';
import type { Exchange } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import type { ClientSession, ResetReason } from '../http/stream.ts';
import type { RouterOptions } from '../route/request-plan.ts';
import type { AttemptOutcome, ForwardAction, ForwardPlan } from '../route/table.ts';
import { announceRetry } from './announce-retry.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { cause, lateReset, upstreamReset, withAttemptCount } from './causes.ts';
import type { ConnectionManager } from './connection-manager.ts';
import type { ForwardTarget } from './forward-target.ts';
import { observeAnswer, observeFailure } from './observe.ts';
import { hashFor, pickContext } from './pick-context.ts';
import type { RequestBody } from './request-body.ts';
import { resetOutcome } from './reset-outcome.ts';
import { type RetryDecision, RetryState } from './retry.ts';
import type { RouterServices } from './services.ts';
import { Tries } from './tries.ts';
import { TryTimers } from './try-timers.ts';

/** The timer itself is the one of the route's timeout. */
export class Forwarding extends Timer implements AttemptOwner {
  readonly #exchange: Exchange;
  readonly #cluster: Cluster;
  readonly #action: ForwardAction;
  readonly #plan: ForwardPlan;
  readonly #body: RequestBody;
  readonly #services: RouterServices;
  readonly #options: RouterOptions;
  readonly #target: ForwardTarget;
  readonly #retry: RetryState | null;
  readonly #hash: Hash64 | null;
  readonly #tries = new Tries();
  #responding = false;
  #backoff: Timer | null = null;
  /** The name that is waited for. */
  #asked: Promise<unknown> | null = null;

  constructor(
    manager: ConnectionManager,
    cluster: Cluster,
    action: ForwardAction,
    plan: ForwardPlan,
    target: ForwardTarget,
  ) {
    super();
    const { exchange } = target;
    this.#exchange = exchange;
    this.#cluster = cluster;
    this.#action = action;
    this.#plan = plan;
    this.#body = target.body;
    this.#services = manager.services;
    this.#options = manager.config.router;
    this.#target = target;
    this.#retry = plan.retry === null ? null : new RetryState(plan.retry, cluster, action.priority, exchange.charges);
    this.#hash = hashFor(action, exchange, cluster);
  }

  start(): void {
    if (this.#body.ended) this.onRequestEnd();
    this.#try();
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
    this.#release();
    this.#tries.abandon();
  }

  onSent(attempt: Attempt, session: ClientSession): void {
    const exchange = this.#exchange;
    exchange.upstream = session.connection;
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
    attempt.statusDue = observeAnswer(attempt.host, this.#exchange.request, head, last);
    const retry = this.#retry;
    if (retry !== null) {
      const outcome: AttemptOutcome = { kind: 'response', head };
      const decision = attempt.hedged ? (retry.wouldRetry(outcome) ? 'limit' : 'no') : this.#decide(retry, outcome);
      if (decision === 'retry') {
        this.#cluster.stats.retriedCodes.count(head.status);
        this.#exchange.span?.attempted(head.status, this.#services.clock.now());
        this.#tries.discard(attempt);
        this.#again(retry, false);
        return;
      }
      // A bad answer waits for a better one as long as another try may bring it.
      if (decision !== 'no' && this.#hasOthers(attempt)) {
        this.#tries.discard(attempt);
        return;
      }
    }
    if (this.#action.internalRedirect !== null && this.#redirected(head)) return;
    this.#pass(attempt, head, last);
  }

  #completed(now: number): void {
    const exchange = this.#exchange;
    exchange.upstreamEnded = now;
    // Of a request that is still coming nobody can say how long its answer took.
    if (exchange.requestEnded === 0) return;
    this.#cluster.stats.upstream_rq_time.record(now - exchange.requestEnded);
    exchange.charges?.took(now - exchange.requestEnded);
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
      this.#settle();
      this.#target.breakOff(flags, details);
      return;
    }
    this.#exchange.upstreamFailure = detail;
    const retried = this.#retry !== null && this.#retry.count > 0;
    this.#failed(attempt, resetOutcome(reason, attempt.sent), upstreamReset(reason, detail, retried));
  }

  onBug(error: unknown): void {
    this.#target.onBug(error);
  }

  #try(): void {
    const drop = this.#cluster.drop();
    if (drop !== 'none') {
      this.#giveUp(drop === 'all' ? cause.unconditionalDropOverload : cause.dropOverload);
      return;
    }
    const { clock } = this.#services;
    const host = this.#cluster.pick(pickContext(this.#exchange, this.#hash, this.#retry, clock.now()));
    if (host === null) {
      const asked = this.#cluster.dynamicHosts?.look(this.#exchange.request.authority);
      if (asked instanceof Promise) this.#tryWhenKnown(asked);
      else this.#giveUp(cause.noHealthyUpstream);
      return;
    }
    this.#exchange.endpoint = host;
    this.#retry?.note(host);
    this.#action.rewriteForHost?.(this.#exchange.request, host.hostname);
    this.#exchange.span?.attempt(clock.now());
    const { request } = this.#exchange;
    const { tunnel } = this.#action;
    const raw = tunnel?.ends(request.method) === true ? tunnel : null;
    const attempt = new Attempt(host, request, this.#body, this, this.#exchange, this.#action.priority, raw);
    const { perTryTimeout, perTryIdleTimeout, streamDuration } = this.#plan;
    const duration = streamDuration ?? this.#cluster.config.http.maxStreamDuration;
    if (perTryTimeout > 0 || perTryIdleTimeout > 0 || duration > 0) attempt.timers = this.#timersOf(attempt, duration);
    this.#tries.add(attempt);
    attempt.start();
  }

  /** Where endpoints are names, this one was asked for by no filter. */
  #tryWhenKnown(asked: Promise<unknown>): void {
    this.#asked = asked;
    void asked.then(() => {
      if (this.#asked !== asked) return;
      this.#asked = null;
      this.#target.guard(() => {
        this.#try();
        this.flush();
      });
    });
  }

  #timersOf(attempt: Attempt, duration: number): TryTimers {
    const { stats } = this.#cluster;
    return new TryTimers(this.#plan, duration, this.#services, {
      onLate: () => {
        stats.upstream_rq_per_try_timeout += 1;
        attempt.host.stats.rq_timeout += 1;
        if (this.#plan.hedge) this.#hedge(attempt);
        else this.#tooLate(attempt, cause.perTryTimeout);
      },
      onIdle: () => {
        stats.upstream_rq_per_try_idle_timeout += 1;
        this.#tooLate(attempt, cause.perTryIdleTimeout);
      },
      onLasting: () => {
        stats.upstream_rq_max_duration_reached += 1;
        this.#tooLate(attempt, this.#body.ended ? cause.upstreamDuration : cause.upstreamDurationEarly);
      },
      guard: (work) => this.#target.guard(work),
    });
  }

  #tooLate(attempt: Attempt, reply: LocalReply): void {
    attempt.abandon();
    if (this.#responding) {
      this.#settle();
      this.#target.breakOff(reply.flags, reply.details);
    } else this.#failed(attempt, { kind: 'per-try-timeout' }, reply);
  }

  /** The attempt goes on: whichever answers well first wins. */
  #hedge(attempt: Attempt): void {
    observeFailure(attempt.host, cause.perTryTimeout.status);
    const retry = this.#retry;
    if (retry === null || !this.#body.replayable) return;
    const decision = retry.another();
    this.#flagLimits(decision);
    if (decision !== 'retry') return;
    attempt.hedged = true;
    this.#again(retry, true);
  }

  /** An attempt ended without a response. */
  #failed(attempt: Attempt, outcome: AttemptOutcome | null, reply: LocalReply): void {
    this.#tries.remove(attempt);
    const retry = attempt.hedged ? null : this.#retry;
    if (outcome !== null && !attempt.hedged) observeFailure(attempt.host, reply.status);
    if (retry !== null && outcome !== null && this.#decide(retry, outcome) === 'retry') {
      this.#again(retry, outcome.kind === 'per-try-timeout');
      return;
    }
    if (this.#hasOthers(attempt)) this.#count(reply.status);
    else this.#giveUp(reply);
  }

  #decide(retry: RetryState, outcome: AttemptOutcome): RetryDecision {
    if (!this.#body.replayable) return 'no';
    const decision = retry.decide(outcome, this.#services.clock.epoch());
    this.#flagLimits(decision);
    return decision;
  }

  #flagLimits(decision: RetryDecision): void {
    if (decision === 'limit') this.#exchange.flags |= flag.upstreamRetryLimitExceeded;
    if (decision === 'overflow') this.#exchange.flags |= flag.upstreamOverflow;
  }

  /** Another attempt after a pause. `late`: because one took too long. */
  #again(retry: RetryState, late: boolean): void {
    this.#services.wheel.cancel(this.#backoff);
    this.#backoff = this.#after(retry.delay(this.#services.random), () => {
      this.#backoff = null;
      this.#exchange.attempts += 1;
      announceRetry(this.#exchange, this.#plan, this.#action, this.#options, late, this.#services.clock.now());
      this.#try();
      this.flush();
    });
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
    if (this.#hasOthers(attempt)) this.#dropOthers(attempt);
    if (last) this.#settle();
    const exchange = this.#exchange;
    exchange.endpoint = attempt.host;
    exchange.upstreamStarted = this.#services.clock.now();
    if (last) this.#completed(exchange.upstreamStarted);
    if (this.#action.attemptHeaders?.response === true && !this.#options.suppressHeaders) {
      head.headers.set('x-envoy-attempt-count', String(exchange.attempts));
    }
    this.#target.onUpstreamResponse(head, last);
  }

  #timedOut(): void {
    const { stats } = this.#cluster;
    const begun = this.#responding;
    for (const attempt of this.#tries.all()) {
      stats.upstream_rq_timeout += 1;
      this.#exchange.charges?.count('timeout');
      attempt.host.stats.rq_timeout += 1;
      if (begun) continue;
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
    const counted = this.#action.attemptHeaders?.response === true && !this.#options.suppressHeaders;
    this.#target.answer(counted ? withAttemptCount(reply, this.#exchange.attempts) : reply);
  }

  /** Whether another attempt is on its way or due. */
  #hasOthers(attempt: Attempt): boolean {
    return this.#backoff !== null || this.#tries.hasBeside(attempt);
  }

  #dropOthers(winner: Attempt): void {
    this.#services.wheel.cancel(this.#backoff);
    this.#backoff = null;
    this.#tries.keepOnly(winner);
  }

  #settle(): void {
    this.#tries.clear();
    this.#release();
  }

  /** Nothing is due any more. */
  #release(): void {
    this.#retry?.release();
    this.#services.wheel.cancel(this);
    this.#services.wheel.cancel(this.#backoff);
    this.#backoff = null;
    this.#asked = null;
  }

  #after(delay: number, work: () => void): Timer {
    return this.#services.wheel.set(delay, () => this.#target.guard(work));
  }

  #count(status: number): void {
    this.#cluster.stats.countResponse(status);
    this.#exchange.charges?.countResponse(status);
  }
}
