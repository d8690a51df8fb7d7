// A thread that is busy with many small turns of its event loop rests for a moment after each: the next turn then finds more to do at once,
// for one wake-up, one read and one write. What network cards do with interrupts (Linux: NAPI, `rx-usecs`), for streams that share connections.
//
//   CPU    ▁▂▅█████▅▅▅▅▅▅▂▁
//              ↑ rests    ↑ goes on without: what waits for it is too little to be worth a delay
import { systemClock } from './clock.ts';

/** Figures and calls of the thread; replaced by tests. */
export type ThreadTime = {
  /** Monotonic milliseconds. */
  now(): number;
  /** CPU time of the thread in milliseconds. */
  used(): number;
  sleep(milliseconds: number): void;
};

/** Turns between two looks at the CPU time. */
const LOOK_EVERY = 256;
const BUSY = 0.7;
/** Resting saves CPU time: the thread must be far from busy before it stops. */
const NOT_BUSY = 0.35;
/** The kernel's timer slack makes about a sixth of a millisecond of it. */
const REST = 0.1;

export class BusyRest {
  readonly #thread: ThreadTime;
  #resting = false;
  #turns = 0;
  #looked: number;
  #used: number;

  constructor(thread: ThreadTime) {
    this.#thread = thread;
    this.#looked = thread.now();
    this.#used = thread.used();
  }

  /** After a turn whose work would have been cheaper together with the next one's. */
  turn(): void {
    this.#turns += 1;
    if (this.#turns === LOOK_EVERY) this.#look();
    if (this.#resting) this.#thread.sleep(REST);
  }

  #look(): void {
    const now = this.#thread.now();
    const used = this.#thread.used();
    const share = (used - this.#used) / (now - this.#looked);
    this.#resting = share > (this.#resting ? NOT_BUSY : BUSY);
    this.#turns = 0;
    this.#looked = now;
    this.#used = used;
  }
}

const cell = new Int32Array(new SharedArrayBuffer(4));

export const thisThread: ThreadTime = {
  now: () => systemClock.now(),
  used() {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
  sleep: (milliseconds) => void Atomics.wait(cell, 0, 0, milliseconds),
};
