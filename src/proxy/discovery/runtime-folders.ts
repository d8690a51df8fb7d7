// Layers of the runtime that are folders: every file under them is a value, its path the key. They are read again when the link that leads to
// them is swapped for another, as whoever rolls out such folders does; a file that changes under a link that stays is not looked at.
import { type FSWatcher, readdirSync, readFileSync, realpathSync, statSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BootstrapError } from '../bootstrap/bootstrap-error.ts';
import type { LayerChange, RuntimeLayer, RuntimeLayers } from '../bootstrap/runtime-layers.ts';

type DiskLayer = Extract<RuntimeLayer, { readonly kind: 'disk' }>;

/** As Envoy's. */
const MAX_DEPTH = 16;

export class RuntimeFolders {
  readonly #runtime: RuntimeLayers;
  readonly #layers: readonly DiskLayer[];
  /** Why a folder is not used. */
  readonly #onProblem: (reason: string) => void;
  readonly #watchers: FSWatcher[] = [];

  constructor(runtime: RuntimeLayers, onProblem: (reason: string) => void) {
    this.#runtime = runtime;
    this.#layers = runtime.layers.filter((layer) => layer.kind === 'disk');
    this.#onProblem = onProblem;
  }

  /** @throws BootstrapError where a link cannot be watched. */
  start(): void {
    for (const layer of this.#layers) this.#watch(layer);
    this.#read();
  }

  close(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  #watch({ name, link }: DiskLayer): void {
    const known = basename(link);
    try {
      const watcher = watch(dirname(link), (event, changed) => {
        if (event === 'rename' && changed === known && statSync(link, { throwIfNoEntry: false })) this.#read();
      });
      watcher.on('error', (error) => this.#onProblem(`layer ${name}: ${error.message}`));
      this.#watchers.push(watcher);
    } catch (cause) {
      throw new BootstrapError(`layered_runtime: layer ${name}: ${messageOf(cause)}`, { cause });
    }
  }

  /** All of them: several may lead through one link. */
  #read(): void {
    let failed = false;
    const changes = this.#layers.map(({ name, folder }): LayerChange => {
      try {
        return [name, isFolder(folder) ? new Map(valuesUnder(folder)) : null];
      } catch (error) {
        failed = true;
        this.#onProblem(`layer ${name}: ${messageOf(error)}`);
        return [name, null];
      }
    });
    this.#runtime.set(changes, failed);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function* valuesUnder(folder: string, prefix = '', depth = 1): Iterable<[key: string, text: string]> {
  if (depth > MAX_DEPTH) throw new Error(`${folder}: deeper than ${MAX_DEPTH} folders`);
  if (/^\/(?:dev|sys|proc)(?:\/|$)/.test(realpathSync(folder))) throw new Error(`${folder}: is no folder of values`);
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    // Throws for a link that leads nowhere.
    const found = statSync(path);
    if (found.isDirectory()) yield* valuesUnder(path, `${prefix}${name}.`, depth + 1);
    else if (found.isFile()) yield [`${prefix}${name}`, withoutComments(readFileSync(path, 'utf8'))];
  }
}

/** Lines that begin with # are comments. */
function withoutComments(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.join('\n').trimEnd();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
