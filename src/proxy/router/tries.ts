// The tries of one request: each goes to an endpoint of its own. Another follows where one failed and the retry policy wants it; more than
// one is under way only where a slow try is hedged: then whichever answers well first wins.
import type { Hash64 } from '../../lib/hash.ts';
import type { Timer } from '../../lib/timer-wheel.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { TryBudget } from '../cluster/timeout-budgets.ts';
import type { LocalReply } from '../filter/filter.ts';
import type { Exchange } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import type { ResponseHead } from '../http/message.ts';
import { countsStatus, type RouterOptions } from '../route/request-plan.ts';
import type { AttemptOutcome, ForwardAction, ForwardPlan } from '../route/table.ts';
import { announceRetry } from './announce-retry.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { cause, withoutEndpoint } from './causes.ts';
import type { ConnectionManager } from './connection-manager.ts';
import type { ForwardTarget } from './forward-target.ts';
import { observeFailure } from './observe.ts';
import { hashFor, pickContext } from './pick-context.ts';
import { type RetryDecision, RetryState } from './retry.ts';
import type { RouterServices } from './services.ts';
import { TryTimers } from './try-timers.ts';

export type TriesOwner = AttemptOwner & {
  /** There is nothing to try, or it is not allowed. */
  onNone(reply: LocalReply): void;
  /** It took too long, and was given up. */
  onLate(attempt: Attempt, reply: LocalReply): void;
};

const NONE: readonly Attempt[] = [];

export class Tries {
  /** The newest try, or the one whose response is being passed on; null while none is in progress. */
  current: Attempt | null = null;
  /** Those before it that may still win, in the order they were started. */
  #older = NONE;
  readonly #cluster: Cluster;
  readonly #action: ForwardAction;
  readonly #plan: ForwardPlan;
  readonly #target: ForwardTarget;
  readonly #exchange: Exchange;
  readonly #services: RouterServices;
  readonly #options: RouterOptions;
  readonly #owner: TriesOwner;
  readonly #retry: RetryState | null;
  readonly #hash: Hash64 | null;
  /** The pause before the next one. */
  #backoff: Timer | null = null;
  /** The name that is waited for. */
  #asked: Promise<unknown> | null = null;

  constructor(
    manager: ConnectionManager,
    cluster: Cluster,
    action: ForwardAction,
    plan: ForwardPlan,
    target: ForwardTarget,
    owner: TriesOwner,
  ) {
    const { exchange } = target;
    this.#cluster = cluster;
    this.#action = action;
    this.#plan = plan;
    this.#target = target;
    this.#exchange = exchange;
    this.#services = manager.services;
    this.#options = manager.config.router;
    this.#owner = owner;
    this.#retry = plan.retry === null ? null : new RetryState(plan.retry, cluster, action.priority, exchange.charges);
    this.#hash = hashFor(action, exchange, cluster);
  }

  start(): void {
    const drop = this.#cluster.drop();
    if (drop !== 'none') {
      this.#owner.onNone(drop === 'all' ? cause.unconditionalDropOverload : cause.dropOverload);
      return;
    }
    const { clock } = this.#services;
    const host = this.#cluster.pick(pickContext(this.#exchange, this.#hash, this.#retry, clock.now()));
    if (host === null) {
      const asked = this.#cluster.dynamicHosts?.look(this.#exchange.request.authority);
      if (asked instanceof Promise) this.#startWhenKnown(asked);
      else this.#owner.onNone(withoutEndpoint(this.#exchange.override));
      return;
    }
    const exchange = this.#exchange;
    const { request } = exchange;
    exchange.goesTo(host);
    this.#retry?.note(host);
    this.#action.rewriteForHost?.(request, host.hostname);
    this.#cluster.config.http.edits?.request(exchange);
    exchange.span?.attempt(clock.now());
    const { tunnel, priority } = this.#action;
    const raw = tunnel?.ends(request.method) === true ? tunnel : null;
    const attempt = new Attempt(host, request, this.#target.body, this.#owner, exchange, priority, raw);
    const { perTryTimeout, perTryIdleTimeout, streamDuration } = this.#plan;
    const duration = streamDuration ?? this.#cluster.config.http.maxStreamDuration;
    if (perTryTimeout > 0 || perTryIdleTimeout > 0 || duration > 0) attempt.timers = this.#timersOf(attempt, duration);
    const { budgets } = this.#cluster;
    if (budgets !== null) attempt.budget = new TryBudget(budgets, clock.now(), perTryTimeout);
    if (this.current !== null) this.#older = [...this.#older, this.current];
    this.current = attempt;
    attempt.start();
  }

  /** Whether its response is not for the client: it is tried again, or a try under way may bring a better one. */
  declines(attempt: Attempt, head: ResponseHead): boolean {
    const retry = this.#retry;
    if (retry === null) return false;
    const outcome: AttemptOutcome = { kind: 'response', head };
    const decision = attempt.hedged ? (retry.wouldRetry(outcome) ? 'limit' : 'no') : this.#decide(retry, outcome);
    if (decision === 'no') return false;
    if (decision === 'retry') {
      this.#cluster.stats.countRetried(head.status, countsStatus(this.#options, this.#exchange.request));
      const end = { status: head.status, flags: 0, fault: null, sent: true };
      this.#exchange.span?.attempted(end, this.#services.clock.now());
      this.#again(retry, false);
    } else if (!this.hasOthers(attempt)) return false;
    this.#remove(attempt);
    attempt.discard();
    return true;
  }

  /** Takes out one that ended without a response. Whether the request goes on: it is tried again, or another try is under way. */
  goOnAfter(attempt: Attempt, outcome: AttemptOutcome | null): 'another' | 'again' | 'no' {
    this.#remove(attempt);
    const retry = attempt.hedged ? null : this.#retry;
    if (retry !== null && outcome !== null && this.#decide(retry, outcome) === 'retry') {
      this.#again(retry, outcome.kind === 'per-try-timeout');
      return 'again';
    }
    return this.hasOthers(attempt) ? 'another' : 'no';
  }

  /** Whether there was more than one. */
  get retried(): boolean {
    return this.#retry !== null && this.#retry.count > 0;
  }

  /** Whether another is on its way or due. */
  hasOthers(attempt: Attempt): boolean {
    return this.#backoff !== null || this.#older.length > 0 || (this.current !== null && this.current !== attempt);
  }

  /** Gives all others up. */
  keepOnly(winner: Attempt): void {
    this.#endPause();
    for (const other of this.all()) if (other !== winner) other.abandon();
    this.#older = NONE;
    this.current = winner;
  }

  all(): readonly Attempt[] {
    return this.current === null ? this.#older : [...this.#older, this.current];
  }

  /** Forgets them as they are. Nothing is due any more. */
  clear(): void {
    this.current = null;
    this.#older = NONE;
    this.#retry?.release();
    this.#endPause();
    this.#asked = null;
  }

  /** Gives all of them up. */
  abandon(): void {
    const { current } = this;
    const older = this.#older;
    this.clear();
    current?.abandon();
    for (const other of older) other.abandon();
  }

  #remove(attempt: Attempt): void {
    if (this.current === attempt) {
      this.current = this.#older.at(-1) ?? null;
      if (this.#older.length > 0) this.#older = this.#older.slice(0, -1);
    } else this.#older = this.#older.filter((other) => other !== attempt);
  }

  /** Where endpoints are names, this one was asked for by no filter. */
  #startWhenKnown(asked: Promise<unknown>): void {
    this.#asked = asked;
    void asked.then(() => {
      if (this.#asked !== asked) return;
      this.#asked = null;
      this.#target.guard(() => {
        this.start();
        this.current?.flush();
      });
    });
  }

  #timersOf(attempt: Attempt, duration: number): TryTimers {
    const { stats } = this.#cluster;
    const end = (reply: LocalReply) => {
      attempt.abandon();
      this.#owner.onLate(attempt, reply);
    };
    return new TryTimers(this.#plan, duration, this.#services, {
      onLate: () => {
        stats.upstream_rq_per_try_timeout += 1;
        attempt.host.stats.rq_timeout += 1;
        if (this.#plan.hedge) this.#hedge(attempt);
        else end(cause.perTryTimeout);
      },
      onIdle: () => {
        stats.upstream_rq_per_try_idle_timeout += 1;
        end(cause.perTryIdleTimeout);
      },
      onLasting: () => {
        stats.upstream_rq_max_duration_reached += 1;
        end(this.#target.body.ended ? cause.upstreamDuration : cause.upstreamDurationEarly);
      },
      guard: (work) => this.#target.guard(work),
    });
  }

  /** The attempt goes on: whichever answers well first wins. */
  #hedge(attempt: Attempt): void {
    observeFailure(attempt.host, cause.perTryTimeout.status);
    const retry = this.#retry;
    if (retry === null || !this.#target.body.replayable) return;
    const decision = retry.another();
    this.#flagLimits(decision);
    if (decision !== 'retry') return;
    attempt.hedged = true;
    this.#again(retry, true);
  }

  #decide(retry: RetryState, outcome: AttemptOutcome): RetryDecision {
    if (!this.#target.body.replayable) return 'no';
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
    const { clock, random, wheel } = this.#services;
    const work = () => {
      this.#backoff = null;
      this.#exchange.attempts += 1;
      announceRetry(this.#exchange, this.#plan, this.#action, this.#options, late, clock.now());
      this.start();
      this.current?.flush();
    };
    wheel.cancel(this.#backoff);
    this.#backoff = wheel.set(retry.delay(random), () => this.#target.guard(work));
  }

  #endPause(): void {
    this.#services.wheel.cancel(this.#backoff);
    this.#backoff = null;
  }
}
