// HPACK, reading side (RFC 7541): a header block → fields, each with its kind. Names and values are checked when they come as text; entries
// of the tables are known to be good.
import { isFieldValue, kind, kindOfName } from './field-kind.ts';
import { IntegerReader } from './hpack-integer.ts';
import { huffmanDecode } from './huffman.ts';
import { LiteralMemo } from './literal-memo.ts';
import { STATIC_SIZE, staticKinds, staticNames, staticValues } from './static-table.ts';

export type FieldSink = { onField(name: string, value: string, kind: number): void };

export type TableEntry = { readonly name: string; readonly value: string; readonly kind: number };

/** RFC 7541 section 4.1: what an entry costs beside its text. */
export const ENTRY_OVERHEAD = 32;

const SCRATCH = Buffer.allocUnsafeSlow(16_384);
const memo = new LiteralMemo();

export class HpackDecoder {
  readonly #integers = new IntegerReader();
  readonly #table = new DecoderTable();
  /** What our SETTINGS allow; the peer may choose less. */
  readonly #limit: number;
  #at = 0;
  #failed = false;
  /** The value that was just read is none. */
  #bad = false;
  /** Of the literal that was just measured. */
  #huffmanCoded = false;
  #additions: TableEntry[] | null = null;
  /** The last block says the same whatever is in the table: it named no entry of it and did not resize it. */
  standsAlone = true;

  constructor(tableSize: number) {
    this.#limit = tableSize;
    this.#table.resize(tableSize);
  }

  /** How often the table has changed: as long as it is the same, the same block means the same. */
  get changes(): number {
    return this.#table.changes;
  }

  add({ name, value, kind: what }: TableEntry): void {
    this.#table.add(name, value, what);
  }

  /**
   * false: a COMPRESSION_ERROR, after which the connection cannot go on. What the block adds to the table is added to `additions` too,
   * where somebody wants it.
   */
  decode(bytes: Buffer, start: number, end: number, sink: FieldSink, additions: TableEntry[] | null = null): boolean {
    this.#additions = additions;
    this.standsAlone = true;
    this.#at = start;
    this.#failed = false;
    let updates = true;
    while (this.#at < end && !this.#failed) {
      const first = bytes[this.#at]!;
      if (first >= 0x80) this.#indexed(bytes, end, sink);
      else if (first >= 0x40) this.#literal(bytes, end, 0x3f, sink);
      else if (first < 0x20) this.#literal(bytes, end, 0x0f, sink);
      else {
        // RFC 7541 section 4.2: only at the beginning of a block.
        if (!updates) return false;
        this.#resize(bytes, end);
        continue;
      }
      updates = false;
    }
    return !this.#failed;
  }

  #indexed(bytes: Buffer, end: number, sink: FieldSink): void {
    const index = this.#integer(bytes, end, 0x7f);
    if (index <= 0) this.#failed = true;
    else if (index <= STATIC_SIZE) sink.onField(staticNames[index]!, staticValues[index]!, staticKinds[index]!);
    else {
      const slot = this.#slotOf(index);
      if (slot === -1) this.#failed = true;
      else sink.onField(this.#table.names[slot]!, this.#table.values[slot]!, this.#table.kinds[slot]!);
    }
  }

  /** `mask` 0x3f: with incremental indexing; 0x0f: without, or never. */
  #literal(bytes: Buffer, end: number, mask: number, sink: FieldSink): void {
    const index = this.#integer(bytes, end, mask);
    if (index < 0) return;
    let name: string;
    let what: number;
    if (index === 0) {
      name = this.#string(bytes, end);
      what = kindOfName(name);
    } else if (index <= STATIC_SIZE) {
      name = staticNames[index]!;
      what = staticKinds[index]!;
    } else {
      const slot = this.#slotOf(index);
      if (slot === -1) {
        this.#failed = true;
        return;
      }
      name = this.#table.names[slot]!;
      what = this.#table.kinds[slot]!;
    }
    const value = this.#value(bytes, end, name);
    if (this.#failed) return;
    if (this.#bad) what = kind.invalid;
    if (mask === 0x3f) {
      this.#table.add(name, value, what);
      this.#additions?.push({ name, value, kind: what });
    }
    sink.onField(name, value, what);
  }

  /** Of an entry in the dynamic table. */
  #slotOf(index: number): number {
    this.standsAlone = false;
    return this.#table.slotOf(index - STATIC_SIZE);
  }

  #integer(bytes: Buffer, end: number, mask: number): number {
    const value = this.#integers.read(bytes, this.#at, end, mask);
    this.#at = this.#integers.at;
    if (value === -1) this.#failed = true;
    return value;
  }

  #string(bytes: Buffer, end: number): string {
    const start = this.#measure(bytes, end);
    return start === -1 ? '' : this.#text(bytes, start);
  }

  #value(bytes: Buffer, end: number, name: string): string {
    const start = this.#measure(bytes, end);
    if (start === -1) return '';
    const known = memo.find(bytes, start, this.#at, this.#huffmanCoded);
    this.#bad = false;
    if (known !== undefined) return known;
    const value = this.#text(bytes, start);
    if (this.#failed) return '';
    if (isFieldValue(value)) memo.learn(bytes, start, this.#at, this.#huffmanCoded, name, value);
    else this.#bad = true;
    return value;
  }

  /** Where the bytes of a literal begin; they end at `#at`. -1 after a failure. */
  #measure(bytes: Buffer, end: number): number {
    if (this.#failed) return -1;
    if (this.#at >= end) {
      this.#failed = true;
      return -1;
    }
    this.#huffmanCoded = bytes[this.#at]! >= 0x80;
    const length = this.#integer(bytes, end, 0x7f);
    const start = this.#at;
    if (length === -1 || start + length > end) {
      this.#failed = true;
      return -1;
    }
    this.#at = start + length;
    return start;
  }

  #text(bytes: Buffer, start: number): string {
    const end = this.#at;
    if (!this.#huffmanCoded) return bytes.toString('latin1', start, end);
    const most = Math.floor(((end - start) * 8) / 5);
    const scratch = most <= SCRATCH.length ? SCRATCH : Buffer.allocUnsafe(most);
    const length = huffmanDecode(bytes, start, end, scratch);
    if (length === -1) {
      this.#failed = true;
      return '';
    }
    return scratch.toString('latin1', 0, length);
  }

  #resize(bytes: Buffer, end: number): void {
    this.standsAlone = false;
    const size = this.#integer(bytes, end, 0x1f);
    if (size > this.#limit) this.#failed = true;
    else if (size >= 0) this.#table.resize(size);
  }
}

/**
 * The newest entries, in rings:
 *
 *   [ 5 ][ 6 ][   ][ 3 ][ 4 ]     `#next` is where 7 goes; index 1 is 6, index 4 is 3
 */
class DecoderTable {
  names: string[] = [];
  values: string[] = [];
  kinds: number[] = [];
  changes = 0;
  #capacity = 0;
  #next = 0;
  #count = 0;
  #size = 0;
  #limit = 0;

  /** Where the entry is; -1 when there is none. `index` counts from 1, the newest. */
  slotOf(index: number): number {
    if (index > this.#count) return -1;
    return (this.#next - index) & (this.#capacity - 1);
  }

  add(name: string, value: string, what: number): void {
    this.changes += 1;
    const size = name.length + value.length + ENTRY_OVERHEAD;
    this.#evict(this.#limit - size);
    if (size > this.#limit) return;
    if (this.#count === this.#capacity) this.#grow();
    this.names[this.#next] = name;
    this.values[this.#next] = value;
    this.kinds[this.#next] = what;
    this.#next = (this.#next + 1) & (this.#capacity - 1);
    this.#count += 1;
    this.#size += size;
  }

  resize(limit: number): void {
    this.changes += 1;
    this.#limit = limit;
    this.#evict(limit);
  }

  #evict(room: number): void {
    while (this.#size > room && this.#count > 0) {
      const slot = (this.#next - this.#count) & (this.#capacity - 1);
      this.#size -= this.names[slot]!.length + this.values[slot]!.length + ENTRY_OVERHEAD;
      this.names[slot] = '';
      this.values[slot] = '';
      this.#count -= 1;
    }
  }

  #grow(): void {
    const order = Array.from({ length: this.#count }, (_, i) => this.slotOf(this.#count - i));
    this.names = order.map((slot) => this.names[slot]!);
    this.values = order.map((slot) => this.values[slot]!);
    this.kinds = order.map((slot) => this.kinds[slot]!);
    this.#next = this.#count;
    this.#capacity = Math.max(this.#capacity * 2, 16);
    for (let i = this.#count; i < this.#capacity; i++) {
      this.names.push('');
      this.values.push('');
      this.kinds.push(0);
    }
  }
}
