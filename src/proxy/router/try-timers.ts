// The limits of one try: for its response head, without a byte in either direction, and for all of it. Made only where a route or request asks for one of them.
import type { Timer } from '../../lib/timer-wheel.ts';
import type { ForwardPlan } from '../route/table.ts';
import type { RouterServices } from './services.ts';

export type TryTimersOwner = {
  /** No head within `perTryTimeout`. */
  onLate(): void;
  /** Nothing happened for `perTryIdleTimeout`. */
  onIdle(): void;
  /** It took `duration` in all. */
  onLasting(): void;
  guard(work: () => void): void;
};

export class TryTimers {
  readonly #plan: ForwardPlan;
  readonly #duration: number;
  readonly #services: RouterServices;
  readonly #owner: TryTimersOwner;
  #late: Timer | null = null;
  #idle: Timer | null = null;
  #lasting: Timer | null = null;
  #lastActivity = 0;

  /** `duration`: milliseconds, 0 is no limit. */
  constructor(plan: ForwardPlan, duration: number, services: RouterServices, owner: TryTimersOwner) {
    this.#plan = plan;
    this.#duration = duration;
    this.#services = services;
    this.#owner = owner;
  }

  /** A connection has taken the request. */
  sent(): void {
    const { perTryIdleTimeout } = this.#plan;
    this.touch();
    if (this.#duration > 0) this.#lasting = this.#after(this.#duration, () => this.#owner.onLasting());
    if (perTryIdleTimeout > 0) this.#watchIdle(perTryIdleTimeout);
  }

  /** It has taken all of it: the upstream is the one that takes time. */
  complete(): void {
    const { perTryTimeout } = this.#plan;
    if (perTryTimeout === 0 || this.#late !== null) return;
    this.#late = this.#after(perTryTimeout, () => this.#owner.onLate());
  }

  touch(): void {
    this.#lastActivity = this.#services.clock.now();
  }

  /** The head has come: only idleness is watched still. */
  answered(): void {
    if (this.#late !== null) this.#services.wheel.cancel(this.#late);
  }

  stop(): void {
    this.answered();
    if (this.#idle !== null) this.#services.wheel.cancel(this.#idle);
    if (this.#lasting !== null) this.#services.wheel.cancel(this.#lasting);
  }

  /** Activity only notes the time; the timer looks at it when it fires. */
  #watchIdle(delay: number): void {
    this.#idle = this.#after(delay, () => {
      const rest = this.#plan.perTryIdleTimeout - (this.#services.clock.now() - this.#lastActivity);
      if (rest > 0) this.#watchIdle(rest);
      else this.#owner.onIdle();
    });
  }

  #after(delay: number, work: () => void): Timer {
    return this.#services.wheel.set(delay, () => this.#owner.guard(work));
  }
}
