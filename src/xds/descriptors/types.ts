// All types of Envoy's API by name: what the generated files and everything that meets a packed message (Any) ask.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DescEnum, DescFile, DescMessage, DescService, Registry } from '@bufbuild/protobuf';
import { DescriptorSet, type FileEntry, type TypeEntry, type TypeKind } from './descriptor-set.ts';
import { LazyEnum } from './enum.ts';
import { LazyFile } from './file.ts';
import { LazyMessage } from './message.ts';
import { LazyService } from './service.ts';

type LazyType = LazyMessage | LazyEnum | LazyService;

/** What moved to another package and did not change. */
const OLDER_NAMES: Readonly<Record<string, string>> = { 'udpa.type.v1.TypedStruct': 'xds.type.v3.TypedStruct' };

/** A registry whose descriptors are made when they are asked for, each once. */
export class Types implements Registry {
  readonly kind = 'registry';
  readonly #set: DescriptorSet;
  readonly #known = new Map<string, LazyType>();
  readonly #files = new Map<string, LazyFile>();

  /** `bytes`: a google.protobuf.FileDescriptorSet. */
  constructor(bytes: Uint8Array) {
    this.#set = new DescriptorSet(bytes);
  }

  get bytes(): Uint8Array {
    return this.#set.bytes;
  }

  get(asked: string): LazyType | undefined {
    const typeName = OLDER_NAMES[asked] ?? asked;
    const known = this.#known.get(typeName);
    if (known) return known;
    const entry = this.#set.find(typeName);
    if (entry === null) return undefined;
    const made = describe(typeName, entry, this);
    this.#known.set(typeName, made);
    return made;
  }

  getMessage(typeName: string): LazyMessage | undefined {
    const type = this.get(typeName);
    return type?.kind === 'message' ? type : undefined;
  }

  getEnum(typeName: string): LazyEnum | undefined {
    const type = this.get(typeName);
    return type?.kind === 'enum' ? type : undefined;
  }

  getService(typeName: string): LazyService | undefined {
    const type = this.get(typeName);
    return type?.kind === 'service' ? type : undefined;
  }

  getExtension(): undefined {
    return undefined;
  }

  getExtensionFor(): undefined {
    return undefined;
  }

  *[Symbol.iterator](): IterableIterator<DescMessage | DescEnum | DescService> {
    for (const name of this.#set.packages) yield* this.#allIn(name);
  }

  /** Of a name that is known to be one. */
  message(typeName: string): LazyMessage {
    return this.getMessage(typeName) ?? missing('message', typeName);
  }

  enum(typeName: string): LazyEnum {
    return this.getEnum(typeName) ?? missing('enum', typeName);
  }

  service(typeName: string): LazyService {
    return this.getService(typeName) ?? missing('service', typeName);
  }

  file(name: string): DescFile {
    let file = this.#files.get(name);
    if (file === undefined) {
      const entry = this.#set.files.find((one) => one.name === name) as FileEntry;
      file = new LazyFile(entry, this);
      this.#files.set(name, file);
    }
    return file;
  }

  messagesIn(container: string): LazyMessage[] {
    return this.#namesIn(container, 'message').map((name) => this.message(name));
  }

  enumsIn(container: string): LazyEnum[] {
    return this.#namesIn(container, 'enum').map((name) => this.enum(name));
  }

  servicesIn(container: string): LazyService[] {
    return this.#namesIn(container, 'service').map((name) => this.service(name));
  }

  #namesIn(container: string, kind: TypeKind): string[] {
    const types = this.#set.typesIn(container).filter((entry) => entry.kind === kind);
    return types.map(({ name }) => (container === '' ? name : `${container}.${name}`));
  }

  *#allIn(container: string): IterableIterator<DescMessage | DescEnum | DescService> {
    yield* this.enumsIn(container);
    yield* this.servicesIn(container);
    for (const message of this.messagesIn(container)) {
      if (message.isMapEntry) continue;
      yield message;
      yield* this.#allIn(message.typeName);
    }
  }
}

function describe(typeName: string, entry: TypeEntry, types: Types): LazyType {
  if (entry.kind === 'message') return new LazyMessage(typeName, entry, types);
  if (entry.kind === 'enum') return new LazyEnum(typeName, entry, types);
  return new LazyService(typeName, entry, types);
}

function missing(kind: TypeKind, typeName: string): never {
  throw new Error(`there is no ${kind} ${typeName} (hint: npm run generate)`);
}

export const types = new Types(readFileSync(join(import.meta.dirname, '..', 'gen', 'descriptors.binpb')));
