// Collects the bytes of one head across reads, within a limit, and gives it as one string. A head that arrives whole is not copied.
import { HeadScanner, MORE, TOO_LARGE } from './head-scanner.ts';

export class HeadReader {
  /** The head's lines with their CRLFs, without the empty line; valid after `read` gave a position. */
  text = '';
  readonly #scanner = new HeadScanner();
  readonly #limit: number;
  #held = '';
  #started = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Some bytes of a head have come, but not all. */
  get started(): boolean {
    return this.#started;
  }

  /** Whether what has come so far can become a head that begins with `text`. */
  maybeBegins(text: string): boolean {
    const begun = this.#held.slice(0, text.length);
    return text.startsWith(begun);
  }

  read(bytes: Buffer, position: number): number {
    const room = this.#limit - this.#held.length;
    const to = Math.min(bytes.length, position + room);
    const end = this.#scanner.scan(bytes, position, to);
    if (end === MORE) {
      if (to < bytes.length || room === 0) return TOO_LARGE;
      // A rope: joined once, when the head is complete.
      this.#held += bytes.toString('latin1', position, to);
      this.#started ||= to > position;
      return MORE;
    }
    if (end < 0) return end;
    this.text = this.#take(bytes, position, end);
    this.#scanner.reset();
    return end;
  }

  #take(bytes: Buffer, position: number, end: number): string {
    this.#started = false;
    if (this.#held === '') return bytes.toString('latin1', position, end - 2);
    const whole = this.#held + bytes.toString('latin1', position, end);
    this.#held = '';
    return whole.slice(0, -2);
  }
}
