// Counts that all threads change together, some to a name, each name's on a cache line of its own. Where no thread waits for another's part,
// `shared-tallies.ts` costs less.
import { SharedNames } from './shared-names.ts';

/** Per name: what a cache line holds. */
const FIELDS = 16;
const SLOTS = 16_384;

/** The counts of one name; each `field` is below 16. */
export class Counts {
  readonly #memory: Int32Array;
  readonly #at: number;

  constructor(memory: Int32Array = new Int32Array(FIELDS), at = 0) {
    this.#memory = memory;
    this.#at = at;
  }

  get(field: number): number {
    return Atomics.load(this.#memory, this.#at + field);
  }

  /** What it is now; every value on the way is seen by one thread only. */
  increment(field: number): number {
    return Atomics.add(this.#memory, this.#at + field, 1) + 1;
  }

  /** One more than `from`; false where it is not that any more. */
  incrementFrom(field: number, from: number): boolean {
    return Atomics.compareExchange(this.#memory, this.#at + field, from, from + 1) === from;
  }

  decrement(field: number): void {
    Atomics.sub(this.#memory, this.#at + field, 1);
  }

  /** Cheap where it is 0 already. */
  clear(field: number): void {
    if (this.get(field) !== 0) Atomics.store(this.#memory, this.#at + field, 0);
  }

  /** What it was; it is 0 now. */
  take(field: number): number {
    return Atomics.exchange(this.#memory, this.#at + field, 0);
  }

  set(field: number, value: number): void {
    Atomics.store(this.#memory, this.#at + field, value);
  }

  reset(): void {
    for (let field = 0; field < FIELDS; field++) this.clear(field);
  }
}

export class SharedCounts {
  readonly #names: SharedNames;
  readonly #counts: Int32Array;

  /** Pages that no count is in cost nothing. */
  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(SharedNames.bytes(SLOTS) + SLOTS * FIELDS * Int32Array.BYTES_PER_ELEMENT);
  }

  constructor(memory: SharedArrayBuffer) {
    this.#names = new SharedNames(memory, SLOTS);
    this.#counts = new Int32Array(memory, SharedNames.bytes(SLOTS));
  }

  /** Of this thread alone when there are too many names. */
  of(name: string): Counts {
    const slot = this.#names.claim(name);
    return slot === null ? new Counts() : new Counts(this.#counts, slot * FIELDS);
  }

  /** Nobody counts by that name any more; said by one thread, for all. */
  forget(name: string): void {
    const slot = this.#names.claim(name);
    if (slot === null) return;
    new Counts(this.#counts, slot * FIELDS).reset();
    this.#names.giveBack(slot);
  }
}
