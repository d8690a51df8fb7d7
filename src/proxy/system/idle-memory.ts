// An idle proxy gives memory back, after its start and after each burst of load, as Envoy's `memory_allocator_manager` does.
import type { Clock } from '../../lib/clock.ts';

/** Figures and calls of the process, which throw where it has no descriptor left to look with; replaced by tests. */
export type ProcessMemory = {
  /** Cores that all of its threads have used since it was last asked: what is given back is taken from each of them. */
  busy(): number;
  /** Bytes of memory that are no file's. */
  anonymous(): number;
  /** Collects garbage, then gives back what is unused; thoroughly also what the collector keeps for its next need. */
  release(thorough: boolean): void;
};

const LOOK_EVERY = 2_000;
/** A collection stops the process for about 15 ms, a thorough one for about 50: few should wait for it, or nobody. */
const IDLE = 0.1;
const UNUSED = 0.01;
/** What a collection is worth. */
const WORTHWHILE = 12 << 20;

export class IdleMemory {
  readonly #clock: Clock;
  readonly #memory: ProcessMemory;
  /** The least there was since the last release. */
  #least = 0;
  /** A release that gave much may give more: pages of the heap are freed in the background. */
  #again = false;
  #stop: (() => void) | null = null;

  constructor(clock: Clock, memory: ProcessMemory) {
    this.#clock = clock;
    this.#memory = memory;
  }

  start(): void {
    this.#stop = this.#clock.after(LOOK_EVERY, () => {
      this.start();
      try {
        this.#look();
      } catch (error) {
        if (!isWithoutDescriptors(error)) throw error;
      }
    });
  }

  stop(): void {
    this.#stop?.();
    this.#stop = null;
  }

  #look(): void {
    const before = this.#memory.anonymous();
    this.#least = Math.min(this.#least, before);
    const grown = before >= this.#least + WORTHWHILE;
    const busy = this.#memory.busy();
    if (busy >= IDLE || !(grown || this.#again)) return;
    this.#memory.release(busy < UNUSED);
    this.#least = this.#memory.anonymous();
    this.#again = before - this.#least >= WORTHWHILE;
  }
}

/** Too many open files, of the process or of the system: there may be fewer at the next look. */
function isWithoutDescriptors(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE');
}
