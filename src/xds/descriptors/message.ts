// A message type as protobuf-es describes it; its fields are read when they are first asked for. A type that is only referred
// to costs its name.
import {
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescOneof,
  fromBinary,
} from '@bufbuild/protobuf';
import { type DescriptorProto, DescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { TypeEntry } from './descriptor-set.ts';
import { Field, type FieldRecord, readFieldRecord } from './field.ts';
import { localNameOf } from './local-name.ts';
import type { Types } from './types.ts';
import { eachField, type Span, textAt } from './wire.ts';

/** google/protobuf/descriptor.proto: DescriptorProto.field, .nested_type, .options and .oneof_decl; OneofDescriptorProto.name. */
const FIELD = 2;
const OPTIONS = 7;
const ONEOF = 8;
const ONEOF_NAME = 1;
/** MessageOptions.map_entry */
const MAP_ENTRY = 7;

/** What reading the bytes gives. */
type Shape = {
  readonly fields: DescField[];
  readonly field: Record<string, DescField>;
  readonly oneofs: DescOneof[];
  readonly members: (DescField | DescOneof)[];
};

export class LazyMessage implements DescMessage {
  readonly kind = 'message';
  readonly typeName: string;
  readonly name: string;
  /** Extensions are options, which are not read. */
  readonly nestedExtensions = [];
  readonly #entry: TypeEntry;
  readonly #types: Types;
  #shape: Shape | null = null;

  constructor(typeName: string, entry: TypeEntry, types: Types) {
    this.typeName = typeName;
    this.name = entry.name;
    this.#entry = entry;
    this.#types = types;
  }

  get file(): DescFile {
    return this.#types.file(this.#entry.file.name);
  }

  get parent(): DescMessage | undefined {
    return this.#entry.parent === '' ? undefined : this.#types.message(this.#entry.parent);
  }

  get fields(): DescField[] {
    return this.#read().fields;
  }

  get field(): Record<string, DescField> {
    return this.#read().field;
  }

  get oneofs(): DescOneof[] {
    return this.#read().oneofs;
  }

  /** Fields, and in place of those of a oneof the oneof, in the order of the file. */
  get members(): (DescField | DescOneof)[] {
    return this.#read().members;
  }

  get nestedMessages(): DescMessage[] {
    return this.#types.messagesIn(this.typeName).filter((message) => !message.isMapEntry);
  }

  get nestedEnums(): DescEnum[] {
    return this.#types.enumsIn(this.typeName);
  }

  get deprecated(): boolean {
    return this.proto.options?.deprecated ?? false;
  }

  get proto(): DescriptorProto {
    const { start, end } = this.#entry.span;
    return fromBinary(DescriptorProtoSchema, this.#types.bytes.subarray(start, end));
  }

  /** A map field is written as a list of entries; the type of an entry is no type of its own. */
  get isMapEntry(): boolean {
    const { bytes } = this.#types;
    let isEntry = false;
    eachField(bytes, this.#entry.span, (number, _, options) => {
      if (number !== OPTIONS) return;
      eachField(bytes, options, (option, value) => {
        if (option === MAP_ENTRY) isEntry = value === 1;
      });
    });
    return isEntry;
  }

  toString(): string {
    return `message ${this.typeName}`;
  }

  #read(): Shape {
    this.#shape ??= this.#readShape();
    return this.#shape;
  }

  #readShape(): Shape {
    const { bytes } = this.#types;
    const records: FieldRecord[] = [];
    const oneofs: Oneof[] = [];
    eachField(bytes, this.#entry.span, (number, _, span) => {
      if (number === FIELD) records.push(readFieldRecord(bytes, span));
      else if (number === ONEOF) oneofs.push(new Oneof(readOneofName(bytes, span), oneofs.length, this));
    });
    const fields: DescField[] = [];
    const members = new Set<DescField | DescOneof>();
    for (const [index, record] of records.entries()) {
      // The oneof of a proto3 `optional` is only how its presence is written down.
      const oneof = record.oneof < 0 || record.optional ? undefined : oneofs[record.oneof];
      const field = new Field(record, index, oneof, this, this.#types, this.#entry.file.proto3) as unknown as DescField;
      fields.push(field);
      oneof?.fields.push(field);
      members.add(oneof ?? field);
    }
    return {
      fields,
      field: Object.fromEntries(fields.map((field) => [field.localName, field])),
      oneofs: oneofs.filter((oneof) => members.has(oneof)),
      members: [...members],
    };
  }
}

class Oneof implements DescOneof {
  readonly kind = 'oneof';
  readonly name: string;
  readonly localName: string;
  readonly parent: DescMessage;
  readonly fields: DescField[] = [];
  readonly deprecated = false;
  readonly #index: number;

  constructor(name: string, index: number, parent: DescMessage) {
    this.name = name;
    this.localName = localNameOf(name);
    this.parent = parent;
    this.#index = index;
  }

  get proto(): DescOneof['proto'] {
    return this.parent.proto.oneofDecl[this.#index] as DescOneof['proto'];
  }

  toString(): string {
    return `oneof ${this.parent.typeName}.${this.name}`;
  }
}

function readOneofName(bytes: Uint8Array, span: Span): string {
  let name = '';
  eachField(bytes, span, (number, _, at) => {
    if (number === ONEOF_NAME) name = textAt(bytes, at);
  });
  return name;
}
