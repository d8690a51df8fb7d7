// envoy.filters.network.local_ratelimit: so many new connections of a filter chain per interval.
import type { LocalRateLimit } from '../../xds/gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { keyedFlag } from '../config/runtime-keys.ts';
import { millis } from '../config/values.ts';
import { flag } from '../http/flags.ts';
import type { NetworkFilter } from './filter.ts';

/** `local_rate_limit.<stat_prefix>.<field>` */
class LocalRateLimitStats {
  rate_limited = 0;
}

/** Envoy's shortest interval, in milliseconds. */
const SHORTEST = 50;

export function createLocalRateLimit(config: LocalRateLimit, name: string, path: string): NetworkFilter {
  const { statPrefix, tokenBucket: bucket } = config;
  if (statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  if (bucket === undefined) throw new ConfigError(at(path, 'token_bucket'), 'is required');
  const here = at(path, 'token_bucket');
  if (bucket.maxTokens === 0) throw new ConfigError(at(here, 'max_tokens'), 'must be more than 0');
  if (bucket.fillInterval === undefined) throw new ConfigError(at(here, 'fill_interval'), 'is required');
  const interval = millis(bucket.fillInterval, 0, at(here, 'fill_interval'));
  if (interval < SHORTEST) throw new ConfigError(at(here, 'fill_interval'), `must be at least ${SHORTEST} ms`);
  const perFill = bucket.tokensPerFill ?? 1;
  if (perFill === 0) throw new ConfigError(at(here, 'tokens_per_fill'), 'must be more than 0');
  const enabled = keyedFlag(config.runtimeEnabled, true);
  return {
    name,
    start(scope) {
      const stats = scope.stats(`local_rate_limit.${statPrefix}`, () => new LocalRateLimitStats());
      // The tokens of the chain, shared out among the threads; one may hold at least one.
      const { workers } = scope;
      const capacity = Math.max(1, bucket.maxTokens / workers);
      let tokens = capacity;
      let filledAt = scope.clock.now();
      return {
        admit(record) {
          if (!enabled(scope.runtime)) return null;
          // Filled bit by bit, as Envoy's bucket is, and never more than full.
          const now = scope.clock.now();
          tokens = Math.min(capacity, tokens + ((now - filledAt) / interval) * (perFill / workers));
          filledAt = now;
          if (tokens < 1) {
            stats.rate_limited += 1;
            // Envoy's choice.
            record.flags |= flag.upstreamRetryLimitExceeded;
            return { delay: 0, details: '' };
          }
          tokens -= 1;
          return null;
        },
      };
    },
  };
}
