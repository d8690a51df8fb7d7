// A clock for tests that moves only when told to.
import type { Clock } from './clock.ts';

type Alarm = { readonly at: number; readonly wake: () => void };

export class ManualClock implements Clock {
  #now = 1_000;
  #alarms: Alarm[] = [];

  now(): number {
    return this.#now;
  }

  epoch(): number {
    return 1_700_000_000_000 + this.#now;
  }

  after(delay: number, wake: () => void): () => void {
    const alarm = { at: this.#now + delay, wake };
    this.#alarms.push(alarm);
    return () => {
      this.#alarms = this.#alarms.filter((other) => other !== alarm);
    };
  }

  /** Moves time and wakes, in order, everything that falls due on the way. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const next = this.#alarms.reduce<Alarm | null>(
        (first, alarm) => (first && first.at <= alarm.at ? first : alarm),
        null,
      );
      if (!next || next.at > end) break;
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
    this.#now = end;
  }
}
