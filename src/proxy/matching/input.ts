// What a matcher looks at: one property of its subject, found by the type of its configuration.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { TypedExtensionConfig } from '../../xds/gen/xds/core/v3/extension_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../config/any.ts';
import { at, ConfigError } from '../config/config-error.ts';

/** `text` holds one byte per character, undefined where there is none; `value` is JSON. */
export type Input<Subject> =
  | { readonly kind: 'text'; read(subject: Subject): string | undefined }
  | { readonly kind: 'value'; read(subject: Subject): unknown };

/** One type of input. `compile` expects a message of that type. */
export type InputKind<Subject> = {
  readonly typeName: string;
  compile(config: Any, path: string): Input<Subject>;
};

export function textInput<Desc extends DescMessage, Subject>(
  schema: Desc,
  compile: (message: MessageShape<Desc>, path: string) => (subject: Subject) => string | undefined,
): InputKind<Subject> {
  return {
    typeName: schema.typeName,
    compile: (config, path) => ({ kind: 'text', read: compile(unpack(config, schema, path), path) }),
  };
}

export function valueInput<Desc extends DescMessage, Subject>(
  schema: Desc,
  compile: (message: MessageShape<Desc>, path: string) => (subject: Subject) => unknown,
): InputKind<Subject> {
  return {
    typeName: schema.typeName,
    compile: (config, path) => ({ kind: 'value', read: compile(unpack(config, schema, path), path) }),
  };
}

export function compileInput<Subject>(
  input: TypedExtensionConfig | undefined,
  kinds: readonly InputKind<Subject>[],
  path: string,
): Input<Subject> {
  const here = at(path, 'typed_config');
  const config = typedConfig(input, path);
  const kind = kinds.find(({ typeName }) => typeName === typeNameOf(config));
  if (kind === undefined) throw unsupportedType(config, here);
  return kind.compile(config, here);
}

export function typedConfig(extension: TypedExtensionConfig | undefined, path: string): Any {
  if (extension?.typedConfig === undefined) throw new ConfigError(at(path, 'typed_config'), 'is required');
  return extension.typedConfig;
}
