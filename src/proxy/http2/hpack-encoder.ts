// HPACK, writing side (RFC 7541): fields → the bytes of a header block, straight into the connection's output.
//
// What goes into the dynamic table: a value that came twice in a row for its name. One that differs from request to request (ids, lengths)
// would only push out what repeats.
import { ENTRY_OVERHEAD } from './hpack-decoder.ts';
import { writeInteger } from './hpack-integer.ts';
import { huffmanEncode, huffmanLength } from './huffman.ts';
import { STATIC_SIZE, staticNames, staticValues } from './static-table.ts';

/** Where a block is written: `bytes` may be replaced by a larger one when room is asked for. */
export type BlockTarget = { bytes: Buffer; at: number; reserve(room: number): void };

/** Never indexed, also not by hops after this one (RFC 7541 section 7.1.3). */
const SENSITIVE: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization']);
/** Short cookies can be guessed (CRIME); a long one is a session that repeats. */
const SHORT_COOKIE = 20;
/** Names learned from messages are kept up to this many per connection. */
const NAMES_LIMIT = 512;
/** Fields of a block whose places are remembered. */
const PLACES = 32;
/** The largest table we keep, whatever the peer would let us. */
const TABLE_LIMIT = 65_536;

/** Everything known about one name. */
class Name {
  readonly text: string;
  readonly staticIndex: number;
  readonly sensitive: boolean;
  /** Value → index in the static table, or its number of insertion in the dynamic one (negative, so that they are told apart). */
  readonly values = new Map<string, number>();
  last = '';
  /** Its newest entry's number of insertion, 0 without one. */
  newest = 0;

  constructor(text: string, staticIndex: number) {
    this.text = text;
    this.staticIndex = staticIndex;
    this.sensitive = SENSITIVE.has(text);
  }
}

const STATIC_INDEX: ReadonlyMap<string, number> = new Map(
  staticNames.map((name, index): [string, number] => [name, index]).reverse(),
);

export class HpackEncoder {
  readonly #names = new Map<string, Name>();
  readonly #entryNames: Name[] = [];
  readonly #entryValues: string[] = [];
  /** Number of the oldest entry that is still there; the lists begin with it at `#gone`. */
  #oldest = 1;
  #inserted = 0;
  #gone = 0;
  #size = 0;
  #limit = 4_096;
  /** What was written at each place of the blocks before, and of it what was in a table: heads of a connection are mostly alike. */
  readonly #seenTexts: string[] = new Array<string>(PLACES).fill('');
  readonly #seenNames: (Name | null)[] = new Array<Name | null>(PLACES).fill(null);
  readonly #seenValues: string[] = new Array<string>(PLACES).fill('');
  /** As in `Name.values`. */
  readonly #seenAt = new Int32Array(PLACES);
  #place = 0;
  /** Sizes to announce at the beginning of the next block: the smallest since the last one, then the current. */
  #smallest = -1;

  constructor() {
    for (let index = 1; index <= STATIC_SIZE; index++) {
      const text = staticNames[index]!;
      const name = this.#name(text);
      if (staticValues[index] !== '') name.values.set(staticValues[index]!, index);
    }
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  resize(allowed: number): void {
    const limit = Math.min(allowed, TABLE_LIMIT);
    if (limit === this.#limit) return;
    this.#smallest = this.#smallest === -1 ? limit : Math.min(this.#smallest, limit);
    this.#limit = limit;
    this.#evict(limit);
  }

  /** Before the first field of every block. */
  begin(out: BlockTarget): void {
    this.#place = 0;
    if (this.#smallest === -1) return;
    out.reserve(16);
    if (this.#smallest < this.#limit) out.at = writeInteger(out.bytes, out.at, 0x20, 0x1f, this.#smallest);
    out.at = writeInteger(out.bytes, out.at, 0x20, 0x1f, this.#limit);
    this.#smallest = -1;
  }

  field(out: BlockTarget, text: string, value: string): void {
    const place = this.#place++;
    if (place >= PLACES) {
      this.#write(out, this.#nameOf(text), value, -1);
      return;
    }
    if (text !== this.#seenTexts[place]) {
      this.#seenTexts[place] = text;
      this.#seenNames[place] = this.#nameOf(text);
      this.#seenAt[place] = 0;
    } else if (value === this.#seenValues[place]) {
      const at = this.#seenAt[place]!;
      if (at > 0 || -at >= this.#oldest) {
        this.#indexed(out, at);
        return;
      }
    }
    this.#write(out, this.#seenNames[place]!, value, place);
  }

  /** `place`: where it is remembered; -1 for nowhere. */
  #write(out: BlockTarget, name: Name, value: string, place: number): void {
    // Of a name without values, ids for one, a value need not be looked for.
    const known = name.values.size === 0 ? undefined : name.values.get(value);
    if (known === undefined) {
      this.#literal(out, name, value);
      return;
    }
    if (place !== -1) {
      this.#seenValues[place] = value;
      this.#seenAt[place] = known;
    }
    this.#indexed(out, known);
  }

  /** `known` as in `Name.values`. */
  #indexed(out: BlockTarget, known: number): void {
    out.reserve(8);
    const index = known > 0 ? known : this.#indexOf(-known);
    if (index < 0x7f) out.bytes[out.at++] = 0x80 | index;
    else out.at = writeInteger(out.bytes, out.at, 0x80, 0x7f, index);
  }

  #literal(out: BlockTarget, name: Name, value: string): void {
    const { text, last } = name;
    const never = name.sensitive || (text === 'cookie' && value.length < SHORT_COOKIE);
    const size = text.length + value.length + ENTRY_OVERHEAD;
    const add = !never && value === last && size <= this.#limit && this.#names.get(text) === name;
    if (!never) name.last = value;
    const index = name.staticIndex > 0 ? name.staticIndex : name.newest > 0 ? this.#indexOf(name.newest) : 0;
    out.reserve(text.length + value.length + 16);
    if (add) out.at = writeInteger(out.bytes, out.at, 0x40, 0x3f, index);
    else out.at = writeInteger(out.bytes, out.at, never ? 0x10 : 0, 0x0f, index);
    if (index === 0) this.#string(out, text, add);
    this.#string(out, value, add);
    if (add) this.#add(name, value, size);
  }

  /** What is kept in the table is worth squeezing: it crosses the wire once. For the rest, time is dearer than bytes. */
  #string(out: BlockTarget, text: string, squeeze: boolean): void {
    const length = squeeze ? huffmanLength(text) : text.length;
    if (length < text.length) {
      out.at = huffmanEncode(text, out.bytes, writeInteger(out.bytes, out.at, 0x80, 0x7f, length));
      return;
    }
    out.at = writeInteger(out.bytes, out.at, 0, 0x7f, text.length);
    if (text.length > 12) out.at += out.bytes.write(text, out.at, 'latin1');
    else for (let i = 0; i < text.length; i++) out.bytes[out.at++] = text.charCodeAt(i);
  }

  #add(name: Name, value: string, size: number): void {
    this.#evict(this.#limit - size);
    this.#inserted += 1;
    this.#entryNames.push(name);
    this.#entryValues.push(value);
    this.#size += size;
    name.values.set(value, -this.#inserted);
    name.newest = this.#inserted;
  }

  #indexOf(insertion: number): number {
    return STATIC_SIZE + 1 + this.#inserted - insertion;
  }

  #evict(room: number): void {
    while (this.#size > room && this.#oldest <= this.#inserted) {
      const name = this.#entryNames[this.#gone]!;
      const value = this.#entryValues[this.#gone]!;
      this.#size -= name.text.length + value.length + ENTRY_OVERHEAD;
      name.values.delete(value);
      if (name.newest === this.#oldest) name.newest = 0;
      this.#oldest += 1;
      this.#gone += 1;
    }
    if (this.#gone < 64) return;
    this.#entryNames.splice(0, this.#gone);
    this.#entryValues.splice(0, this.#gone);
    this.#gone = 0;
  }

  #nameOf(text: string): Name {
    return this.#names.get(text) ?? this.#name(text);
  }

  #name(text: string): Name {
    const name = new Name(text, STATIC_INDEX.get(text) ?? 0);
    if (this.#names.size < NAMES_LIMIT) this.#names.set(text, name);
    return name;
  }
}
