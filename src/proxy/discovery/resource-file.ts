// Resources from a file (path_config_source): a DiscoveryResponse in YAML or JSON, read again whenever it changes.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Rejection, Update, UpdateHandler } from '../../xds/client-type.ts';
import { types } from '../../xds/descriptors/types.ts';
import { DiscoveryResponseSchema } from '../../xds/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { resourceName } from '../../xds/names.ts';
import type { TypeUrl } from '../../xds/resource.ts';
import { BootstrapError } from '../bootstrap/bootstrap-error.ts';
import { parseMessage } from '../bootstrap/document.ts';
import { FileWatch } from './file-watch.ts';

export type ResourceFileOptions = {
  readonly path: string;
  readonly typeUrl: TypeUrl;
  readonly handler: UpdateHandler;
  /** What was wrong with a version of the file; what it held before stays in use. */
  readonly onProblem: (reason: string) => void;
};

export class ResourceFile {
  readonly #options: ResourceFileOptions;
  readonly #versions = new Map<string, string>();
  #wanted: ReadonlySet<string> = new Set();
  #watch: FileWatch | null = null;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: ResourceFileOptions) {
    this.#options = options;
  }

  /** What is wanted of the file; '*' is all of it. Resolves when that is in use. */
  setNames(names: ReadonlySet<string>): Promise<void> {
    this.#wanted = names;
    this.#watch ??= new FileWatch([this.#options.path], () => void this.#readNext());
    return this.#readNext();
  }

  close(): void {
    this.#watch?.close();
  }

  #readNext(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  async #read(): Promise<void> {
    const { path, typeUrl, handler, onProblem } = this.#options;
    try {
      const update = this.#difference(await readResources(await readFile(path, 'utf8'), path, typeUrl));
      const rejections = await handler(update);
      this.#remember(update, rejections);
      for (const { name, detail } of rejections) onProblem(`${path}: ${name}: ${detail}`);
    } catch (error) {
      onProblem(error instanceof BootstrapError ? error.message : `${path}: ${String(error)}`);
    }
  }

  #difference(all: Update['added']): Update {
    const resources = this.#wanted.has('*') ? all : all.filter(({ name }) => this.#wanted.has(name));
    const names = new Set(resources.map(({ name }) => name));
    return {
      added: resources.filter(({ name, version }) => this.#versions.get(name) !== version),
      removed: [...this.#versions.keys()].filter((name) => !names.has(name)),
    };
  }

  #remember({ added, removed }: Update, rejections: readonly Rejection[]): void {
    const refused = new Set(rejections.map(({ name }) => name));
    for (const name of removed) this.#versions.delete(name);
    for (const { name, version } of added) if (!refused.has(name)) this.#versions.set(name, version);
  }
}

async function readResources(text: string, path: string, typeUrl: TypeUrl): Promise<Update['added']> {
  const { resources } = await parseMessage(DiscoveryResponseSchema, [{ text, name: path }], types);
  return resources.map((resource, at) => {
    if (resource.typeUrl !== typeUrl) {
      throw new BootstrapError(`${path}: resources[${at}]: is a ${resource.typeUrl}, this file is for ${typeUrl}`);
    }
    const version = createHash('sha256').update(resource.value).digest('base64url');
    return { name: resourceName(typeUrl, resource.value), version, bytes: resource.value, aliases: [] };
  });
}
