// The system's clock, looked at once per turn of the event loop: a request asks for the time a dozen times, mostly within one turn, and a look
// at the clock costs as much as reading a header. What happens within a turn happens at one time, as timers see it too.
import { type Clock, systemClock } from './clock.ts';
import { atTurnEnd } from './turn-end.ts';

class TurnClock implements Clock {
  #now = Number.NaN;
  #epoch = 0;
  #fresh = false;

  now(): number {
    if (!this.#fresh) this.#look();
    return this.#now;
  }

  epoch(): number {
    if (!this.#fresh) this.#look();
    return this.#epoch;
  }

  after(delay: number, wake: () => void): () => void {
    return systemClock.after(delay, wake);
  }

  onTurnEnd(): void {
    this.#fresh = false;
  }

  #look(): void {
    this.#now = systemClock.now();
    this.#epoch = systemClock.epoch();
    this.#fresh = true;
    atTurnEnd(this);
  }
}

export const turnClock: Clock = new TurnClock();
