// The HTTP filter chain of a connection manager: filters in order, the router last.
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import type { HttpFilter as HttpFilterMessage } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { HttpFilter } from '../filter/filter.ts';
import { compileFilter, isSupportedFilter } from '../filter/registry.ts';
import { typeNameOf, unpack } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';

/** The chain without its router, which must be there and last. */
export function decodeFilters(filters: readonly HttpFilterMessage[], path: string): HttpFilter[] {
  const last = filters.at(-1);
  const typed = last?.configType.case === 'typedConfig' ? last.configType.value : undefined;
  if (typed === undefined || typeNameOf(typed) !== RouterSchema.typeName) {
    throw new ConfigError(path, 'must end in the router');
  }
  unpack(typed, RouterSchema, `${path}[${filters.length - 1}].typed_config`);
  return mapAt(filters.slice(0, -1), path, decodeFilter).filter((filter) => filter !== null);
}

/** null: switched off, or unknown and optional. */
function decodeFilter(filter: HttpFilterMessage, path: string): HttpFilter | null {
  if (filter.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const here = at(path, 'typed_config');
  const config = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
  if (config === undefined) throw new ConfigError(here, 'is required');
  // A route could switch it on again, which is not implemented.
  if (filter.disabled) throw new ConfigError(at(path, 'disabled'), 'is not supported');
  if (filter.isOptional && !isSupportedFilter(config)) return null;
  return compileFilter(config, filter.name, here);
}
