// Unpacking of extensions: only the types named by the caller, checked like the rest of the resource.
import { type DescMessage, fromBinary, fromJson, type JsonObject, type MessageShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { types } from '../../xds/descriptors/types.ts';
import { TypedStructSchema } from '../../xds/gen/xds/type/v3/typed_struct_pb.ts';
import { refuseUnsupported } from './check.ts';
import { ConfigError } from './config-error.ts';

/**
 * The type of what is packed. A TypedStruct around a type of Envoy's counts as that type: control planes write so what they have no
 * generated code for. https://github.com/cncf/xds/blob/main/xds/type/v3/typed_struct.proto
 */
export function typeNameOf(any: Any): string {
  const name = lastName(any.typeUrl);
  return STRUCTS.has(name) ? (wrappedType(any) ?? TypedStructSchema.typeName) : name;
}

/** Throws ConfigError when it is missing, of another type, unreadable or sets what is not supported. */
export function unpack<Desc extends DescMessage>(any: Any | undefined, schema: Desc, path: string): MessageShape<Desc> {
  if (any === undefined) throw new ConfigError(path, `is required (hint: a ${schema.typeName})`);
  if (typeNameOf(any) !== schema.typeName) throw unsupportedType(any, path);
  let message: MessageShape<Desc>;
  try {
    message = isWrapped(any, schema)
      ? fromJson(schema, structOf(any), { registry: types })
      : fromBinary(schema, any.value);
  } catch (cause) {
    throw new ConfigError(path, `is no ${schema.typeName}: ${cause instanceof Error ? cause.message : cause}`);
  }
  refuseUnsupported(schema, message, path);
  return message;
}

export function unsupportedType(any: Any, path: string): ConfigError {
  return new ConfigError(path, `type ${saidType(any) || '(none)'} is not supported`);
}

const STRUCTS: ReadonlySet<string> = new Set([TypedStructSchema.typeName, 'udpa.type.v1.TypedStruct']);

function isWrapped(any: Any, schema: DescMessage): boolean {
  return STRUCTS.has(lastName(any.typeUrl)) && schema.typeName !== TypedStructSchema.typeName;
}

/** null for a type that is none of Envoy's API, and for what cannot be read. */
function wrappedType(any: Any): string | null {
  return types.getMessage(nameInStruct(any))?.typeName ?? null;
}

/** For people: a type that nobody here knows is named also where it is within a struct. */
function saidType(any: Any): string {
  const name = lastName(any.typeUrl);
  const within = STRUCTS.has(name) ? nameInStruct(any) : '';
  return within === '' ? name : `${within} (in a TypedStruct)`;
}

function nameInStruct(any: Any): string {
  try {
    return lastName(fromBinary(TypedStructSchema, any.value).typeUrl);
  } catch {
    // Whoever unpacks it says what is wrong with it.
    return '';
  }
}

function structOf(any: Any): JsonObject {
  return fromBinary(TypedStructSchema, any.value).value ?? {};
}

/** `type.googleapis.com/a.B` → `a.B` */
export function lastName(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}
