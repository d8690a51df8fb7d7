import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  create,
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescService,
  fromBinary,
  toBinary,
} from '@bufbuild/protobuf';
import { AnySchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { Types, types } from './types.ts';

const bytes = readFileSync(join(import.meta.dirname, '..', 'gen', 'descriptors.binpb'));
/** What protobuf-es makes of the same bytes, all at once. */
const theirs = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));

const describeField = (field: DescField): object => ({
  text: String(field),
  ...{ name: field.name, localName: field.localName, jsonName: field.jsonName, number: field.number },
  ...{ kind: field.fieldKind, presence: field.presence, utf8Validation: field.utf8Validation },
  ...{ list: 'listKind' in field ? field.listKind : undefined, packed: 'packed' in field ? field.packed : undefined },
  ...{ map: 'mapKind' in field ? field.mapKind : undefined, key: 'mapKey' in field ? field.mapKey : undefined },
  ...{ scalar: field.scalar, message: field.message?.typeName, enum: field.enum?.typeName, oneof: field.oneof?.name },
  delimited: 'delimitedEncoding' in field ? field.delimitedEncoding : undefined,
  longAsString: 'longAsString' in field ? field.longAsString === true : false,
  parent: field.parent.typeName,
  deprecated: field.deprecated,
  proto: field.proto,
});

const describeMessage = (message: DescMessage): object => ({
  ...{ text: String(message), name: message.name, file: message.file.name, edition: message.file.edition },
  parent: message.parent?.typeName,
  fields: message.fields.map(describeField),
  field: Object.keys(message.field),
  members: message.members.map(({ kind, name, localName }) => [kind, name, localName]),
  oneofs: message.oneofs.map((one) => [String(one), one.localName, one.parent.typeName, one.fields.map(String)]),
  nested: [...message.nestedMessages, ...message.nestedEnums].map(String).sort(),
  deprecated: message.deprecated,
});

const describeEnum = (one: DescEnum): object => ({
  ...{ text: String(one), name: one.name, file: one.file.name, parent: one.parent?.typeName, open: one.open },
  values: one.values.map((value) => [String(value), value.name, value.jsonName, value.number, value.deprecated]),
  byNumber: Object.entries(one.value).map(([number, { name }]) => [number, name]),
});

const describeService = (service: DescService): object => ({
  ...{ text: String(service), name: service.name, file: service.file.name },
  methods: Object.entries(service.method).map(([name, { methodKind, input, output, ...method }]) => [
    ...[name, method.name, methodKind, input.typeName, output.typeName],
  ]),
});

function describeType(type: DescMessage | DescEnum | DescService): object {
  if (type.kind === 'message') return describeMessage(type);
  return type.kind === 'enum' ? describeEnum(type) : describeService(type);
}

it('describes every type of the API as protobuf-es does', () => {
  // Options have defaults and are read by nobody.
  const isOption = (file: string): boolean => ['google/protobuf/descriptor', 'validate/validate'].includes(file);
  const differing: string[] = [];
  let compared = 0;
  for (const type of theirs) {
    if (type.kind === 'extension' || isOption(type.file.name)) continue;
    const ours = types.get(type.typeName);
    expect(ours, type.typeName).toBeDefined();
    try {
      expect(describeType(ours!)).toEqual(describeType(type));
    } catch (error) {
      differing.push(`${type.typeName}: ${error}`);
    }
    compared += 1;
  }
  expect(differing).toEqual([]);
  expect(compared).toBeGreaterThan(1_600);
});

it('lists every type', () => {
  const names = (registry: Iterable<{ readonly kind: string; readonly typeName: string }>): string[] =>
    [...registry].filter(({ kind }) => kind !== 'extension').map(({ typeName }) => typeName);
  expect(names(types).sort()).toEqual(names(theirs).sort());
});

it('finds nothing by names that are none', () => {
  for (const name of [
    '',
    '.',
    'envoy',
    'Nothing',
    'envoy.Nothing',
    'envoy.config.cluster.v3',
    'google.protobuf.Any.x',
  ]) {
    expect(types.get(name), name).toBeUndefined();
  }
  expect(types.getMessage('envoy.config.core.v3.HealthStatus')).toBeUndefined();
  expect(types.getEnum('envoy.config.core.v3.HealthStatus')?.kind).toBe('enum');
});

it('says which type a generated file names in vain', () => {
  expect(() => new Types(new Uint8Array()).message('a.B')).toThrow('there is no message a.B (hint: npm run generate)');
});

it('reads and writes messages of the API', () => {
  const type = 'envoy.config.cluster.v3.Cluster';
  const any = create(AnySchema, { typeUrl: `type.googleapis.com/${type}` });
  const made = create(types.message(type), {
    name: 'a',
    typedExtensionProtocolOptions: { x: any },
    clusterDiscoveryType: { case: 'type', value: 3 },
  });
  const read = fromBinary(types.message(type), toBinary(types.message(type), made));
  expect(read).toEqual(made);
  expect(fromBinary(theirs.getMessage(type)!, toBinary(types.message(type), made))).toEqual(made);
});
