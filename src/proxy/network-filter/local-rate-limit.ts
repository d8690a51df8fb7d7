// envoy.filters.network.local_ratelimit: so many new connections of a filter chain per interval.
import { TokenBucket } from '../../lib/token-bucket.ts';
import type { LocalRateLimit } from '../../xds/gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { keyedFlag } from '../config/runtime-keys.ts';
import { decodeBucket } from '../config/token-bucket.ts';
import { flag } from '../http/flags.ts';
import type { NetworkFilter } from './filter.ts';

/** `local_rate_limit.<stat_prefix>.<field>` */
class LocalRateLimitStats {
  rate_limited = 0;
}

export function createLocalRateLimit(config: LocalRateLimit, name: string, path: string): NetworkFilter {
  const { statPrefix } = config;
  if (statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  const limit = decodeBucket(config.tokenBucket, at(path, 'token_bucket'));
  const enabled = keyedFlag(config.runtimeEnabled, true);
  return {
    name,
    start({ stats: statsOf, clock, runtime, workers }) {
      const stats = statsOf(`local_rate_limit.${statPrefix}`, () => new LocalRateLimitStats());
      const bucket = new TokenBucket(limit, clock.now(), workers);
      return {
        admit(record) {
          if (!enabled(runtime) || bucket.take(clock.now())) return null;
          stats.rate_limited += 1;
          // Envoy's choice.
          record.flags |= flag.upstreamRetryLimitExceeded;
          return { delay: 0, details: '' };
        },
      };
    },
  };
}
