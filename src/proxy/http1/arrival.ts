// How long a request may take to arrive: one timer, first for its head once that has begun, then for all of it.
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import { type HeadLimits, headDeadline, requestTimeout } from '../http/head-deadline.ts';
import type { CodecFault } from '../http/stream.ts';

export class Arrival {
  readonly #limits: HeadLimits;
  readonly #wheel: TimerWheel;
  readonly #onLateHead: (fault: CodecFault) => void;
  readonly #onLateBody: (fault: CodecFault) => void;
  #timer: Timer | null = null;

  constructor(
    limits: HeadLimits,
    wheel: TimerWheel,
    onLateHead: (fault: CodecFault) => void,
    onLateBody: (fault: CodecFault) => void,
  ) {
    this.#limits = limits;
    this.#wheel = wheel;
    this.#onLateHead = onLateHead;
    this.#onLateBody = onLateBody;
  }

  /** Half a head is there. Further pieces of it change nothing. */
  watchHead(): void {
    if (this.#timer !== null) return;
    const deadline = headDeadline(this.#limits);
    if (deadline !== null) this.#timer = this.#wheel.set(deadline.after, () => this.#onLateHead(deadline.fault));
  }

  /** The head is complete, the body is not. */
  watchBody(): void {
    this.stop();
    const { requestTimeout: limit } = this.#limits;
    if (limit > 0) this.#timer = this.#wheel.set(limit, () => this.#onLateBody(requestTimeout));
  }

  stop(): void {
    if (this.#timer === null) return;
    this.#wheel.cancel(this.#timer);
    this.#timer = null;
  }
}
