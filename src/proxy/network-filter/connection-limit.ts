// envoy.filters.network.connection_limit: so many connections of a filter chain at a time.
import type { ConnectionLimit } from '../../xds/gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { keyedFlag } from '../config/runtime-keys.ts';
import { millis } from '../config/values.ts';
import type { NetworkFilter } from './filter.ts';

/** `connection_limit.<stat_prefix>.<field>` */
class ConnectionLimitStats {
  active_connections = 0;
  limited_connections = 0;
}

export function createConnectionLimit(config: ConnectionLimit, name: string, path: string): NetworkFilter {
  const { statPrefix, maxConnections = 0n } = config;
  if (statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  if (maxConnections < 1n) throw new ConfigError(at(path, 'max_connections'), 'must be at least 1');
  const limit = Number(maxConnections);
  const delay = millis(config.delay, 0, at(path, 'delay'));
  const enabled = keyedFlag(config.runtimeEnabled, true);
  return {
    name,
    start(scope) {
      const stats = scope.stats(`connection_limit.${statPrefix}`, () => new ConnectionLimitStats());
      const tally = scope.tally(`connection_limit.${statPrefix}`);
      let active = 0;
      return {
        admit() {
          if (enabled(scope.runtime) && active + (tally?.others(0) ?? 0) >= limit) {
            stats.limited_connections += 1;
            return { delay, details: '' };
          }
          active += 1;
          tally?.add(0, 1);
          stats.active_connections += 1;
          return null;
        },
        leave() {
          active -= 1;
          tally?.add(0, -1);
          stats.active_connections -= 1;
        },
      };
    },
  };
}
