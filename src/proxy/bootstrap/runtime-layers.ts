// Envoy's runtime: values by key from the static layers of `layered_runtime`, the last layer that has a key wins; the admin interface may override.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

type Layer = { readonly name: string; readonly values: ReadonlyMap<string, JsonValue> };

const ADMIN = 'admin';

export class RuntimeLayers {
  readonly #layers: readonly Layer[];
  readonly #overrides = new Map<string, JsonValue>();
  /** Hears of every override; for threads that have layers of their own. */
  onOverride: (changes: readonly (readonly [key: string, value: string])[]) => void = () => undefined;

  /** `layers` in order; nested objects are keys joined by dots. */
  constructor(layers: readonly { readonly name: string; readonly values: JsonObject }[]) {
    this.#layers = [
      ...layers.map(({ name, values }) => ({ name, values: new Map(flat(values, '')) })),
      { name: ADMIN, values: this.#overrides },
    ];
  }

  /** A number, also where it was written as text; undefined without one. */
  number(key: string): number | undefined {
    const value = this.#layers.findLast(({ values }) => values.has(key))?.values.get(key);
    if (typeof value === 'number') return value;
    return typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))
      ? Number(value)
      : undefined;
  }

  /** '' takes an override away. */
  override(changes: Iterable<readonly [key: string, value: string]>): void {
    const all = [...changes];
    for (const [key, value] of all) {
      if (value === '') this.#overrides.delete(key);
      else this.#overrides.set(key, value);
    }
    this.onOverride(all);
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
