// What a matcher looks at: one property of its subject, found by the type of its configuration.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigSchema as EnvironmentSchema } from '../../xds/gen/envoy/extensions/matching/common_inputs/environment_variable/v3/input_pb.ts';
import type { TypedExtensionConfig } from '../../xds/gen/xds/core/v3/extension_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../config/any.ts';
import { at, ConfigError } from '../config/config-error.ts';
import type { Seen } from '../expression/seen.ts';
import { bytesOf } from '../route/match/string-matcher.ts';

/** `text` holds one byte per character, undefined where there is none; `value` is JSON; `attributes` are for expressions. */
export type Input<Subject> =
  | { readonly kind: 'text'; read(subject: Subject): string | undefined }
  | { readonly kind: 'value'; read(subject: Subject): unknown }
  | { readonly kind: 'attributes'; read(subject: Subject): Seen | undefined };

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

/** What the environment says when the configuration comes; it is the same for every subject. */
function environmentInput<Subject>(config: Any, path: string): Input<Subject> {
  const { name } = unpack(config, EnvironmentSchema, path);
  if (name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const value = process.env[name];
  const text = value === undefined ? undefined : bytesOf(value);
  return { kind: 'text', read: () => text };
}

export function compileInput<Subject>(
  input: TypedExtensionConfig | undefined,
  kinds: readonly InputKind<Subject>[],
  path: string,
): Input<Subject> {
  const here = at(path, 'typed_config');
  const config = typedConfig(input, path);
  if (typeNameOf(config) === EnvironmentSchema.typeName) return environmentInput(config, here);
  const kind = kinds.find(({ typeName }) => typeName === typeNameOf(config));
  if (kind === undefined) throw unsupportedType(config, here);
  return kind.compile(config, here);
}

export function typedConfig(extension: TypedExtensionConfig | undefined, path: string): Any {
  if (extension?.typedConfig === undefined) throw new ConfigError(at(path, 'typed_config'), 'is required');
  return extension.typedConfig;
}
