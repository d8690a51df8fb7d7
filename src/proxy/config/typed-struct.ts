// xds.type.v3.TypedStruct: an extension's configuration as a plain struct under a type of its own. How what Tulle adds to Envoy is configured.
// https://github.com/cncf/xds/blob/main/xds/type/v3/typed_struct.proto
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { TypedStructSchema } from '../../xds/gen/xds/type/v3/typed_struct_pb.ts';
import { lastName, typeNameOf, unpack } from './any.ts';
import { at, ConfigError } from './config-error.ts';

/** The members of the struct, each read by the reader of its name. Throws ConfigError for another name. */
export type StructReaders<Value> = {
  readonly [Name in keyof Value]: (value: JsonValue | undefined, path: string) => Value[Name];
};

/** null when `any` is no TypedStruct of that type. `type` is without `type.googleapis.com/`. */
export function structOf(any: Any | undefined, type: string, path: string): JsonObject | null {
  if (any === undefined || typeNameOf(any) !== TypedStructSchema.typeName) return null;
  const { typeUrl, value } = unpack(any, TypedStructSchema, path);
  return lastName(typeUrl) === type ? (value ?? {}) : null;
}

/** Names are those of the proto3 JSON of such a message: snake_case. */
export function readStruct<Value>(struct: JsonObject, readers: StructReaders<Value>, path: string): Value {
  const here = at(path, 'value');
  for (const name of Object.keys(struct)) {
    if (!(name in readers)) throw new ConfigError(at(here, name), 'is not known');
  }
  const names = Object.keys(readers) as (keyof Value & string)[];
  return Object.fromEntries(names.map((name) => [name, readers[name](struct[name], at(here, name))])) as Value;
}

/** Milliseconds of a duration as proto3 JSON writes it, `0.25s`; more than 0. */
export function durationReader(fallback: number): (value: JsonValue | undefined, path: string) => number {
  return (value, path) => {
    if (value === undefined) return fallback;
    const seconds = typeof value === 'string' ? /^(\d+(?:\.\d{1,9})?)s$/.exec(value)?.[1] : undefined;
    if (seconds === undefined || Number(seconds) === 0) throw new ConfigError(path, 'is no duration (hint: 0.25s)');
    return Number(seconds) * 1000;
  };
}

export function numberReader(
  fallback: number,
  [least, most]: readonly [number, number],
): (value: JsonValue | undefined, path: string) => number {
  return (value, path) => {
    const number = value ?? fallback;
    if (typeof number !== 'number' || !(number >= least && number <= most)) {
      throw new ConfigError(path, `must be ${least} to ${most}`);
    }
    return number;
  };
}
