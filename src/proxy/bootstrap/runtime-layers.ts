// Envoy's runtime: values by key from the static layers of `layered_runtime`, the last layer that has a key wins; the admin interface may override.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { RuntimeLookup } from '../config/runtime-keys.ts';

/** What a value is good for, as Envoy reads it. */
type Entry = {
  readonly number: number | undefined;
  readonly integer: number | undefined;
  readonly flag: boolean | undefined;
  readonly share: number | undefined;
};

type Layer = { readonly name: string; readonly values: ReadonlyMap<string, JsonValue> };

const ADMIN = 'admin';

export class RuntimeLayers implements RuntimeLookup {
  readonly #layers: readonly Layer[];
  readonly #overrides = new Map<string, JsonValue>();
  /** What holds now, by key. */
  #entries: ReadonlyMap<string, Entry>;
  readonly #watchers = new Set<() => void>();
  /** Hears of every override; for threads that have layers of their own. */
  onOverride: (changes: readonly (readonly [key: string, value: string])[]) => void = () => undefined;

  /** `layers` in order; nested objects are keys joined by dots. */
  constructor(layers: readonly { readonly name: string; readonly values: JsonObject }[]) {
    this.#layers = [
      ...layers.map(({ name, values }) => ({ name, values: new Map(flat(values, '')) })),
      { name: ADMIN, values: this.#overrides },
    ];
    this.#entries = this.#merged();
  }

  number(key: string): number | undefined {
    return this.#entries.get(key)?.number;
  }

  integer(key: string): number | undefined {
    return this.#entries.get(key)?.integer;
  }

  flag(key: string): boolean | undefined {
    return this.#entries.get(key)?.flag;
  }

  share(key: string): number | undefined {
    return this.#entries.get(key)?.share;
  }

  watch(changed: () => void): void {
    this.#watchers.add(changed);
  }

  /** '' takes an override away. */
  override(changes: Iterable<readonly [key: string, value: string]>): void {
    const all = [...changes];
    for (const [key, value] of all) {
      if (value === '') this.#overrides.delete(key);
      else this.#overrides.set(key, value);
    }
    this.#entries = this.#merged();
    this.onOverride(all);
    for (const changed of this.#watchers) changed();
  }

  /** Those in force. */
  overrides(): (readonly [key: string, value: string])[] {
    return [...this.#overrides].map(([key, value]) => [key, textOf(value)]);
  }

  /** As /runtime shows it. */
  describe(): JsonObject {
    const keys = [...new Set(this.#layers.flatMap(({ values }) => [...values.keys()]))].sort();
    const entries = keys.map((key) => {
      const found = this.#layers.map(({ values }) => (values.has(key) ? textOf(values.get(key)!) : ''));
      return [key, { layer_values: found, final_value: found.findLast((value) => value !== '') ?? '' }] as const;
    });
    return { layers: this.#layers.map(({ name }) => name), entries: Object.fromEntries(entries) };
  }

  #merged(): ReadonlyMap<string, Entry> {
    const values = new Map(this.#layers.flatMap((layer) => [...layer.values]));
    return new Map([...values].map(([key, value]) => [key, entryOf(value)]));
  }
}

const DENOMINATORS: Readonly<Record<string, number>> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };

/** Numbers and booleans may be written as text, a fraction as JSON. */
function entryOf(written: JsonValue): Entry {
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

function fractionOf(value: JsonValue): number | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { numerator, denominator = 'HUNDRED' } = value;
  const whole = DENOMINATORS[String(denominator)];
  return typeof numerator === 'number' && whole !== undefined ? Math.min(1, numerator / whole) : undefined;
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(/^(true|false)$/i.test(text) ? text.toLowerCase() : text) as JsonValue;
  } catch {
    // No number, boolean or fraction: a text, which nothing here asks for.
    return text;
  }
}

function* flat(values: JsonObject, prefix: string): Iterable<[string, JsonValue]> {
  for (const [key, value] of Object.entries(values)) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && !('numerator' in value)) {
      yield* flat(value, `${prefix}${key}.`);
    } else yield [`${prefix}${key}`, value];
  }
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
