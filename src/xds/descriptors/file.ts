// A .proto file as protobuf-es describes it, as far as anything reads it at run time: its edition and its names.
import { type DescEnum, type DescFile, type DescMessage, type DescService, fromBinary } from '@bufbuild/protobuf';
import { Edition, type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { FileEntry } from './descriptor-set.ts';
import type { Types } from './types.ts';

export class LazyFile implements DescFile {
  readonly kind = 'file';
  readonly name: string;
  readonly edition: DescFile['edition'];
  /** Extensions are options, which are not read. */
  readonly extensions = [];
  readonly #entry: FileEntry;
  readonly #types: Types;

  constructor(entry: FileEntry, types: Types) {
    this.name = entry.name.replace(/\.proto$/, '');
    this.edition = entry.proto3 ? Edition.EDITION_PROTO3 : Edition.EDITION_PROTO2;
    this.#entry = entry;
    this.#types = types;
  }

  get dependencies(): DescFile[] {
    return this.proto.dependency.map((name) => this.#types.file(name));
  }

  get messages(): DescMessage[] {
    return this.#own(this.#types.messagesIn(this.#entry.package));
  }

  get enums(): DescEnum[] {
    return this.#own(this.#types.enumsIn(this.#entry.package));
  }

  get services(): DescService[] {
    return this.#own(this.#types.servicesIn(this.#entry.package));
  }

  get deprecated(): boolean {
    return this.proto.options?.deprecated ?? false;
  }

  get proto(): FileDescriptorProto {
    const { start, end } = this.#entry.span;
    return fromBinary(FileDescriptorProtoSchema, this.#types.bytes.subarray(start, end));
  }

  toString(): string {
    return `file ${this.#entry.name}`;
  }

  /** A package may have several files. */
  #own<T extends { readonly file: DescFile }>(types: readonly T[]): T[] {
    return types.filter(({ file }) => file === this);
  }
}
