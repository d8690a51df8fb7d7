// Many coarse timers for the price of one: O(1) to set and to cancel, because nearly every timeout of a proxy is cancelled.
// Four rings of 64 slots; a slot of ring n spans 64^n ticks. When a ring comes round, the next slot of the ring above is dealt out below:
//
//   ring 0  8 ms per slot     [ ][t][ ][ ] … fires
//   ring 1  512 ms per slot   [ ][ ][t][ ] … dealt to ring 0 when its time comes
//   ring 2  33 s per slot, ring 3  35 min per slot
import type { Clock } from './clock.ts';

const TICK = 8;
const BITS = 6;
const SLOTS = 1 << BITS;
const MASK = SLOTS - 1;
const RINGS = 4;
/** Ticks per slot of each ring, and of the ring that is not there. */
const SPANS = Array.from({ length: RINGS + 1 }, (_, ring) => 2 ** (BITS * ring));
const HORIZON = SPANS[RINGS]! - 1;

/** A member of a slot's doubly linked list; `next` is null while it is not set. What is made for every request and has a limit extends it. */
export class Timer {
  due = 0;
  next: Timer | null = null;
  previous: Timer | null = null;

  /** Its time has come. */
  wake(): void {
    throw new Error('the head of a timer slot was fired');
  }
}

class Call extends Timer {
  readonly #work: () => void;

  constructor(work: () => void) {
    super();
    this.#work = work;
  }

  override wake(): void {
    this.#work();
  }
}

export class TimerWheel {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #slots: Timer[] = [];
  /** The last tick whose timers have fired. */
  #tick = 0;
  #count = 0;
  #armedFor = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | null = null;

  /** `onError` hears of exceptions out of timers: one must not stop the others. */
  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
    for (let i = 0; i < RINGS * SLOTS; i++) {
      const head = new Timer();
      head.next = head;
      head.previous = head;
      this.#slots.push(head);
    }
  }

  /** `wake` runs once, no earlier than `delay` milliseconds from now and up to one tick later. */
  set(delay: number, wake: () => void): Timer {
    const timer = new Call(wake);
    this.reset(timer, delay);
    return timer;
  }

  /** Sets a timer anew, whether it was set or not. */
  reset(timer: Timer, delay: number): void {
    this.cancel(timer);
    const now = this.#clock.now();
    if (this.#count === 0) this.#tick = Math.floor(now / TICK);
    timer.due = Math.max(Math.ceil((now + delay) / TICK), this.#tick + 1);
    this.#place(timer);
    this.#count += 1;
    if (timer.due < this.#armedFor) this.#arm(Math.min(timer.due, (this.#tick | MASK) + 1));
  }

  cancel(timer: Timer | null): void {
    if (timer === null || timer.next === null) return;
    unlink(timer);
    this.#count -= 1;
  }

  #place(timer: Timer): void {
    const delta = Math.min(timer.due - this.#tick, HORIZON);
    const tick = this.#tick + delta;
    let ring = 0;
    while (ring < RINGS - 1 && delta >= SPANS[ring + 1]!) ring += 1;
    const head = this.#slots[ring * SLOTS + (Math.floor(tick / SPANS[ring]!) & MASK)]!;
    timer.next = head;
    timer.previous = head.previous;
    head.previous!.next = timer;
    head.previous = timer;
  }

  #turn(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    const target = Math.floor(this.#clock.now() / TICK);
    while (this.#tick < target && this.#count > 0) {
      this.#tick += 1;
      this.#deal();
      this.#fire(this.#slots[this.#tick & MASK]!);
    }
    if (this.#count > 0) this.#arm(this.#nextStop());
  }

  /** At the turn of a ring, moves the timers of the ring above that now belong below. */
  #deal(): void {
    for (let ring = 1; ring < RINGS && this.#tick % SPANS[ring]! === 0; ring++) {
      const head = this.#slots[ring * SLOTS + (Math.floor(this.#tick / SPANS[ring]!) & MASK)]!;
      const waiting: Timer[] = [];
      for (let timer = head.next!; timer !== head; timer = timer.next!) waiting.push(timer);
      for (const timer of waiting) {
        unlink(timer);
        this.#place(timer);
      }
    }
  }

  #fire(head: Timer): void {
    while (head.next !== head) {
      const timer = head.next!;
      unlink(timer);
      this.#count -= 1;
      try {
        timer.wake();
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  /** The next tick with a timer in ring 0, at the latest the turn of the ring. */
  #nextStop(): number {
    const turn = (this.#tick | MASK) + 1;
    for (let tick = this.#tick + 1; tick < turn; tick++) {
      const head = this.#slots[tick & MASK]!;
      if (head.next !== head) return tick;
    }
    return turn;
  }

  #arm(tick: number): void {
    if (tick >= this.#armedFor) return;
    this.#disarm?.();
    this.#armedFor = tick;
    this.#disarm = this.#clock.after(Math.max(0, tick * TICK - this.#clock.now()), () => this.#turn());
  }
}

function unlink(timer: Timer): void {
  timer.previous!.next = timer.next;
  timer.next!.previous = timer.previous;
  timer.next = null;
  timer.previous = null;
}
