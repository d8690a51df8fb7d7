// An ordered multimap of header fields. Names are lower case; values keep their bytes. Flat, because heads are small and hot.
import type { Spelling } from './spelling.ts';

export class HeaderMap {
  /** name, value, name, value, … Codecs write and read it directly. */
  readonly fields: string[];
  /** How the peer spelt the names, where that is passed on. */
  spelling: Spelling | null = null;

  constructor(fields: string[] = []) {
    this.fields = fields;
  }

  /** Of fields that stay as they are. Pushed one by one, so that those the proxy adds find room. */
  static copy(fields: readonly string[]): HeaderMap {
    const own: string[] = [];
    for (let i = 0; i < fields.length; i++) own.push(fields[i]!);
    return new HeaderMap(own);
  }

  get size(): number {
    return this.fields.length >> 1;
  }

  /** First value, or undefined. */
  get(name: string): string | undefined {
    const { fields } = this;
    for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
    return undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** All values joined with ',' as Envoy's matchers see a repeated header; undefined when absent. */
  joined(name: string): string | undefined {
    const { fields } = this;
    let found: string | undefined;
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i] === name) found = found === undefined ? fields[i + 1] : `${found},${fields[i + 1]}`;
    }
    return found;
  }

  append(name: string, value: string): void {
    this.fields.push(name, value);
  }

  /** Replaces every value of the name by one, at the place of the first. */
  set(name: string, value: string): void {
    const { fields } = this;
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i] === name) {
        fields[i + 1] = value;
        this.#removeFrom(i + 2, name);
        return;
      }
    }
    fields.push(name, value);
  }

  remove(name: string): void {
    this.#removeFrom(0, name);
  }

  clone(): HeaderMap {
    const own = new HeaderMap(this.fields.slice());
    own.spelling = this.spelling;
    return own;
  }

  *[Symbol.iterator](): IterableIterator<readonly [string, string]> {
    for (let i = 0; i < this.fields.length; i += 2) yield [this.fields[i]!, this.fields[i + 1]!];
  }

  #removeFrom(start: number, name: string): void {
    const { fields } = this;
    let to = start;
    for (let from = start; from < fields.length; from += 2) {
      if (fields[from] === name) continue;
      if (to !== from) {
        fields[to] = fields[from]!;
        fields[to + 1] = fields[from + 1]!;
      }
      to += 2;
    }
    // Setting the length of an array leaves compiled code, even where it stays the same.
    if (to !== fields.length) fields.length = to;
  }
}
