// OutlierDetection with Envoy's defaults, and Linkerd's circuit breaker in its list of monitors.
import type { OutlierDetection } from '../../xds/gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import type { AccrualConfig, ConsecutiveConfig, OutlierConfig } from './cluster-types.ts';
import { at, ConfigError } from './config-error.ts';
import { durationReader, numberReader, readStruct, structOf } from './typed-struct.ts';
import { millis, positiveMillis } from './values.ts';

/** Type of the TypedStruct: `{ max_failures: 7, min_penalty: "1s", max_penalty: "60s", jitter_ratio: 0.5 }`. */
const ACCRUAL = 'tulle.outlier_detection_monitors.consecutive_failures.v1.ConsecutiveFailures';
const DEFAULTS = { errors: 5, interval: 10_000, ejection: 30_000, maxEjection: 300_000, maxPercent: 10 };

export function decodeOutlier(outlier: OutlierDetection | undefined, path: string): OutlierConfig | null {
  if (outlier === undefined) return null;
  const percent = percentReader(path);
  return {
    ...decodeTimes(outlier, path),
    maxEjectionPercent: percent(outlier.maxEjectionPercent, DEFAULTS.maxPercent, 'max_ejection_percent'),
    alwaysEjectOne: outlier.alwaysEjectOneHost ?? false,
    splitLocalOrigin: outlier.splitExternalLocalOriginErrors,
    unejectOnCheck: outlier.successfulActiveHealthCheckUnejectHost ?? true,
    ...decodeConsecutive(outlier, percent),
    successRate: {
      minimumHosts: outlier.successRateMinimumHosts ?? 5,
      requestVolume: outlier.successRateRequestVolume ?? 100,
      stdevFactor: outlier.successRateStdevFactor ?? 1900,
      enforcing: percent(outlier.enforcingSuccessRate, 100, 'enforcing_success_rate'),
      enforcingLocalOrigin: percent(
        outlier.enforcingLocalOriginSuccessRate,
        100,
        'enforcing_local_origin_success_rate',
      ),
    },
    failurePercentage: {
      minimumHosts: outlier.failurePercentageMinimumHosts ?? 5,
      requestVolume: outlier.failurePercentageRequestVolume ?? 50,
      threshold: percent(outlier.failurePercentageThreshold, 85, 'failure_percentage_threshold'),
      enforcing: percent(outlier.enforcingFailurePercentage, 0, 'enforcing_failure_percentage'),
      enforcingLocalOrigin: percent(
        outlier.enforcingFailurePercentageLocalOrigin,
        0,
        'enforcing_failure_percentage_local_origin',
      ),
    },
    accrual: decodeAccrual(outlier, at(path, 'monitors')),
  };
}

type Times = Pick<OutlierConfig, 'interval' | 'baseEjection' | 'maxEjection' | 'maxEjectionJitter'>;
type Consecutive = Record<
  'consecutive5xx' | 'consecutiveGatewayFailure' | 'consecutiveLocalOriginFailure',
  ConsecutiveConfig
>;
type PercentReader = (value: number | undefined, fallback: number, field: string) => number;

function decodeTimes(outlier: OutlierDetection, path: string): Times {
  const baseEjection = positiveMillis(outlier.baseEjectionTime, DEFAULTS.ejection, at(path, 'base_ejection_time'));
  const longest = Math.max(DEFAULTS.maxEjection, baseEjection);
  const maxEjection = positiveMillis(outlier.maxEjectionTime, longest, at(path, 'max_ejection_time'));
  if (maxEjection < baseEjection)
    throw new ConfigError(at(path, 'max_ejection_time'), 'is less than base_ejection_time');
  return {
    interval: positiveMillis(outlier.interval, DEFAULTS.interval, at(path, 'interval')),
    baseEjection,
    maxEjection,
    maxEjectionJitter: millis(outlier.maxEjectionTimeJitter, 0, at(path, 'max_ejection_time_jitter')),
  };
}

function decodeConsecutive(outlier: OutlierDetection, percent: PercentReader): Consecutive {
  return {
    consecutive5xx: {
      count: outlier.consecutive5xx ?? DEFAULTS.errors,
      enforcing: percent(outlier.enforcingConsecutive5xx, 100, 'enforcing_consecutive_5xx'),
    },
    consecutiveGatewayFailure: {
      count: outlier.consecutiveGatewayFailure ?? DEFAULTS.errors,
      enforcing: percent(outlier.enforcingConsecutiveGatewayFailure, 0, 'enforcing_consecutive_gateway_failure'),
    },
    consecutiveLocalOriginFailure: {
      count: outlier.consecutiveLocalOriginFailure ?? DEFAULTS.errors,
      enforcing: percent(
        outlier.enforcingConsecutiveLocalOriginFailure,
        100,
        'enforcing_consecutive_local_origin_failure',
      ),
    },
  };
}

function percentReader(path: string): PercentReader {
  return (value, fallback, field) => {
    if (value !== undefined && value > 100) throw new ConfigError(at(path, field), `${value} is over 100`);
    return value ?? fallback;
  };
}

function decodeAccrual({ monitors }: OutlierDetection, path: string): AccrualConfig | null {
  if (monitors.length > 1) throw new ConfigError(path, 'has more than one monitor');
  const [monitor] = monitors;
  if (monitor === undefined) return null;
  const here = `${path}[0].typed_config`;
  const struct = structOf(monitor.typedConfig, ACCRUAL, here);
  if (struct === null) throw new ConfigError(here, `is not supported (hint: ${ACCRUAL})`);
  const read = readStruct(
    struct,
    {
      max_failures: numberReader(7, [1, 1_000_000]),
      min_penalty: durationReader(1_000),
      max_penalty: durationReader(60_000),
      jitter_ratio: numberReader(0.5, [0, 100]),
    },
    here,
  );
  if (read.min_penalty > read.max_penalty) throw new ConfigError(`${here}.value.min_penalty`, 'is over max_penalty');
  return {
    maxFailures: read.max_failures,
    minPenalty: read.min_penalty,
    maxPenalty: read.max_penalty,
    jitterRatio: read.jitter_ratio,
  };
}
