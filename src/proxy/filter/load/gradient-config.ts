// The settings of a gradient, each of which the runtime may say otherwise under Envoy's keys.
import type { Duration } from '@bufbuild/protobuf/wkt';
import type {
  GradientControllerConfig_MinimumRTTCalculationParams as FastestParams,
  GradientControllerConfig,
} from '../../../xds/gen/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { type Keyed, keyed } from '../../config/runtime-keys.ts';
import { percentOf } from '../../config/slow-start.ts';
import { millis, positiveMillis } from '../../config/values.ts';
import type { GradientConfig } from './gradient.ts';

const KEYS = 'adaptive_concurrency.gradient_controller';

export function compileGradient(message: GradientControllerConfig, path: string): GradientConfig {
  const { concurrencyLimitParams: limits, minRttCalcParams: fastest } = message;
  const ofLimits = at(path, 'concurrency_limit_params');
  const ofFastest = at(path, 'min_rtt_calc_params');
  if (limits === undefined) throw new ConfigError(ofLimits, 'is required');
  if (fastest === undefined) throw new ConfigError(ofFastest, 'is required');
  const updates = at(ofLimits, 'concurrency_update_interval');
  if (limits.concurrencyUpdateInterval === undefined) throw new ConfigError(updates, 'is required');
  const interval = positiveMillis(limits.concurrencyUpdateInterval, 0, updates);
  return {
    percentile: share(
      'sample_aggregate_percentile',
      message.sampleAggregatePercentile,
      50,
      at(path, 'sample_aggregate_percentile'),
    ),
    leastLimit: count('min_concurrency_limit', limits.minConcurrencyLimit, 3, at(ofLimits, 'min_concurrency_limit')),
    mostLimit: count('max_concurrency_limit', limits.maxConcurrencyLimit, 1_000, at(ofLimits, 'max_concurrency_limit')),
    updateInterval: keyed('integer', `${KEYS}.sample_rtt_calc_interval_ms`, interval),
    fixedLatency: fixedLatency(fastest, ofFastest),
    measuring: {
      interval: keyed(
        'integer',
        `${KEYS}.min_rtt_calc_interval_ms`,
        wholeMillis(fastest.interval, at(ofFastest, 'interval')),
      ),
      jitter: share('jitter', fastest.jitter, 15, at(ofFastest, 'jitter')),
      limit: count('min_concurrency', fastest.minConcurrency, 3, at(ofFastest, 'min_concurrency')),
      requests: count('min_rtt_aggregate_request_count', fastest.requestCount, 50, at(ofFastest, 'request_count')),
    },
    tolerance: share('min_rtt_buffer', fastest.buffer, 25, at(ofFastest, 'buffer')),
  };
}

/** null: it is measured. */
function fixedLatency({ interval, fixedValue }: FastestParams, path: string): number | null {
  if (interval === undefined && fixedValue === undefined) {
    throw new ConfigError(path, 'has neither an interval nor a fixed_value');
  }
  return fixedValue === undefined ? null : wholeMillis(fixedValue, at(path, 'fixed_value'));
}

/** 0 when absent. */
function wholeMillis(duration: Duration | undefined, path: string): number {
  const value = millis(duration, 0, path);
  if (duration !== undefined && value < 1) throw new ConfigError(path, 'must be 1ms or more');
  return value;
}

function count(key: string, value: number | undefined, fallback: number, path: string): Keyed<number> {
  if (value === 0) throw new ConfigError(path, 'must be more than 0');
  return keyed('integer', `${KEYS}.${key}`, value ?? fallback);
}

/** In [0, 1], of a percentage. */
function share(
  key: string,
  percent: { readonly value: number } | undefined,
  fallback: number,
  path: string,
): Keyed<number> {
  const percentage = keyed('number', `${KEYS}.${key}`, percentOf(percent, fallback, path));
  return (runtime) => Math.min(100, Math.max(0, percentage(runtime))) / 100;
}
