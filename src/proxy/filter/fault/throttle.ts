// Passes a body on no faster than a rate: a little every tick, the source stopped while much is waiting.
import type { Timer } from '../../../lib/timer-wheel.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { ResponseHead } from '../../http/message.ts';
import { kept } from '../../socket/reused-reads.ts';
import type { FilterScope, FilterStage, FilterStream } from '../filter.ts';

/** Milliseconds, Envoy's fill interval. */
const TICK = 50;
const HIGH = 65_536;

export class Throttle implements FilterStage<ResponseHead> {
  readonly #perTick: number;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  #waiting: Buffer[] = [];
  #size = 0;
  #ended: { readonly trailers: HeaderMap | null } | null = null;
  #timer: Timer | null = null;

  /** `rate`: bytes per second. */
  constructor(rate: number, scope: FilterScope, stream: FilterStream) {
    this.#perTick = Math.max(1, Math.floor((rate * TICK) / 1_000));
    this.#scope = scope;
    this.#stream = stream;
  }

  data(chunk: Buffer): void {
    this.#waiting.push(kept(chunk));
    this.#size += chunk.length;
    if (this.#size >= HIGH) this.#stream.response.pause();
    this.#schedule();
  }

  end(trailers: HeaderMap | null): void {
    this.#ended = { trailers };
    this.#schedule();
  }

  stop(): void {
    this.#scope.wheel.cancel(this.#timer);
    this.#timer = null;
  }

  #schedule(): void {
    this.#timer ??= this.#scope.wheel.set(TICK, () => {
      this.#timer = null;
      this.#stream.run(() => this.#tick());
    });
  }

  #tick(): void {
    let left = this.#perTick;
    for (let chunk = this.#waiting[0]; chunk !== undefined && left > 0; chunk = this.#waiting[0]) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      this.#size -= part.length;
      if (part.length === chunk.length) this.#waiting.shift();
      else this.#waiting[0] = chunk.subarray(part.length);
      this.#stream.response.write(part);
    }
    if (this.#size < HIGH) this.#stream.response.resume();
    if (this.#size > 0) this.#schedule();
    else if (this.#ended !== null) this.#stream.response.finish(this.#ended.trailers);
  }
}
