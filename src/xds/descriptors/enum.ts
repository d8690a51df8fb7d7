// An enumeration as protobuf-es describes it; its values are read when they are first asked for.
import { type DescEnum, type DescEnumValue, type DescFile, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { type EnumDescriptorProto, EnumDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { TypeEntry } from './descriptor-set.ts';
import type { Types } from './types.ts';
import { eachField, type Span, textAt } from './wire.ts';

/** google/protobuf/descriptor.proto: EnumDescriptorProto.value, EnumValueDescriptorProto.name and .number. */
const VALUE = 2;
const VALUE_NAME = 1;
const VALUE_NUMBER = 2;

export class LazyEnum implements DescEnum {
  readonly kind = 'enum';
  readonly typeName: string;
  readonly name: string;
  readonly #entry: TypeEntry;
  readonly #types: Types;
  #values: DescEnumValue[] | null = null;
  #byNumber: Record<number, DescEnumValue> | null = null;

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

  get open(): boolean {
    return this.#entry.file.proto3;
  }

  get values(): DescEnumValue[] {
    this.#values ??= this.#readValues();
    return this.#values;
  }

  /** By number; of several names for one the first counts. */
  get value(): Record<number, DescEnumValue> {
    this.#byNumber ??= Object.fromEntries(this.values.toReversed().map((value) => [value.number, value]));
    return this.#byNumber;
  }

  get deprecated(): boolean {
    return this.proto.options?.deprecated ?? false;
  }

  get proto(): EnumDescriptorProto {
    const { start, end } = this.#entry.span;
    return fromBinary(EnumDescriptorProtoSchema, this.#types.bytes.subarray(start, end));
  }

  toString(): string {
    return `enum ${this.typeName}`;
  }

  #readValues(): DescEnumValue[] {
    const values: DescEnumValue[] = [];
    eachField(this.#types.bytes, this.#entry.span, (number, _, span) => {
      if (number === VALUE) values.push(this.#readValue(span, values.length));
    });
    return values;
  }

  #readValue(span: Span, index: number): DescEnumValue {
    const { bytes } = this.#types;
    let name = '';
    let number = 0;
    eachField(bytes, span, (field, value, at) => {
      if (field === VALUE_NAME) name = textAt(bytes, at);
      // Varints of negative numbers are those of 64 bits.
      else if (field === VALUE_NUMBER) number = value | 0;
    });
    const parent = this;
    return {
      kind: 'enum_value',
      name,
      localName: name,
      jsonName: name,
      number,
      parent,
      get deprecated() {
        return this.proto.options?.deprecated ?? false;
      },
      get proto() {
        return parent.proto.value[index] as DescEnumValue['proto'];
      },
      toString: () => `enum value ${parent.typeName}.${name}`,
    };
  }
}
