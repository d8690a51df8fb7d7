// One request of the proxy's own to a cluster, and its response as it comes. Ends once, in a response, a failure or by `cancel`.
import type { Timer } from '../../lib/timer-wheel.ts';
import { anyEndpoint } from '../balance/balancer.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { ResetReason } from '../http/stream.ts';
import { Attempt, type AttemptOwner } from '../router/attempt.ts';
import { cause, upstreamReset } from '../router/causes.ts';
import { observeAnswer, observeFailure } from '../router/observe.ts';
import { RequestBody } from '../router/request-body.ts';
import { resetOutcome } from '../router/reset-outcome.ts';
import type { RouterServices } from '../router/services.ts';

/** What calls need of the proxy around them. */
export type CallServices = Omit<RouterServices, 'client'>;

export type CallFailure =
  | { readonly reason: 'no-cluster' | 'no-endpoint' | 'timeout' | 'too-large' | 'bug'; readonly detail: string }
  | { readonly reason: ResetReason; readonly detail: string };

export type CallHandler = {
  onHead(head: ResponseHead, last: boolean): void;
  /** Valid until the call returns. */
  onData(chunk: Buffer): void;
  onEnd(trailers: HeaderMap | null): void;
  /** Nothing follows. It may come before `start` has returned, and after the end when the handler's own end threw. */
  onFailure(failure: CallFailure): void;
};

export type CallTarget = {
  readonly cluster: string;
  readonly head: RequestHead;
  /** Milliseconds until the response must be complete; 0 is no limit. */
  readonly timeout: number;
};

export class Call implements AttemptOwner {
  readonly #services: CallServices;
  readonly #target: CallTarget;
  readonly #handler: CallHandler;
  readonly #body = new RequestBody(false);
  #attempt: Attempt | null = null;
  #timer: Timer | null = null;
  #over = false;
  /** The handler wants to hear, or can be told, nothing more. */
  #silent = false;

  constructor(services: CallServices, target: CallTarget, handler: CallHandler) {
    this.#services = services;
    this.#target = target;
    this.#handler = handler;
  }

  /** `last`: no body will be written. */
  start(last: boolean): void {
    const { clusters, clock, wheel } = this.#services;
    const { timeout } = this.#target;
    const cluster = clusters.get(this.#target.cluster);
    if (cluster === undefined) {
      this.#fail({ reason: 'no-cluster', detail: this.#target.cluster });
      return;
    }
    const host = cluster.pick({ ...anyEndpoint, now: clock.now() });
    if (host === null) {
      this.#fail({ reason: 'no-endpoint', detail: this.#target.cluster });
      return;
    }
    this.#body.ended = last;
    const attempt = new Attempt(host, this.#target.head, this.#body, this);
    this.#attempt = attempt;
    if (timeout > 0) {
      this.#timer = wheel.set(timeout, () => {
        cluster.stats.upstream_rq_timeout += 1;
        host.stats.rq_timeout += 1;
        observeFailure(host, cause.responseTimeout.status);
        this.#fail({ reason: 'timeout', detail: '' });
      });
    }
    attempt.start();
  }

  get over(): boolean {
    return this.#over;
  }

  get congested(): boolean {
    return this.#body.congested;
  }

  write(chunk: Buffer): void {
    if (!this.#over) this.#body.push(chunk);
  }

  end(): void {
    if (!this.#over) this.#body.end(null);
  }

  flush(): void {
    this.#attempt?.flush();
  }

  /** Gives the call up; its handler hears nothing more. */
  cancel(): void {
    this.#silent = true;
    const attempt = this.#attempt;
    this.#settle();
    attempt?.abandon();
  }

  /** Ends the call for a reason of the handler's own. */
  fail(failure: CallFailure): void {
    this.#fail(failure);
  }

  onSent(): void {
    // The attempt itself sends what there is.
  }

  onInterim(): void {
    // Says nothing about the answer.
  }

  onResponse(attempt: Attempt, head: ResponseHead, last: boolean): void {
    const cluster = this.#services.clusters.get(this.#target.cluster);
    cluster?.stats.countResponse(head.status);
    attempt.statusDue = observeAnswer(attempt.host, this.#target.head, head, last);
    if (last) this.#settle();
    this.#handler.onHead(head, last);
  }

  onData(chunk: Buffer): void {
    this.#handler.onData(chunk);
  }

  onEnd(trailers: HeaderMap | null): void {
    this.#settle();
    this.#handler.onEnd(trailers);
  }

  onReadDone(): void {
    // Nothing is held back here.
  }

  onReset({ host, sent }: Attempt, reason: ResetReason, detail: string): void {
    if (resetOutcome(reason, sent) !== null) observeFailure(host, upstreamReset(reason, detail, false).status);
    this.#fail({ reason, detail });
  }

  onUpstreamDrain(): void {
    // Messages are small: whoever writes a stream of them waits for answers.
  }

  onBug(error: unknown): void {
    this.#services.log.error({ err: error, cluster: this.#target.cluster }, 'exception in a call of the proxy itself');
    this.#tell({ reason: 'bug', detail: String(error) });
  }

  #fail(failure: CallFailure): void {
    if (!this.#over) this.#tell(failure);
  }

  #tell(failure: CallFailure): void {
    if (this.#silent) return;
    this.cancel();
    this.#handler.onFailure(failure);
  }

  #settle(): void {
    this.#over = true;
    this.#attempt = null;
    this.#services.wheel.cancel(this.#timer);
  }
}

/** What Envoy adds to requests of its own. */
export function markOwn(headers: HeaderMap, timeout: number): void {
  headers.set('x-envoy-internal', 'true');
  if (timeout > 0) headers.set('x-envoy-expected-rq-timeout-ms', String(timeout));
}
