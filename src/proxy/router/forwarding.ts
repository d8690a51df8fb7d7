// The router: takes one request to a cluster, within its timeouts, over as many attempts as the retry policy allows.
import type { Hash64 } from '../../lib/hash.ts';
import type { Timer } from '../../lib/timer-wheel.ts';
import type { Endpoint, PickContext } from '../balance/balancer.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { LocalReply } from '../filter/filter.ts';
import type { Exchange } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import type { ClientSession, ResetReason } from '../http/stream.ts';
import type { AttemptOutcome, ForwardAction } from '../route/table.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { cause, lateReset, upstreamReset } from './causes.ts';
import type { RequestBody } from './request-body.ts';
import { RetryState } from './retry.ts';
import type { RouterServices } from './services.ts';

/** The downstream half of the exchange. */
export type ForwardTarget = {
  onInterim(head: ResponseHead): void;
  onUpstreamResponse(head: ResponseHead, last: boolean): void;
  onUpstreamData(chunk: Buffer): void;
  onUpstreamEnd(trailers: HeaderMap | null): void;
  onUpstreamReadDone(): void;
  /** Nothing was sent downstream yet: answer this. */
  answer(reply: LocalReply): void;
  /** The response has begun and cannot be completed. */
  breakOff(flags: number, details: string): void;
  /** The request's body may flow again. */
  onUpstreamDrain(): void;
  onBug(error: unknown): void;
  guard(work: () => void): void;
};

const NONE: readonly Endpoint[] = [];

export class Forwarding implements AttemptOwner {
  readonly #exchange: Exchange;
  readonly #cluster: Cluster;
  readonly #action: ForwardAction;
  readonly #body: RequestBody;
  readonly #services: RouterServices;
  readonly #target: ForwardTarget;
  readonly #retry: RetryState | null;
  readonly #hash: Hash64 | null;
  #tried: Endpoint[] | null = null;
  #attempt: Attempt | null = null;
  #responding = false;
  #timeout: Timer | null = null;
  #tryTimeout: Timer | null = null;
  #backoff: Timer | null = null;

  constructor(
    exchange: Exchange,
    cluster: Cluster,
    action: ForwardAction,
    body: RequestBody,
    services: RouterServices,
    target: ForwardTarget,
  ) {
    this.#exchange = exchange;
    this.#cluster = cluster;
    this.#action = action;
    this.#body = body;
    this.#services = services;
    this.#target = target;
    this.#retry = action.retry === null ? null : new RetryState(action.retry, cluster);
    this.#hash = action.hash(exchange.request, exchange);
  }

  start(): void {
    if (this.#body.ended) this.onRequestEnd();
    this.#try();
  }

  /** The request is complete: from now on the upstream is the one that takes time (Envoy's route timeout starts here). */
  onRequestEnd(): void {
    const { timeout } = this.#action;
    if (timeout > 0) this.#timeout = this.#after(timeout, () => this.#timedOut());
  }

  flush(): void {
    this.#attempt?.flush();
  }

  pause(): void {
    this.#attempt?.pause();
  }

  resume(): void {
    this.#attempt?.resume();
  }

  /** Ends everything in progress; the target hears nothing more. */
  stop(): void {
    const attempt = this.#attempt;
    this.#attempt = null;
    this.#settle();
    attempt?.abandon();
  }

  onSent(session: ClientSession): void {
    const exchange = this.#exchange;
    exchange.upstream = session.connection;
    exchange.upstreamSent = this.#services.clock.now();
    if (this.#body.ended) exchange.upstreamSentEnd = exchange.upstreamSent;
  }

  onInterim(head: ResponseHead): void {
    this.#target.onInterim(head);
  }

  onResponse(attempt: Attempt, head: ResponseHead, last: boolean): void {
    this.#cluster.observe(attempt.host, head.status);
    if (this.#cluster.checked && head.headers.has('x-envoy-immediate-health-check-fail')) {
      this.#cluster.failHealth(attempt.host);
    }
    if (this.#retry !== null && this.#mayRetry(this.#retry, { kind: 'response', head })) {
      this.#cluster.stats.retriedCodes.count(head.status);
      this.#exchange.span?.attempted(head.status, this.#services.clock.now());
      attempt.discard();
      this.#again(this.#retry);
      return;
    }
    this.#cluster.stats.countResponse(head.status);
    if (this.#retry !== null && this.#retry.count > 0 && head.status < 500)
      this.#cluster.stats.upstream_rq_retry_success += 1;
    this.#responding = true;
    this.#cancel(this.#tryTimeout);
    if (last) this.#settle();
    this.#exchange.upstreamStarted = this.#services.clock.now();
    if (last) this.#completed(this.#exchange.upstreamStarted);
    this.#target.onUpstreamResponse(head, last);
  }

  #completed(now: number): void {
    const exchange = this.#exchange;
    exchange.upstreamEnded = now;
    // Of a request that is still coming nobody can say how long its answer took.
    if (exchange.requestEnded > 0) this.#cluster.stats.upstream_rq_time.record(now - exchange.requestEnded);
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
    const { stats, config } = this.#cluster;
    const drop = this.#cluster.drop();
    if (drop !== 'none') {
      this.#giveUp(drop === 'all' ? cause.unconditionalDropOverload : cause.dropOverload);
      return;
    }
    const host = this.#cluster.pick(this.#wanted());
    if (host === null) {
      this.#giveUp(cause.noHealthyUpstream);
      return;
    }
    if (stats.upstream_rq_active >= config.limits.maxRequests) {
      stats.upstream_rq_pending_overflow += 1;
      this.#giveUp(upstreamReset('overflow', '', false));
      return;
    }
    this.#exchange.endpoint = host;
    this.#exchange.attempts += 1;
    this.#exchange.span?.attempt(this.#services.clock.now());
    if (this.#retry !== null && this.#retry.policy.reselect > 0) this.#tried = [...(this.#tried ?? []), host];
    const { request } = this.#exchange;
    const raw = this.#action.endsConnect && request.method === 'CONNECT';
    const attempt = new Attempt(this.#cluster, host, request, this.#body, this, raw);
    this.#attempt = attempt;
    const perTry = this.#retry === null ? 0 : this.#retry.policy.perTryTimeout;
    if (perTry > 0) this.#tryTimeout = this.#after(perTry, () => this.#tryTimedOut(attempt));
    attempt.start();
  }

  #wanted(): PickContext {
    const { subset, override, downstream, request } = this.#exchange;
    return {
      hash: this.#hash,
      now: this.#services.clock.now(),
      tried: this.#tried ?? NONE,
      reselect: this.#retry === null ? 0 : this.#retry.policy.reselect,
      rejects: null,
      subset,
      destination: downstream.restored ? downstream.local : null,
      headers: request.headers,
      override,
    };
  }

  #tryTimedOut(attempt: Attempt): void {
    this.#cluster.stats.upstream_rq_per_try_timeout += 1;
    attempt.abandon();
    this.#failed(attempt, { kind: 'per-try-timeout' }, cause.perTryTimeout);
  }

  /** An attempt ended without a response. */
  #failed(attempt: Attempt, outcome: AttemptOutcome | null, reply: LocalReply): void {
    this.#cancel(this.#tryTimeout);
    if (outcome !== null) this.#cluster.observeFailure(attempt.host, reply.status);
    if (this.#retry !== null && outcome !== null && this.#mayRetry(this.#retry, outcome)) this.#again(this.#retry);
    else this.#giveUp(reply);
  }

  #mayRetry(retry: RetryState, outcome: AttemptOutcome): boolean {
    if (!this.#body.replayable) return false;
    const decision = retry.decide(outcome);
    if (decision === 'limit') this.#exchange.flags |= flag.upstreamRetryLimitExceeded;
    if (decision === 'overflow') this.#exchange.flags |= flag.upstreamOverflow;
    return decision === 'retry';
  }

  #again(retry: RetryState): void {
    this.#attempt = null;
    this.#cancel(this.#tryTimeout);
    this.#backoff = this.#after(retry.delay(this.#services.random), () => {
      this.#try();
      this.flush();
    });
  }

  #timedOut(): void {
    this.#cluster.stats.upstream_rq_timeout += 1;
    const attempt = this.#attempt;
    if (attempt !== null) this.#cluster.observeFailure(attempt.host, cause.responseTimeout.status);
    const begun = this.#responding;
    this.stop();
    if (begun) this.#target.breakOff(flag.upstreamRequestTimeout, cause.responseTimeout.details);
    else {
      this.#cluster.stats.countResponse(cause.responseTimeout.status);
      this.#target.answer(cause.responseTimeout);
    }
  }

  #giveUp(reply: LocalReply): void {
    this.#cluster.stats.countResponse(reply.status);
    this.#settle();
    this.#target.answer(reply);
  }

  #settle(): void {
    this.#attempt = null;
    this.#retry?.release();
    this.#cancel(this.#timeout);
    this.#cancel(this.#tryTimeout);
    this.#cancel(this.#backoff);
  }

  #after(delay: number, work: () => void): Timer {
    return this.#services.wheel.set(delay, () => this.#target.guard(work));
  }

  #cancel(timer: Timer | null): void {
    if (timer !== null) this.#services.wheel.cancel(timer);
  }
}

/** null: never retried. */
function resetOutcome(reason: ResetReason, sent: boolean): AttemptOutcome | null {
  if (reason === 'overflow') return null;
  if (reason === 'connection-failure' || reason === 'connection-timeout') return { kind: 'connect-failure' };
  if (reason === 'refused-stream') return { kind: 'refused-stream' };
  return { kind: 'reset', requestSent: sent };
}
