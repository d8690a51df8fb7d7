// A cursor over one untrusted object: it knows where it is, records what is wrong instead of throwing,
// and reports every field that was there and never asked for. Readers are written with nothing else.
import { type MeshObject, refOf } from '../../model/object.ts';
import type { Dialect, Origin } from '../../model/origin.ts';
import type { Problem, ProblemCode, Severity } from '../../model/problem.ts';
import { nearest } from './nearest.ts';
import { type Parser, show } from './parser.ts';

export type Keys = readonly (string | number)[];

type Scope = { readonly object: MeshObject; readonly dialect: Dialect; readonly problems: Problem[] };

/** Reads a whole object; `apiVersion`, `kind`, `metadata` and `status` count as read. */
export function readObject<T>(object: MeshObject, dialect: Dialect, problems: Problem[], read: (root: Fields) => T): T {
  const root = new Fields({ object, dialect, problems }, [], object.body, null);
  root.ignore('apiVersion', 'kind', 'metadata', 'status');
  const value = read(root);
  root.complete();
  return value;
}

export class Fields {
  readonly #scope: Scope;
  readonly #keys: Keys;
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #parent: Fields | null;
  readonly #asked = new Set<string>();
  #failed = false;
  #unclear = false;
  #completed = false;

  constructor(scope: Scope, keys: Keys, value: Readonly<Record<string, unknown>>, parent: Fields | null) {
    this.#scope = scope;
    this.#keys = keys;
    this.#value = value;
    this.#parent = parent;
  }

  get source(): MeshObject {
    return this.#scope.object;
  }

  /** An error was found here or below. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Ends the reading: reports what nobody asked for. True when nothing here or below was wrong, unknown or unsupported. */
  complete(): boolean {
    if (!this.#completed) {
      this.#completed = true;
      for (const key of Object.keys(this.#value)) {
        if (this.has(key) && !this.#asked.has(key)) this.#reportUnknown(key);
      }
    }
    return !this.#failed && !this.#unclear;
  }

  origin(...keys: Keys): Origin {
    const { object, dialect } = this.#scope;
    const path = [...this.#keys, ...keys];
    const place = object.place === null ? null : { file: object.place.file, line: object.place.line(path) };
    return {
      dialect,
      ...refOf(object),
      path: describePath(path),
      place,
    };
  }

  /** Present and not null (Kubernetes drops nulls). Does not count as reading it. */
  has(key: string): boolean {
    return Object.hasOwn(this.#value, key) && this.#value[key] !== null && this.#value[key] !== undefined;
  }

  /** null when absent, or wrong (then reported). */
  get<T>(key: string, parse: Parser<T>): T | null {
    const raw = this.#take(key);
    return raw === undefined ? null : this.#parse(raw, parse, [key]);
  }

  require<T>(key: string, parse: Parser<T>): T | null {
    this.#requirePresence(key);
    return this.get(key, parse);
  }

  /** Wrong items are reported and left out; absent is empty. */
  list<T>(key: string, parse: Parser<T>): T[] {
    return this.#items(key)
      .map((raw, index) => this.#parse(raw, parse, [key, index]))
      .filter((item) => item !== null);
  }

  /** The list as a whole: null when it is absent, empty (reported), or any item is wrong (reported). */
  everyOf<T>(key: string, parse: Parser<T>): T[] | null {
    this.ignore(key);
    if (!this.has(key)) return null;
    const raw = this.#items(key);
    if (Array.isArray(raw) && raw.length === 0) this.error(key, 'invalid', 'is empty');
    const items = raw.map((item, index) => this.#parse(item, parse, [key, index])).filter((item) => item !== null);
    return raw.length > 0 && items.length === raw.length ? items : null;
  }

  /** Entries in the object's order; wrong ones are reported and left out; absent is empty. */
  map<T>(key: string, parse: Parser<T>): [string, T][] {
    return this.#entries(key).flatMap(([name, raw]) => {
      const value = raw === null ? null : this.#parse(raw, parse, [key, name]);
      return value === null ? [] : [[name, value]];
    });
  }

  /** null when absent, or not an object (then reported). */
  object<T>(key: string, read: (fields: Fields) => T): T | null {
    const raw = this.#take(key);
    return raw === undefined ? null : this.#descend(raw, [key], read);
  }

  requireObject<T>(key: string, read: (fields: Fields) => T): T | null {
    this.#requirePresence(key);
    return this.object(key, read);
  }

  /** Items that are no objects are reported and left out; absent is empty. */
  objects<T>(key: string, read: (fields: Fields, index: number) => T): T[] {
    return this.#items(key).flatMap((raw, index) => {
      const value = this.#descend(raw, [key, index], (fields) => ({ item: read(fields, index) }));
      return value === null ? [] : [value.item];
    });
  }

  mapOfObjects<T>(key: string, read: (fields: Fields, name: string) => T): T[] {
    return this.#entries(key).flatMap(([name, raw]) => {
      const value = this.#descend(raw, [key, name], (fields) => ({ item: read(fields, name) }));
      return value === null ? [] : [value.item];
    });
  }

  /** Known to the dialect, not applied yet: reported where present. */
  unsupported(...keys: readonly string[]): void {
    for (const key of keys) {
      this.#asked.add(key);
      if (this.has(key)) this.warn(key, 'unsupported', `${key} is not applied yet`);
    }
  }

  /** Has no meaning for a mesh. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#asked.add(key);
  }

  ignoreRest(): void {
    this.ignore(...Object.keys(this.#value));
  }

  /** `key` '' is the object that this cursor is at. */
  error(key: string, code: ProblemCode, message: string, hint = ''): void {
    this.#report('error', code, key === '' ? [] : [key], message, hint);
  }

  warn(key: string, code: ProblemCode, message: string, hint = ''): void {
    this.#report('warning', code, key === '' ? [] : [key], message, hint);
  }

  note(key: string, message: string, hint = ''): void {
    this.#report('info', 'note', key === '' ? [] : [key], message, hint);
  }

  #take(key: string): unknown {
    this.#asked.add(key);
    return this.has(key) ? this.#value[key] : undefined;
  }

  #items(key: string): readonly unknown[] {
    const raw = this.#take(key);
    if (raw === undefined) return [];
    if (Array.isArray(raw)) return raw;
    this.#report('error', 'invalid', [key], `${show(raw)} is not a list`, '');
    return [];
  }

  #entries(key: string): [string, unknown][] {
    const raw = this.#take(key);
    return raw === undefined ? [] : Object.entries(this.#record(raw, [key]) ?? {});
  }

  #parse<T>(raw: unknown, parse: Parser<T>, keys: Keys): T | null {
    const parsed = parse(raw);
    if (parsed.ok) return parsed.value;
    this.#report('error', 'invalid', keys, parsed.message, parsed.hint);
    return null;
  }

  #record(raw: unknown, keys: Keys): Readonly<Record<string, unknown>> | null {
    if (isRecord(raw)) return raw;
    this.#report('error', 'invalid', keys, `${show(raw)} is not an object`, '');
    return null;
  }

  #descend<T>(raw: unknown, keys: Keys, read: (fields: Fields) => T): T | null {
    const record = this.#record(raw, keys);
    if (record === null) return null;
    const fields = new Fields(this.#scope, [...this.#keys, ...keys], record, this);
    const value = read(fields);
    fields.complete();
    return value;
  }

  #requirePresence(key: string): void {
    if (!this.has(key)) this.#report('error', 'invalid', [], `${key} is missing`, '');
  }

  #reportUnknown(key: string): void {
    const meant = nearest(key, this.#asked);
    this.#report('warning', 'unknown-field', [key], `unknown field ${show(key)}`, meant === null ? '' : `${meant}?`);
  }

  #report(severity: Severity, code: ProblemCode, keys: Keys, message: string, hint: string): void {
    this.#scope.problems.push({ severity, code, origin: this.origin(...keys), message, hint });
    for (let at: Fields | null = this; at !== null && severity !== 'info'; at = at.#parent) {
      at.#unclear = true;
      at.#failed ||= severity === 'error';
    }
  }
}

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `spec.http[0].match["x-user"]`; keys that are no words are quoted. */
function describePath(keys: Keys): string {
  return keys
    .map((key) => (typeof key === 'number' ? `[${key}]` : PLAIN_KEY.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`))
    .join('')
    .replace(/^\./, '');
}

function isRecord(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}
