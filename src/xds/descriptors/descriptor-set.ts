// Finds a type by its full name in the bytes of a google.protobuf.FileDescriptorSet. Indexes are made as far as names ask for
// them: first the files' packages, then the types of the files of one package, then the types nested in one message.
import { eachField, type Span, textAt } from './wire.ts';

/** google/protobuf/descriptor.proto: field numbers. */
const FILE_NAME = 1;
const FILE_PACKAGE = 2;
const FILE_MESSAGE = 4;
const FILE_ENUM = 5;
const FILE_SERVICE = 6;
const FILE_SYNTAX = 12;
const MESSAGE_NESTED = 3;
const MESSAGE_ENUM = 4;
/** `name` of a DescriptorProto, EnumDescriptorProto and ServiceDescriptorProto. */
const TYPE_NAME = 1;

export type FileEntry = {
  /** `envoy/config/cluster/v3/cluster.proto` */
  readonly name: string;
  readonly package: string;
  readonly proto3: boolean;
  readonly span: Span;
};

export type TypeKind = 'message' | 'enum' | 'service';

/** Where the descriptor of a type is; `parent` is the full name of the message it is nested in, or ''. */
export type TypeEntry = {
  readonly kind: TypeKind;
  readonly name: string;
  readonly parent: string;
  readonly file: FileEntry;
  readonly span: Span;
};

type Index = ReadonlyMap<string, TypeEntry>;

/** Which fields of a file and of a message hold types. */
const inFile = new Map<number, TypeKind>([
  [FILE_MESSAGE, 'message'],
  [FILE_ENUM, 'enum'],
  [FILE_SERVICE, 'service'],
]);
const inMessage = new Map<number, TypeKind>([
  [MESSAGE_NESTED, 'message'],
  [MESSAGE_ENUM, 'enum'],
]);

export class DescriptorSet {
  readonly bytes: Uint8Array;
  readonly files: readonly FileEntry[];
  readonly #packages = new Map<string, FileEntry[]>();
  /** By the full name of a package or message: what is directly in it, by its own name. */
  readonly #indexes = new Map<string, Index>();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    const files: FileEntry[] = [];
    eachField(bytes, { start: 0, end: bytes.length }, (_, __, span) => files.push(this.#readFile(span)));
    this.files = files;
    for (const file of files) {
      const others = this.#packages.get(file.package);
      if (others) others.push(file);
      else this.#packages.set(file.package, [file]);
    }
  }

  find(typeName: string): TypeEntry | null {
    const dot = typeName.lastIndexOf('.');
    const container = typeName.slice(0, Math.max(dot, 0));
    return this.#indexOf(container)?.get(typeName.slice(dot + 1)) ?? null;
  }

  /** What is directly in a package or message. */
  typesIn(container: string): readonly TypeEntry[] {
    return [...(this.#indexOf(container)?.values() ?? [])];
  }

  get packages(): Iterable<string> {
    return this.#packages.keys();
  }

  #indexOf(container: string): Index | null {
    const known = this.#indexes.get(container);
    if (known) return known;
    const files = this.#packages.get(container);
    const index = files ? this.#indexPackage(files) : this.#indexMessage(container);
    if (index) this.#indexes.set(container, index);
    return index;
  }

  #indexPackage(files: readonly FileEntry[]): Index {
    const index = new Map<string, TypeEntry>();
    for (const file of files) this.#collect(index, { file, parent: '', span: file.span }, inFile);
    return index;
  }

  #indexMessage(name: string): Index | null {
    const entry = name.includes('.') ? this.find(name) : null;
    if (entry?.kind !== 'message') return null;
    const index = new Map<string, TypeEntry>();
    this.#collect(index, { file: entry.file, parent: name, span: entry.span }, inMessage);
    return index;
  }

  #collect(
    index: Map<string, TypeEntry>,
    { file, parent, span: within }: Pick<TypeEntry, 'file' | 'parent' | 'span'>,
    kinds: ReadonlyMap<number, TypeKind>,
  ): void {
    eachField(this.bytes, within, (number, _, span) => {
      const kind = kinds.get(number);
      if (kind === undefined) return;
      const name = this.#nameAt(span);
      index.set(name, { kind, name, parent, file, span });
    });
  }

  #nameAt(span: Span): string {
    let name = '';
    eachField(this.bytes, span, (number, _, at) => {
      if (number === TYPE_NAME) name = textAt(this.bytes, at);
    });
    return name;
  }

  #readFile(span: Span): FileEntry {
    const texts: Record<number, string> = {};
    eachField(this.bytes, span, (number, _, at) => {
      if (number === FILE_NAME || number === FILE_PACKAGE || number === FILE_SYNTAX) {
        texts[number] = textAt(this.bytes, at);
      }
    });
    return {
      name: texts[FILE_NAME] ?? '',
      package: texts[FILE_PACKAGE] ?? '',
      proto3: texts[FILE_SYNTAX] === 'proto3',
      span,
    };
  }
}
