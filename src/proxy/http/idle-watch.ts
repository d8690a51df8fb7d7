// When a connection without requests goes. Lazy: no request touches the timer; when it fires it looks how long nobody has asked for anything.
import type { Clock } from '../../lib/clock.ts';
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';

/** A connection that can be idle. */
export type Idler = {
  readonly busy: boolean;
  onIdle(): void;
};

export class IdleWatch {
  /** Monotonic milliseconds: since when it has no request, or had none the last time. */
  since: number;
  readonly #limit: number;
  readonly #idler: Idler;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  #timer: Timer | null = null;

  /** `limit`: milliseconds, 0 is none. */
  constructor(limit: number, idler: Idler, { clock, wheel }: { readonly clock: Clock; readonly wheel: TimerWheel }) {
    this.#limit = limit;
    this.#idler = idler;
    this.#clock = clock;
    this.#wheel = wheel;
    this.since = clock.now();
    if (limit > 0) this.#watch(limit);
  }

  stop(): void {
    this.#wheel.cancel(this.#timer);
    this.#timer = null;
  }

  #watch(delay: number): void {
    this.#timer = this.#wheel.set(delay, () => {
      const idle = this.#clock.now() - this.since;
      if (this.#idler.busy) this.#watch(this.#limit);
      else if (idle < this.#limit) this.#watch(this.#limit - idle);
      else this.#idler.onIdle();
    });
  }
}
