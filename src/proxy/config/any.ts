// Unpacking of extensions: only the types named by the caller, checked like the rest of the resource.
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { refuseUnsupported } from './check.ts';
import { ConfigError } from './config-error.ts';

export function typeNameOf(any: Any): string {
  return any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1);
}

/** Throws ConfigError when it is missing, of another type, unreadable or sets what is not supported. */
export function unpack<Desc extends DescMessage>(any: Any | undefined, schema: Desc, path: string): MessageShape<Desc> {
  if (any === undefined) throw new ConfigError(path, `is required (hint: a ${schema.typeName})`);
  if (typeNameOf(any) !== schema.typeName) throw unsupportedType(any, path);
  let message: MessageShape<Desc>;
  try {
    message = fromBinary(schema, any.value);
  } catch (cause) {
    throw new ConfigError(path, `is no ${schema.typeName}: ${cause instanceof Error ? cause.message : cause}`);
  }
  refuseUnsupported(schema, message, path);
  return message;
}

export function unsupportedType(any: Any, path: string): ConfigError {
  return new ConfigError(path, `type ${typeNameOf(any) || '(none)'} is not supported`);
}
