// The tries of one request that are under way. More than one only where a slow try is hedged: then whichever answers well first wins.
import type { Attempt } from './attempt.ts';

const NONE: readonly Attempt[] = [];

export class Tries {
  /** The newest try, or the one whose response is being passed on; null while none is in progress. */
  current: Attempt | null = null;
  /** Those before it that may still win, in the order they were started. */
  #older = NONE;

  add(attempt: Attempt): void {
    if (this.current !== null) this.#older = [...this.#older, this.current];
    this.current = attempt;
  }

  remove(attempt: Attempt): void {
    if (this.current === attempt) {
      this.current = this.#older.at(-1) ?? null;
      if (this.#older.length > 0) this.#older = this.#older.slice(0, -1);
    } else this.#older = this.#older.filter((other) => other !== attempt);
  }

  /** Lets go of one whose response is not wanted. */
  discard(attempt: Attempt): void {
    this.remove(attempt);
    attempt.discard();
  }

  /** Whether there is another than this one. */
  hasBeside(attempt: Attempt): boolean {
    return this.#older.length > 0 || (this.current !== null && this.current !== attempt);
  }

  /** Gives all others up. */
  keepOnly(winner: Attempt): void {
    for (const other of this.all()) if (other !== winner) other.abandon();
    this.#older = NONE;
    this.current = winner;
  }

  all(): readonly Attempt[] {
    return this.current === null ? this.#older : [...this.#older, this.current];
  }

  /** Forgets them as they are. */
  clear(): void {
    this.current = null;
    this.#older = NONE;
  }

  abandon(): void {
    const { current } = this;
    const older = this.#older;
    this.clear();
    current?.abandon();
    for (const other of older) other.abandon();
  }
}
