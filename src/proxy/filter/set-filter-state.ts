// The filter envoy.filters.http.set_filter_state: texts for filters and logs behind it.
import {
  type FilterStateValue,
  FilterStateValue_SharedWithUpstream as Shared,
} from '../../xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import {
  type Config,
  ConfigSchema,
} from '../../xds/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { readSource } from '../config/values.ts';
import type { Exchange } from '../http/exchange.ts';
import { compileFormat } from '../log/format.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { compiler, type FilterKind } from './define.ts';
import type { HttpFilter } from './filter.ts';

const PLAIN = 'envoy.string';
const HASHABLE = 'envoy.hashable_string';
/** Its type is its name: the rate limit filter reads it. */
const HITS = 'envoy.ratelimit.hits_addend';

export const setFilterState: FilterKind = {
  chain: compiler(ConfigSchema, createSetFilterState),
  route: compiler(ConfigSchema, createSetFilterState),
};

function createSetFilterState(config: Config, name: string, path: string): HttpFilter {
  const values = mapAt(config.onRequestHeaders, at(path, 'on_request_headers'), compileValue);
  return {
    name,
    request(exchange) {
      for (const write of values) write(exchange);
      if (config.clearRouteCache) exchange.routeStale = true;
      return undefined;
    },
  };
}

/** Of the types of objects there are only texts can be set. */
function compileValue(value: FilterStateValue, path: string): (exchange: Exchange) => void {
  const { key, value: source, factoryKey, skipIfEmpty } = value;
  if (key.case !== 'objectKey' || key.value === '') throw new ConfigError(at(path, 'object_key'), 'is empty');
  const hashable = factoryKey === HASHABLE;
  if (!hashable && factoryKey !== PLAIN && factoryKey !== HITS) {
    throw new ConfigError(at(path, 'factory_key'), `must be ${PLAIN}, ${HASHABLE} or ${HITS}`);
  }
  if (value.sharedWithUpstream !== Shared.NONE)
    throw new ConfigError(at(path, 'shared_with_upstream'), 'is not supported');
  const here = at(path, 'format_string');
  const format = source.case === 'formatString' ? source.value.format : undefined;
  if (format?.case !== 'textFormatSource' && format?.case !== 'textFormat')
    throw new ConfigError(here, 'must be a text format');
  const text = format.case === 'textFormat' ? format.value : readSource(format.value, at(here, 'text_format_source'));
  const write = compileFormat(bytesOf(text), here, { missing: '' });
  const name = key.value;
  return (exchange) => {
    const written = write(exchange, null, 0);
    if (written === '' && skipIfEmpty) return;
    exchange.filterState ??= new Map();
    exchange.filterState.set(name, written);
    if (!hashable) return;
    exchange.hashableState ??= new Set();
    exchange.hashableState.add(name);
  };
}
