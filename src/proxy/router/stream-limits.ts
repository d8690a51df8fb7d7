// The two limits of an exchange as a whole: without a byte in either direction, and for all of it.
import type { Timer } from '../../lib/timer-wheel.ts';
import type { RouterServices } from './services.ts';

export type StreamLimitsOwner = {
  onIdle(): void;
  onLasting(): void;
  guard(work: () => void): void;
};

export class StreamLimits {
  /** Monotonic milliseconds. Activity only notes the time; the timer looks at it when it fires. */
  lastActivity: number;
  readonly #services: RouterServices;
  readonly #owner: StreamLimitsOwner;
  #idle: Timer | null = null;
  #lasting: Timer | null = null;

  constructor(services: RouterServices, owner: StreamLimitsOwner, now: number) {
    this.#services = services;
    this.#owner = owner;
    this.lastActivity = now;
  }

  /** Milliseconds, 0 is no limit. */
  watchIdle(limit: number): void {
    if (limit === 0) return;
    const { wheel, clock } = this.#services;
    const check = () =>
      this.#owner.guard(() => {
        const idle = clock.now() - this.lastActivity;
        if (idle < limit) this.#idle = wheel.set(limit - idle, check);
        else this.#owner.onIdle();
      });
    this.#idle = wheel.set(limit, check);
  }

  /** Milliseconds from now on, in place of what was said before; null is no limit. */
  watchDuration(rest: number | null): void {
    const { wheel } = this.#services;
    if (this.#lasting !== null) wheel.cancel(this.#lasting);
    this.#lasting = rest === null ? null : wheel.set(rest, () => this.#owner.guard(() => this.#owner.onLasting()));
  }

  stop(): void {
    if (this.#idle !== null) this.#services.wheel.cancel(this.#idle);
    if (this.#lasting !== null) this.#services.wheel.cancel(this.#lasting);
  }
}
