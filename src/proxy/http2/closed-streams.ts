// Which streams ended lately, and how: frames that crossed with our reset are ignored, frames after a peer's own end are its error. A ring,
// because only the last ones can still be on the wire.

const SLOTS = 256;

export const ending = { unknown: 0, complete: 1, resetByUs: 2, resetByPeer: 3 } as const;

export class ClosedStreams {
  readonly #ids = new Int32Array(SLOTS);
  readonly #endings = new Uint8Array(SLOTS);

  add(id: number, how: number): void {
    const slot = (id >>> 1) % SLOTS;
    this.#ids[slot] = id;
    this.#endings[slot] = how;
  }

  /** `unknown`: too long ago, or never opened. */
  get(id: number): number {
    const slot = (id >>> 1) % SLOTS;
    return this.#ids[slot] === id ? this.#endings[slot]! : ending.unknown;
  }
}
