// Values of Envoy's runtime as they are written: numbers, booleans and fractions, in JSON or as the text of a file.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** What a value is good for, as Envoy reads it. */
export type RuntimeEntry = {
  readonly number: number | undefined;
  readonly integer: number | undefined;
  readonly flag: boolean | undefined;
  readonly share: number | undefined;
};

/** By key. */
export type RuntimeValues = ReadonlyMap<string, JsonValue>;

const DENOMINATORS: Readonly<Record<string, number>> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };

/** Numbers and booleans may be written as text, a fraction as YAML. */
export function entryOf(written: JsonValue): RuntimeEntry {
  const value = typeof written === 'string' ? parsed(written.trim()) : written;
  const number = typeof value === 'number' ? value : undefined;
  const integer = number !== undefined && number >= 0 ? Math.floor(number) : undefined;
  return {
    number,
    integer,
    flag: typeof value === 'boolean' ? value : undefined,
    share: integer === undefined ? fractionOf(value) : Math.min(1, integer / 100),
  };
}

/** Nested objects are keys joined by dots. @throws for what Envoy takes no value of: null and lists. */
export function flatValues(values: JsonObject): RuntimeValues {
  return new Map(flat(values, ''));
}

export function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function* flat(values: JsonObject, prefix: string): Iterable<[string, JsonValue]> {
  for (const [name, value] of Object.entries(values)) {
    const key = `${prefix}${name}`;
    if (value === null || Array.isArray(value)) throw new Error(`invalid runtime entry value for ${key}`);
    if (typeof value === 'object' && isTree(value)) yield* flat(value, `${key}.`);
    else yield [key, value];
  }
}

function isTree(value: JsonObject): boolean {
  return Object.keys(value).length > 0 && !('numerator' in value || 'denominator' in value);
}

function fractionOf(value: JsonValue): number | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { numerator, denominator = 'HUNDRED' } = value;
  const whole = DENOMINATORS[String(denominator)];
  return typeof numerator === 'number' && whole !== undefined ? Math.min(1, numerator / whole) : undefined;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function parsed(text: string): JsonValue {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  return NUMBER.test(text) ? Number(text) : (pairsOf(text) ?? text);
}

/** `numerator: 1` and `denominator: MILLION` in braces or on lines of their own; null for any other text. */
function pairsOf(text: string): JsonObject | null {
  const pairs: JsonObject = {};
  for (const part of text.replace(/^\{(.*)\}$/s, '$1').split(/[,\n]/)) {
    const [, name, value] = /^\s*["']?(numerator|denominator)["']?\s*:\s*["']?(\w+)["']?\s*$/.exec(part) ?? [];
    if (name === undefined || value === undefined) return null;
    pairs[name] = name === 'numerator' ? Number(value) : value;
  }
  return pairs;
}
