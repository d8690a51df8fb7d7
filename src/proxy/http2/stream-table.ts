// The open streams of a connection by their id. Ids only grow, mostly by two, so that a table twice as large as what is in it finds nearly all
// of them at once, where a Map hashes, and copies itself every few hundred requests to forget those that ended.
//
//   place of an id = id / 2:   [ 17 ][ 19 ][  5 ←─ was taken by 21: one on ][    ]
import type { Http2Stream } from './http2-stream.ts';

const SMALLEST = 16;

export class StreamTable {
  size = 0;
  /** Open addressing with a step of one; never full. */
  #slots: (Http2Stream | null)[] = empty(SMALLEST);
  #mask = SMALLEST - 1;

  get(id: number): Http2Stream | undefined {
    for (let place = this.#home(id); ; place = (place + 1) & this.#mask) {
      const stream = this.#slots[place]!;
      if (stream === null) return undefined;
      if (stream.id === id) return stream;
    }
  }

  /** Its id is not in the table yet. */
  add(stream: Http2Stream): void {
    this.size += 1;
    if (this.size * 2 > this.#slots.length) this.#grow();
    this.#put(stream);
  }

  /** false: it was not there. */
  delete(stream: Http2Stream): boolean {
    let place = this.#home(stream.id);
    while (this.#slots[place] !== stream) {
      if (this.#slots[place] === null) return false;
      place = (place + 1) & this.#mask;
    }
    this.size -= 1;
    this.#close(place);
    return true;
  }

  /** In the order in which they were opened. */
  all(): Http2Stream[] {
    const streams = this.#slots.filter((stream) => stream !== null);
    return streams.sort((one, other) => one.id - other.id);
  }

  #home(id: number): number {
    return (id >>> 1) & this.#mask;
  }

  #put(stream: Http2Stream): void {
    let place = this.#home(stream.id);
    while (this.#slots[place] !== null) place = (place + 1) & this.#mask;
    this.#slots[place] = stream;
  }

  /** Whoever stands behind the gap only because its place was taken moves up, so that no search ends at the gap. */
  #close(gap: number): void {
    let free = gap;
    for (let place = (gap + 1) & this.#mask; this.#slots[place] !== null; place = (place + 1) & this.#mask) {
      const stream = this.#slots[place]!;
      const late = (place - this.#home(stream.id)) & this.#mask;
      if (late < ((place - free) & this.#mask)) continue;
      this.#slots[free] = stream;
      free = place;
    }
    this.#slots[free] = null;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = empty(before.length * 2);
    this.#mask = this.#slots.length - 1;
    for (const stream of before) if (stream !== null) this.#put(stream);
  }
}

function empty(length: number): (Http2Stream | null)[] {
  return new Array<Http2Stream | null>(length).fill(null);
}
