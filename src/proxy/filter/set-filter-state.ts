// The filter envoy.filters.http.set_filter_state: texts for filters and logs behind it.
import type { FilterStateValue } from '../../xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import {
  type Config,
  ConfigSchema,
} from '../../xds/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import { compileFilterStateText } from '../log/filter-state-text.ts';
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
  const { factoryKey } = value;
  const hashable = factoryKey === HASHABLE;
  const text = compileFilterStateText(value, path, () => {
    if (!hashable && factoryKey !== PLAIN && factoryKey !== HITS) {
      throw new ConfigError(at(path, 'factory_key'), `must be ${PLAIN}, ${HASHABLE} or ${HITS}`);
    }
  });
  return (exchange) => {
    if (!text.leave(exchange) || !hashable) return;
    exchange.hashableState ??= new Set();
    exchange.hashableState.add(text.key);
  };
}
