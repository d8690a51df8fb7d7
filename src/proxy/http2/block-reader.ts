// Header blocks → fields. A block that was read before and must mean the same is not decoded again: calls of one peer are often alike to the
// last byte, and answers mostly are. It means the same
//   - always, when it names no entry of the table; what it adds to the table is added again (nginx adds every field with every answer),
//   - as long as the table is the same, when it does and adds nothing.
//
//   slot of a block = its length:   [ bytes | meaning | fields ]   so that heads and trailers do not push each other out
import type { FieldSink, HpackDecoder, TableEntry } from './hpack-decoder.ts';

/** Collects the fields of one block and keeps them until it begins anew. */
export type BlockFields = FieldSink & { begin(): void };

/** A power of two. */
const SLOTS = 4;
/** Longer blocks are seldom the same. */
const MOST_BYTES = 256;

export class BlockReader<Fields extends BlockFields> {
  readonly #decoder: HpackDecoder;
  readonly #makeFields: () => Fields;
  readonly #slots: (Slot<Fields> | null)[] = new Array<Slot<Fields> | null>(SLOTS).fill(null);

  constructor(decoder: HpackDecoder, makeFields: () => Fields) {
    this.#decoder = decoder;
    this.#makeFields = makeFields;
  }

  /** The fields, good until the next block. null: a COMPRESSION_ERROR, after which the connection cannot go on. */
  read(bytes: Buffer, start: number, end: number): Fields | null {
    const slot = this.#slotOf(end - start);
    const seen = slot.holds(bytes, start, end);
    if (seen && slot.repeat(this.#decoder)) return slot.fields;
    return slot.decode(this.#decoder, bytes, start, end, seen) ? slot.fields : null;
  }

  #slotOf(length: number): Slot<Fields> {
    const place = length & (SLOTS - 1);
    const known = this.#slots[place]!;
    if (known !== null) return known;
    const slot = new Slot(this.#makeFields());
    this.#slots[place] = slot;
    return slot;
  }
}

class Slot<Fields extends BlockFields> {
  readonly fields: Fields;
  #bytes: Buffer | null = null;
  #length = -1;
  /** What a block that names no entry adds; null: it is not known to be one. */
  #additions: readonly TableEntry[] | null = null;
  /** The state of the table that other blocks are good for. */
  #changes = -1;

  constructor(fields: Fields) {
    this.fields = fields;
  }

  holds(bytes: Buffer, start: number, end: number): boolean {
    if (end - start !== this.#length) return false;
    const known = this.#bytes!;
    for (let at = start, there = 0; at < end; at++, there++) if (bytes[at] !== known[there]) return false;
    return true;
  }

  /** Does to the table what the block it holds does; false: it has to be decoded. */
  repeat(decoder: HpackDecoder): boolean {
    if (this.#additions === null) return decoder.changes === this.#changes;
    for (const entry of this.#additions) decoder.add(entry);
    return true;
  }

  /** `seen`: it is the one the slot holds. What it adds is noted with its second coming: most that differ once differ always. */
  decode(decoder: HpackDecoder, bytes: Buffer, start: number, end: number, seen: boolean): boolean {
    const additions: TableEntry[] | null = seen ? [] : null;
    const { changes } = decoder;
    this.fields.begin();
    if (!decoder.decode(bytes, start, end, this.fields, additions)) return false;
    this.#additions = decoder.standsAlone ? additions : null;
    this.#changes = decoder.changes === changes ? changes : -1;
    if (!seen) this.#keep(bytes, start, end);
    return true;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    this.#length = end - start > MOST_BYTES ? -1 : end - start;
    if (this.#length === -1) return;
    this.#bytes ??= Buffer.allocUnsafeSlow(MOST_BYTES);
    bytes.copy(this.#bytes, 0, start, end);
  }
}
