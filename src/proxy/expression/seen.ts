// What an expression looks at, and the values and maps that attributes are made of.

import type { CelInput } from '@bufbuild/cel';
import { create } from '@bufbuild/protobuf';
import { type Duration, DurationSchema, type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import type { Exchange } from '../http/exchange.ts';
import type { ResponseHead } from '../http/message.ts';

/** `response` is null before it is known; `ended` is 0 while the exchange goes on. */
export type Seen = { readonly exchange: Exchange; readonly response: ResponseHead | null; readonly ended: number };

/** Strings hold one byte per character. Undefined: there is none. */
export type Attribute = CelInput | undefined;

export type Members<Subject> = Readonly<Record<string, (subject: Subject) => Attribute>>;

/** A map whose members are read when they are asked for. */
export class View implements ReadonlyMap<string, CelInput> {
  readonly #read: (key: string) => Attribute;
  readonly #names: () => readonly string[];

  constructor(read: (key: string) => Attribute, names: () => readonly string[] = () => []) {
    this.#read = read;
    this.#names = names;
  }

  get size(): number {
    return this.#names().length;
  }

  get(key: unknown): CelInput | undefined {
    return typeof key === 'string' ? this.#read(key) : undefined;
  }

  has(key: unknown): boolean {
    return this.get(key) !== undefined;
  }

  forEach(call: (value: CelInput, key: string, map: ReadonlyMap<string, CelInput>) => void): void {
    for (const [key, value] of this) call(value, key, this);
  }

  keys(): MapIterator<string> {
    return this.#names().values() as MapIterator<string>;
  }

  *values(): MapIterator<CelInput> {
    for (const [, value] of this) yield value;
  }

  *entries(): MapIterator<[string, CelInput]> {
    for (const name of this.#names()) {
      const value = this.#read(name);
      if (value !== undefined) yield [name, value];
    }
  }

  [Symbol.iterator](): MapIterator<[string, CelInput]> {
    return this.entries();
  }
}

/** Milliseconds since the epoch. */
export function timestamp(millis: number): Timestamp {
  const seconds = Math.floor(millis / 1000);
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: Math.round((millis - seconds * 1000) * 1e6) });
}

export function duration(millis: number): Duration {
  const nanos = Math.round(millis * 1e6);
  const seconds = Math.trunc(nanos / 1e9);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: nanos - seconds * 1e9 });
}

export function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
