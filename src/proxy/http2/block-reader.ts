// Header blocks → fields. A block that was read before, with a table that has not changed since, says what it said then: calls of one peer are
// often alike to the last byte, and answers mostly are.
//
//   slot of a block = its length:   [ bytes | change of the table | fields ]   so that heads and trailers do not push each other out
import type { FieldSink, HpackDecoder } from './hpack-decoder.ts';

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
    const decoder = this.#decoder;
    const { changes } = decoder;
    if (slot.holds(bytes, start, end, changes)) return slot.fields;
    slot.fields.begin();
    if (!decoder.decode(bytes, start, end, slot.fields)) return null;
    slot.keep(bytes, start, end, changes === decoder.changes ? changes : NEVER);
    return slot.fields;
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

/** No state of a table: what a block changes it does only once. */
const NEVER = -1;

class Slot<Fields> {
  readonly fields: Fields;
  #bytes: Buffer | null = null;
  #length = 0;
  #changes = NEVER;

  constructor(fields: Fields) {
    this.fields = fields;
  }

  holds(bytes: Buffer, start: number, end: number, changes: number): boolean {
    if (end - start !== this.#length || changes !== this.#changes) return false;
    const known = this.#bytes!;
    for (let at = start, there = 0; at < end; at++, there++) if (bytes[at] !== known[there]) return false;
    return true;
  }

  keep(bytes: Buffer, start: number, end: number, changes: number): void {
    this.#changes = end - start > MOST_BYTES ? NEVER : changes;
    if (this.#changes === NEVER) return;
    this.#bytes ??= Buffer.allocUnsafeSlow(MOST_BYTES);
    this.#length = end - start;
    bytes.copy(this.#bytes, 0, start, end);
  }
}
