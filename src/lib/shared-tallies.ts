// Counts that several threads keep together, in shared memory: each writes its own row and reads those of the others, so that nobody waits
// for anybody and what a thread leaves behind when it dies can be taken away.
//
//   slot (by name)     0        1        2 …
//   names        [ hash 64 | hash 64 |    0    | …        claimed by whoever needs it first, never given back
//   thread 0     [ 4 counts | 4 counts | …
//   thread 1     [ 4 counts | 4 counts | …
import { SharedNames } from './shared-names.ts';

/** The counts of one name. */
export type Tally = {
  /** Of this thread. `field` is below 4. */
  add(field: number, change: number): void;
  /** What the other threads have together. */
  others(field: number): number;
};

/** Counts per name. */
const FIELDS = 4;
const SLOTS = 16_384;
const NAME_BYTES = SharedNames.bytes(SLOTS);
const ROW_COUNTS = FIELDS * SLOTS;

export class SharedTallies {
  readonly #names: SharedNames;
  readonly #counts: Int32Array;
  readonly #threads: number;
  readonly #own: number;

  /** Pages that no count is in cost nothing. */
  static allocate(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer(NAME_BYTES + threads * ROW_COUNTS * Int32Array.BYTES_PER_ELEMENT);
  }

  /** `own` is this thread's row, from 0. */
  constructor(memory: SharedArrayBuffer, threads: number, own: number) {
    this.#names = new SharedNames(memory, SLOTS);
    this.#counts = new Int32Array(memory, NAME_BYTES);
    this.#threads = threads;
    this.#own = own;
  }

  /** null when there are too many names. */
  of(name: string): Tally | null {
    const slot = this.#names.claim(name);
    if (slot === null) return null;
    const counts = this.#counts;
    const rows = Array.from({ length: this.#threads }, (_, thread) => thread * ROW_COUNTS + slot * FIELDS);
    const own = rows[this.#own]!;
    const others = rows.filter((row) => row !== own);
    return {
      add: (field, change) => void Atomics.add(counts, own + field, change),
      others(field) {
        let sum = 0;
        for (let i = 0; i < others.length; i++) sum += Atomics.load(counts, others[i]! + field);
        return sum;
      },
    };
  }

  /** A thread is gone, and what it counted with it. */
  clear(thread: number): void {
    this.#counts.fill(0, thread * ROW_COUNTS, (thread + 1) * ROW_COUNTS);
  }
}
