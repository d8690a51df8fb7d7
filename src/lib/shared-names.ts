// Places in shared memory by name, the same for every thread: whoever needs one first claims it.
import { xxHash64 } from './hash.ts';

const FREE = 0n;
/** Was given back: whoever looks for a name goes on, whoever needs a place may have it. */
const RETURNED = 1n;

export class SharedNames {
  static bytes(slots: number): number {
    return slots * BigUint64Array.BYTES_PER_ELEMENT;
  }

  readonly #hashes: BigUint64Array;
  readonly #slots: number;

  /** At the beginning of `memory`. */
  constructor(memory: SharedArrayBuffer, slots: number) {
    this.#hashes = new BigUint64Array(memory, 0, slots);
    this.#slots = slots;
  }

  /** null when there are too many names. Two threads that need a new name while a place is given back may get different ones. */
  claim(name: string): number | null {
    const { hash, first } = this.#hash(name);
    let returned: number | null = null;
    for (let step = 0; step < this.#slots; step++) {
      const slot = (first + step) % this.#slots;
      const found = Atomics.load(this.#hashes, slot);
      if (found === hash) return slot;
      if (found === RETURNED) returned ??= slot;
      if (found !== FREE) continue;
      const taken = this.#take(returned ?? slot, returned === null ? FREE : RETURNED, hash);
      return taken ?? this.claim(name);
    }
    return returned === null ? null : (this.#take(returned, RETURNED, hash) ?? this.claim(name));
  }

  /** Whoever still has the place writes into the void, or to the one that has it next. */
  giveBack(slot: number): void {
    Atomics.store(this.#hashes, slot, RETURNED);
  }

  /** null: somebody was faster. */
  #take(slot: number, from: bigint, hash: bigint): number | null {
    const found = Atomics.compareExchange(this.#hashes, slot, from, hash);
    return found === from || found === hash ? slot : null;
  }

  #hash(name: string): { readonly hash: bigint; readonly first: number } {
    const { high, low } = xxHash64(Buffer.from(name).toString('latin1'));
    const hash = (BigInt(high) << 32n) | BigInt(low);
    return { hash: hash > RETURNED ? hash : hash + 2n, first: low };
  }
}
