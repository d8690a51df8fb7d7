// A field as protobuf-es describes it. The types it refers to are looked up when they are asked for.
import type { DescEnum, DescField, DescMessage, DescOneof, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { localNameOf } from './local-name.ts';
import type { Types } from './types.ts';
import { eachField, type Span, textAt } from './wire.ts';

/** FieldDescriptorProto, as far as it is read. */
export type FieldRecord = {
  name: string;
  number: number;
  label: number;
  type: number;
  /** Full name, for messages and enums. */
  typeName: string;
  jsonName: string;
  /** -1 for none. */
  oneof: number;
  /** proto3 `optional` */
  optional: boolean;
  /** As the option says, else null. */
  packed: boolean | null;
};

/** google/protobuf/descriptor.proto: FieldDescriptorProto. */
const NAME = 1;
const NUMBER = 3;
const LABEL = 4;
const TYPE = 5;
const TYPE_NAME = 6;
const OPTIONS = 8;
const ONEOF_INDEX = 9;
const JSON_NAME = 10;
const PROTO3_OPTIONAL = 17;
/** FieldOptions.packed */
const PACKED = 2;

const LABEL_REQUIRED = 2;
const LABEL_REPEATED = 3;
const TYPE_STRING = 9;
const TYPE_MESSAGE = 11;
const TYPE_BYTES = 12;
const TYPE_ENUM = 14;

export function readFieldRecord(bytes: Uint8Array, span: Span): FieldRecord {
  const record: FieldRecord = {
    name: '',
    number: 0,
    label: 1,
    type: 0,
    typeName: '',
    jsonName: '',
    oneof: -1,
    optional: false,
    packed: null,
  };
  eachField(bytes, span, (number, value, at) => {
    if (number === NAME) record.name = textAt(bytes, at);
    else if (number === NUMBER) record.number = value;
    else if (number === LABEL) record.label = value;
    else if (number === TYPE) record.type = value;
    // Begins with a dot: the name is a full one.
    else if (number === TYPE_NAME) record.typeName = textAt(bytes, at).slice(1);
    else if (number === JSON_NAME) record.jsonName = textAt(bytes, at);
    else if (number === ONEOF_INDEX) record.oneof = value;
    else if (number === PROTO3_OPTIONAL) record.optional = value === 1;
    else if (number === OPTIONS) record.packed = readPacked(bytes, at);
  });
  return record;
}

function readPacked(bytes: Uint8Array, options: Span): boolean | null {
  let packed: boolean | null = null;
  eachField(bytes, options, (number, value) => {
    if (number === PACKED) packed = value === 1;
  });
  return packed;
}

/** Its class is not a member of the union DescField, its instances are. */
export class Field {
  readonly kind = 'field';
  readonly name: string;
  readonly localName: string;
  readonly jsonName: string;
  readonly number: number;
  readonly parent: DescMessage;
  readonly oneof: DescOneof | undefined;
  readonly fieldKind: DescField['fieldKind'];
  readonly listKind: 'scalar' | 'enum' | 'message' | undefined;
  readonly mapKind: 'scalar' | 'enum' | 'message' | undefined;
  readonly mapKey: ScalarType | undefined;
  readonly scalar: ScalarType | undefined;
  readonly presence: DescField['presence'];
  readonly packed: boolean | undefined;
  readonly utf8Validation: boolean;
  readonly longAsString = false;
  readonly delimitedEncoding: false | undefined;
  /** Of a map: of its values. */
  readonly #typeName: string;
  readonly #index: number;
  readonly #types: Types;

  constructor(
    record: FieldRecord,
    index: number,
    oneof: DescOneof | undefined,
    parent: DescMessage,
    types: Types,
    proto3: boolean,
  ) {
    const { type, typeName } = record;
    const repeated = record.label === LABEL_REPEATED;
    const entry = repeated && type === TYPE_MESSAGE ? mapEntry(typeName, parent, types) : null;
    const [mapKey, mapValue] = entry?.fields ?? [];
    const valueKind = kindOf(type);
    this.name = record.name;
    this.localName = localNameOf(record.name, oneof !== undefined);
    this.jsonName = record.jsonName;
    this.number = record.number;
    this.parent = parent;
    this.oneof = oneof;
    this.fieldKind = entry ? 'map' : repeated ? 'list' : valueKind;
    this.listKind = repeated && !entry ? valueKind : undefined;
    this.mapKind = mapValue?.fieldKind as 'scalar' | 'enum' | 'message' | undefined;
    this.mapKey = mapKey?.scalar;
    this.scalar = entry ? mapValue?.scalar : valueKind === 'scalar' ? type : undefined;
    this.presence = presenceOf(record, oneof !== undefined, proto3);
    this.packed = repeated && !entry ? isPackable(type) && (record.packed ?? proto3) : undefined;
    this.utf8Validation = proto3;
    this.delimitedEncoding = entry || valueKind === 'message' ? false : undefined;
    this.#typeName = entry ? ((mapValue?.message ?? mapValue?.enum)?.typeName ?? '') : typeName;
    this.#index = index;
    this.#types = types;
  }

  get message(): DescMessage | undefined {
    const kind = this.mapKind ?? this.listKind ?? this.fieldKind;
    return kind === 'message' ? this.#types.message(this.#typeName) : undefined;
  }

  get enum(): DescEnum | undefined {
    const kind = this.mapKind ?? this.listKind ?? this.fieldKind;
    return kind === 'enum' ? this.#types.enum(this.#typeName) : undefined;
  }

  get deprecated(): boolean {
    return this.proto.options?.deprecated ?? false;
  }

  get proto(): DescField['proto'] {
    return this.parent.proto.field[this.#index] as DescField['proto'];
  }

  /** `npm run generate` makes sure that there are none. */
  getDefaultValue(): undefined {
    return undefined;
  }

  toString(): string {
    return `field ${this.parent.typeName}.${this.name}`;
  }
}

function kindOf(type: number): 'scalar' | 'enum' | 'message' {
  return type === TYPE_MESSAGE ? 'message' : type === TYPE_ENUM ? 'enum' : 'scalar';
}

/** The entries of a map are messages nested in the one that has the map. */
function mapEntry(typeName: string, parent: DescMessage, types: Types): DescMessage | null {
  if (!typeName.startsWith(`${parent.typeName}.`)) return null;
  const message = types.message(typeName);
  return message.isMapEntry ? message : null;
}

const isPackable = (type: number): boolean => type !== TYPE_STRING && type !== TYPE_BYTES && type !== TYPE_MESSAGE;

function presenceOf({ label, type, optional }: FieldRecord, inOneof: boolean, proto3: boolean): DescField['presence'] {
  if (label === LABEL_REQUIRED) return FeatureSet_FieldPresence.LEGACY_REQUIRED;
  if (label === LABEL_REPEATED) return FeatureSet_FieldPresence.IMPLICIT;
  if (inOneof || optional || type === TYPE_MESSAGE || !proto3) return FeatureSet_FieldPresence.EXPLICIT;
  return FeatureSet_FieldPresence.IMPLICIT;
}
