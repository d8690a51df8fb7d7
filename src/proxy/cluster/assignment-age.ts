// Endpoints nobody has confirmed for too long are not trusted any more (ClusterLoadAssignment.policy.endpoint_stale_after).
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';

export class AssignmentAge {
  readonly #wheel: TimerWheel;
  readonly #onStale: () => void;
  #timer: Timer | null = null;

  constructor(wheel: TimerWheel, onStale: () => void) {
    this.#wheel = wheel;
    this.#onStale = onStale;
  }

  /** They were sent, or sent again. `staleAfter`: milliseconds, 0 is never. */
  confirmed(staleAfter: number): void {
    this.stop();
    if (staleAfter > 0) this.#timer = this.#wheel.set(staleAfter, this.#onStale);
  }

  stop(): void {
    this.#wheel.cancel(this.#timer);
    this.#timer = null;
  }
}
