// The way past the processor: what has come of a message is held until its head goes on, then follows it.
import type { HeaderMap } from '../../http/headers.ts';
import type { FilterOutlet } from '../filter.ts';
import { BUFFER_LIMIT, HeldBody } from '../held-body.ts';

/** Bytes held in front of a waiting head at which the source is stopped. */
const HIGH = 65_536;

export class Passage {
  readonly #outlet: FilterOutlet;
  readonly #held = new HeldBody(BUFFER_LIMIT);
  #shown: Buffer | null = null;
  #gone = true;
  #finished = false;

  constructor(outlet: FilterOutlet) {
    this.#outlet = outlet;
  }

  /** The head does not wait, or not any more. */
  get gone(): boolean {
    return this.#gone;
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** Bytes held. */
  get size(): number {
    return this.#held.size;
  }

  /** The head waits. */
  wait(): 'collect' {
    this.#gone = false;
    return 'collect';
  }

  /** false: it is more than may be held. `stops`: the source is stopped while much of it waits. */
  hold(chunk: Buffer, stops: boolean): boolean {
    const fits = this.#held.push(chunk);
    if (stops && this.#held.size >= HIGH) this.#outlet.pause();
    return fits;
  }

  /** What is held, taken out to be shown to the server; it stands in front of what comes from then on, unless something replaces it. */
  show(): Buffer {
    this.#shown = this.take();
    return this.#shown;
  }

  /** `body` stands for what was shown. */
  replace(body: Buffer): void {
    this.#shown = body;
  }

  /** What is held, taken out. */
  take(): Buffer {
    const whole = this.#held.whole();
    this.#held.moveTo(() => undefined);
    return whole;
  }

  /** The head goes on. `last`: whether nothing follows, where that has changed. */
  proceed(last?: boolean): void {
    this.#gone = true;
    this.#outlet.resume();
    this.#outlet.proceed(last);
  }

  /** The head goes on, with all that waits. */
  release(last?: boolean): void {
    this.proceed(last);
    if (this.#shown !== null) this.write(this.#shown);
    this.#shown = null;
    this.#held.moveTo((chunk) => this.#outlet.write(chunk));
  }

  write(chunk: Buffer): void {
    if (chunk.length > 0) this.#outlet.write(chunk);
  }

  finish(trailers: HeaderMap | null): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#outlet.finish(trailers);
  }
}
