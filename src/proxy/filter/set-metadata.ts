// The filter envoy.filters.http.set_metadata: fixed values in the dynamic metadata of every request.
import type { JsonObject } from '@bufbuild/protobuf';
import {
  type Config,
  ConfigSchema,
} from '../../xds/gen/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { compiler, type FilterKind } from './define.ts';
import type { HttpFilter } from './filter.ts';

type Value = { readonly namespace: string; readonly overwrites: boolean; readonly value: JsonObject };

export const setMetadata: FilterKind = {
  chain: compiler(ConfigSchema, createSetMetadata),
  route: compiler(ConfigSchema, createSetMetadata),
};

function createSetMetadata(config: Config, name: string, path: string): HttpFilter {
  const values = compileValues(config, path);
  return {
    name,
    request(exchange) {
      exchange.metadata ??= new Map();
      for (const { namespace, overwrites, value } of values) {
        const before = exchange.metadata.get(namespace) as JsonObject | undefined;
        if (before === undefined || overwrites) exchange.metadata.set(namespace, merged(before ?? {}, value));
      }
      return undefined;
    },
  };
}

function compileValues(config: Config, path: string): readonly Value[] {
  const values = mapAt(config.metadata, at(path, 'metadata'), ({ metadataNamespace, allowOverwrite, value }, here) => {
    if (metadataNamespace === '') throw new ConfigError(at(here, 'metadata_namespace'), 'is empty');
    return { namespace: metadataNamespace, overwrites: allowOverwrite, value: value ?? {} };
  });
  if (config.metadataNamespace === '') return values;
  // The older form, which always merges.
  return [{ namespace: config.metadataNamespace, overwrites: true, value: config.value ?? {} }, ...values];
}

/** Objects are merged member by member, lists are joined, anything else is replaced. */
function merged(before: JsonObject, value: JsonObject): JsonObject {
  const all: JsonObject = { ...before };
  for (const [key, next] of Object.entries(value)) {
    const old = all[key];
    if (Array.isArray(old) && Array.isArray(next)) all[key] = [...old, ...next];
    else if (isObject(old) && isObject(next)) all[key] = merged(old, next);
    else all[key] = next;
  }
  return all;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
