// Envoy's runtime: values by key in the layers of `layered_runtime`, the last layer that has a key wins.
import type { JsonObject } from '@bufbuild/protobuf';
import type { ConfigSource } from '../config/config-source.ts';
import type { RuntimeLookup } from '../config/runtime-keys.ts';
import { entryOf, flatValues, type RuntimeEntry, type RuntimeValues, textOf } from './runtime-values.ts';

/** Where the values of a layer come from. */
export type RuntimeLayer = { readonly name: string } & (
  | { readonly kind: 'static'; readonly values: JsonObject }
  /** Files under `folder`, read again when the link is swapped that leads there. */
  | { readonly kind: 'disk'; readonly link: string; readonly folder: string }
  | { readonly kind: 'rtds'; readonly resource: string; readonly source: ConfigSource }
  | { readonly kind: 'admin' }
);

/** null: the layer is not there, as one of a folder that does not exist or cannot be read. */
export type LayerValues = RuntimeValues | null;
export type LayerChange = readonly [layer: string, values: LayerValues];

const NOTHING: RuntimeValues = new Map();

export class RuntimeLayers implements RuntimeLookup {
  /** As configured. */
  readonly layers: readonly RuntimeLayer[];
  /** By layer, in order. */
  readonly #values: Map<string, LayerValues>;
  /** What holds now, by key. */
  #entries: ReadonlyMap<string, RuntimeEntry> = new Map();
  readonly #watchers = new Set<() => void>();
  #loads = { good: 0, failed: 0, folders: 0, none: 0 };
  /** Hears of every change; for threads that have layers of their own. */
  onChange: (changes: readonly LayerChange[]) => void = () => undefined;

  /** Without any layer there is one for the admin interface. @throws for values that are none. */
  constructor(layers: readonly RuntimeLayer[]) {
    this.layers = layers.length === 0 ? [{ name: 'admin', kind: 'admin' }] : layers;
    this.#values = new Map(this.layers.map((layer) => [layer.name, firstValues(layer)]));
    this.#load();
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

  /** Replaces what layers hold. `failed`: some could not be read. */
  set(changes: readonly LayerChange[], failed = false): void {
    for (const [layer, values] of changes) this.#values.set(layer, values);
    this.#load(failed);
    this.onChange(changes);
    for (const changed of this.#watchers) changed();
  }

  /** Of the admin interface; '' takes an override away. False where there is no layer for it. */
  override(changes: Iterable<readonly [key: string, value: string]>): boolean {
    const layer = this.layers.find(({ kind }) => kind === 'admin');
    if (layer === undefined) return false;
    const values = new Map(this.#values.get(layer.name));
    for (const [key, value] of changes) {
      if (value === '') values.delete(key);
      else values.set(key, value);
    }
    this.set([[layer.name, values]]);
    return true;
  }

  /** What the layers hold that may change. */
  changeable(): readonly LayerChange[] {
    return this.layers
      .filter(({ kind }) => kind !== 'static')
      .map(({ name }) => [name, this.#values.get(name) ?? null] as const);
  }

  /** As /runtime shows it. */
  describe(): JsonObject {
    const layers = this.#present();
    const keys = [...new Set(layers.flatMap(([, values]) => [...values.keys()]))].sort();
    const entries = keys.map((key) => {
      const found = layers.map(([, values]) => (values.has(key) ? textOf(values.get(key)!) : ''));
      return [key, { layer_values: found, final_value: found.findLast((value) => value !== '') ?? '' }] as const;
    });
    return { layers: layers.map(([name]) => name), entries: Object.fromEntries(entries) };
  }

  *statistics(): IterableIterator<[name: string, value: number]> {
    const admin = this.layers.find(({ kind }) => kind === 'admin');
    const overrides = admin === undefined ? 0 : (this.#values.get(admin.name)?.size ?? 0);
    yield ['runtime.admin_overrides_active', overrides > 0 ? 1 : 0];
    yield ['runtime.load_success', this.#loads.good];
    yield ['runtime.load_error', this.#loads.failed];
    yield ['runtime.override_dir_exists', this.#loads.folders];
    yield ['runtime.override_dir_not_exists', this.#loads.none];
    yield ['runtime.num_keys', this.#entries.size];
    yield ['runtime.num_layers', this.#present().length];
  }

  #present(): readonly (readonly [string, RuntimeValues])[] {
    return [...this.#values].flatMap(([name, values]) => (values === null ? [] : [[name, values] as const]));
  }

  #load(failed = false): void {
    const values = new Map(this.#present().flatMap(([, layer]) => [...layer]));
    this.#entries = new Map([...values].map(([key, value]) => [key, entryOf(value)]));
    const folders = this.layers.filter(({ kind, name }) => kind === 'disk' && this.#values.get(name) !== null);
    this.#loads[failed ? 'failed' : 'good'] += 1;
    // Envoy, too, counts one folder as none: the first is not thought to override anything.
    this.#loads[folders.length > 1 ? 'folders' : 'none'] += 1;
  }
}

/** Folders are read at the start. */
function firstValues(layer: RuntimeLayer): LayerValues {
  if (layer.kind === 'static') return flatValues(layer.values);
  return layer.kind === 'disk' ? null : NOTHING;
}
