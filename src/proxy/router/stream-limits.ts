// The two limits of an exchange as a whole: without a byte in either direction, and for all of it.
import { Timer } from '../../lib/timer-wheel.ts';
import type { RouterServices } from './services.ts';

export type StreamLimitsOwner = {
  onIdle(): void;
  onLasting(): void;
  guard(work: () => void): void;
};

/** The timer itself is the one of idleness, which every exchange has. */
export class StreamLimits extends Timer {
  /** Monotonic milliseconds. Activity only notes the time; the timer looks at it when it fires. */
  lastActivity: number;
  readonly #services: RouterServices;
  readonly #owner: StreamLimitsOwner;
  #idleLimit = 0;
  #lasting: Timer | null = null;

  constructor(services: RouterServices, owner: StreamLimitsOwner, now: number) {
    super();
    this.#services = services;
    this.#owner = owner;
    this.lastActivity = now;
  }

  /** Milliseconds, 0 is no limit. */
  watchIdle(limit: number): void {
    if (limit === 0) return;
    this.#idleLimit = limit;
    this.#services.wheel.reset(this, limit);
  }

  override wake(): void {
    const { wheel, clock } = this.#services;
    this.#owner.guard(() => {
      const idle = clock.now() - this.lastActivity;
      if (idle < this.#idleLimit) wheel.reset(this, this.#idleLimit - idle);
      else this.#owner.onIdle();
    });
  }

  /** Milliseconds from now on, in place of what was said before; null is no limit. */
  watchDuration(rest: number | null): void {
    const { wheel } = this.#services;
    if (this.#lasting !== null) wheel.cancel(this.#lasting);
    this.#lasting = rest === null ? null : wheel.set(rest, () => this.#owner.guard(() => this.#owner.onLasting()));
  }

  stop(): void {
    this.#services.wheel.cancel(this);
    if (this.#lasting !== null) this.#services.wheel.cancel(this.#lasting);
  }
}
