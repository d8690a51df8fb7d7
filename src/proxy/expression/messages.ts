// What Envoy has as protobuf messages: maps here, which are also told whole, as text (`ShortDebugString`) and as JSON.

import type { CelInput, CelMap } from '@bufbuild/cel';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { localityFields } from '../config/locality.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { cel } from './library.ts';
import { type Attribute, View } from './seen.ts';

export type WholeMessage = { text(): string; json(): JsonObject | undefined };

type Namespaces = { get(name: string): unknown; names(): readonly string[] };

const whole = new WeakMap<CelMap, WholeMessage>();

/** null: a map that is no message. */
export function messageOf(map: CelMap): WholeMessage | null {
  return whole.get(map) ?? null;
}

/** `envoy.config.core.v3.Metadata`: `filter_metadata` by namespace; nothing keeps typed metadata. */
export function metadataMessage({ get, names }: Namespaces): CelInput {
  const namespaces = cel().celMap(new View((name) => jsonAttribute(get(name)), names));
  const typed = cel().celMap(new View(() => undefined));
  const fields: Readonly<Record<string, CelMap>> = { filter_metadata: namespaces, typed_filter_metadata: typed };
  const sorted = () => [...names()].sort().map((name) => [name, get(name) as JsonObject] as const);
  return message((key) => (Object.hasOwn(fields, key) ? fields[key] : undefined), {
    text: () =>
      sorted()
        .map(([name, struct]) => `filter_metadata { ${entry(name, structText(struct))}} `)
        .join(''),
    json(): JsonObject {
      const namespaces = sorted();
      return namespaces.length === 0 ? {} : { filter_metadata: inBytes(Object.fromEntries(namespaces)) };
    },
  });
}

export function plainMetadata(metadata: Readonly<Record<string, unknown>>): CelInput {
  return metadataMessage({
    get: (name) => (Object.hasOwn(metadata, name) ? metadata[name] : undefined),
    names: () => Object.keys(metadata),
  });
}

/** `envoy.config.core.v3.Locality`, from `region/zone/sub_zone`. */
export function localityMessage(locality: string): CelInput {
  const { region, zone, subZone } = localityFields(locality);
  const parts = [region, zone, subZone].map(bytesOf);
  const fields = ['region', 'zone', 'sub_zone'];
  const set = fields.map((name, i) => [name, parts[i] ?? ''] as const).filter(([, value]) => value !== '');
  return message((key) => (fields.includes(key) ? (parts[fields.indexOf(key)] ?? '') : undefined), {
    text: () => set.map(([name, value]) => `${name}: ${quoted(value)} `).join(''),
    json: () => Object.fromEntries(set),
  });
}

function jsonAttribute(value: unknown): Attribute {
  if (typeof value === 'string') return bytesOf(value);
  if (Array.isArray(value)) return cel().celList(value.map((item) => jsonAttribute(item) ?? null));
  if (typeof value !== 'object' || value === null) return value as Attribute;
  const members = value as Readonly<Record<string, unknown>>;
  return cel().celMap(
    new View(
      (key) => (Object.hasOwn(members, key) ? jsonAttribute(members[key]) : undefined),
      () => Object.keys(members),
    ),
  );
}

/** Its members in alphabetical order. */
function inBytes(value: JsonValue): JsonValue {
  if (typeof value === 'string') return bytesOf(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inBytes);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [bytesOf(key), inBytes(member)]));
}

/** A root: nobody can list its members. */
export function rootMap(read: (key: string) => Attribute): CelMap {
  return message(read, { text: () => 'CelMap value', json: () => undefined });
}

function message(read: (key: string) => Attribute, told: WholeMessage): CelMap {
  const map = cel().celMap(new View(read));
  whole.set(map, told);
  return map;
}

function structText(struct: object): string {
  const members = Object.entries(struct as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1));
  return members.map(([key, value]) => `fields { ${entry(key, valueText(value))}} `).join('');
}

function entry(key: string, value: string): string {
  return `key: ${quoted(bytesOf(key))} value { ${value}} `;
}

function valueText(value: unknown): string {
  if (value === null) return 'null_value: NULL_VALUE ';
  if (typeof value === 'string') return `string_value: ${quoted(bytesOf(value))} `;
  if (typeof value === 'object') {
    if (!Array.isArray(value)) return `struct_value { ${structText(value)}} `;
    return `list_value { ${value.map((item) => `values { ${valueText(item)}} `).join('')}} `;
  }
  return `${typeof value === 'number' ? 'number' : 'bool'}_value: ${String(value)} `;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  "'": "\\'",
  '\\': '\\\\',
};

/** As C writes strings: what is not printable in octal. */
function quoted(bytes: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  const escaped = bytes.replace(/[\x00-\x1f"'\\\x7f-\xff]/g, (char) => ESCAPES[char] ?? octal(char));
  return `"${escaped}"`;
}

function octal(char: string): string {
  return `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`;
}
