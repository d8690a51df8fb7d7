// One direction of a message through the open filters of an exchange. The head walks from filter to filter; where it waits, what follows is kept:
//
//   source ─► [0] ─► [1] ─► [2] ─► sink        head waits at 1: data for 0 passes it, then queues in front of 1 (`hold`) or is given to 1 (`collect`)

import type { HeaderMap } from '../http/headers.ts';
import { kept } from '../socket/reused-reads.ts';
import type { FilterOutlet, FilterStage } from './filter.ts';

/** Bytes kept in front of a waiting head before the source is stopped. */
const HIGH = 65_536;

export type PassSink = {
  data(chunk: Buffer): void;
  end(trailers: HeaderMap | null): void;
  /** The head goes on behind the filter at that place. */
  proceed(place: number): void;
  /** `congested` may have changed. */
  balance(): void;
};

type Ended = { readonly trailers: HeaderMap | null };

export class FilterPass {
  /** No body follows the head, as far as it has come. */
  last = false;
  readonly #stages: (FilterStage<never> | undefined)[] = [];
  readonly #places: number;
  readonly #sink: PassSink;
  /** Where the head is; `#places` when it has passed all. */
  #at = 0;
  #collecting = false;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #ended: Ended | null = null;
  /** The place in front of which things are held. */
  #heldAt = 0;
  #pauses = 0;
  readonly #paused: boolean[] = [];
  /** A stage wants to hear of its receiver. */
  #told = false;
  #closed = false;

  constructor(places: number, sink: PassSink) {
    this.#places = places;
    this.#sink = sink;
  }

  /** Whether the source must wait. `full`: the sink has as much as it can take. */
  congested(full: boolean): boolean {
    if (this.#told) this.#tellReceivers(full);
    return full || this.#pauses > 0 || this.#heldBytes >= HIGH;
  }

  setStage(place: number, stage: FilterStage<never> | undefined): void {
    this.#stages[place] = stage;
    if (stage?.receiver !== undefined) this.#told = true;
  }

  /** The head has come to this place. */
  reach(place: number): void {
    this.#at = place;
    this.#collecting = false;
  }

  /** The head waits where it is, and the filter there takes what follows. */
  collect(): void {
    this.#collecting = true;
    this.#release();
  }

  through(): void {
    this.reach(this.#places);
  }

  /** The head has stopped or is through: what was held behind it follows as far as it may. */
  settle(): void {
    while (this.#at !== this.#heldAt && (this.#held.length > 0 || this.#ended !== null)) this.#release();
  }

  /** Nothing passes any more. */
  close(): void {
    this.#closed = true;
    this.#held = [];
    this.#heldBytes = 0;
    this.#ended = null;
  }

  data(chunk: Buffer, from = 0): void {
    if (this.#closed) return;
    for (let place = from; place < this.#places; place++) {
      const stage = this.#stages[place];
      const takes = stage?.data !== undefined;
      if (place === this.#at && !(this.#collecting && takes)) {
        this.#hold(chunk);
        return;
      }
      if (takes) {
        stage.data?.(chunk);
        return;
      }
    }
    this.#sink.data(chunk);
  }

  end(trailers: HeaderMap | null, from = 0): void {
    if (this.#closed) return;
    for (let place = from; place < this.#places; place++) {
      const stage = this.#stages[place];
      const takes = stage?.end !== undefined;
      if (place === this.#at && !(this.#collecting && takes)) {
        this.#heldAt = place;
        this.#ended = { trailers };
        return;
      }
      if (takes) {
        stage.end?.(trailers);
        return;
      }
    }
    this.#sink.end(trailers);
  }

  /** What the filter at this place passes on. */
  outlet(place: number): FilterOutlet {
    const setPaused = (value: boolean) => {
      if ((this.#paused[place] ?? false) === value || this.#closed) return;
      this.#paused[place] = value;
      this.#pauses += value ? 1 : -1;
      this.#sink.balance();
    };
    return {
      proceed: (last = this.last) => {
        if (this.#closed || this.#at !== place) return;
        this.last = last;
        this.#sink.proceed(place);
      },
      write: (chunk) => this.data(chunk, place + 1),
      finish: (trailers) => this.end(trailers, place + 1),
      pause: () => setPaused(true),
      resume: () => setPaused(false),
    };
  }

  /** A filter's receiver is what comes behind it: the sink, a filter that pauses, a head that waits. */
  #tellReceivers(sinkFull: boolean): void {
    let full = sinkFull;
    for (let place = this.#places - 1; place >= 0; place--) {
      this.#stages[place]?.receiver?.(full);
      full ||= this.#paused[place] === true || (place === this.#heldAt && this.#heldBytes >= HIGH);
    }
  }

  #hold(chunk: Buffer): void {
    this.#heldAt = this.#at;
    this.#held.push(kept(chunk));
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= HIGH) this.#sink.balance();
  }

  #release(): void {
    const held = this.#held;
    const ended = this.#ended;
    const wasCongested = this.#heldBytes >= HIGH;
    this.#held = [];
    this.#heldBytes = 0;
    this.#ended = null;
    const from = this.#heldAt;
    for (const chunk of held) this.data(chunk, from);
    if (ended !== null) this.end(ended.trailers, from);
    if (wasCongested) this.#sink.balance();
  }
}
