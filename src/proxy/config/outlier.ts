// OutlierDetection: the two detectors of errors in a row. Those that compare endpoints with each other are not here.
import type { OutlierDetection } from '../../xds/gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { at, ConfigError } from './config-error.ts';
import type { OutlierConfig } from './types.ts';
import { positiveMillis } from './values.ts';

const DEFAULTS = { errors: 5, interval: 10_000, ejection: 30_000, maxEjection: 300_000, maxPercent: 10 };

export function decodeOutlier(outlier: OutlierDetection | undefined, path: string): OutlierConfig | null {
  if (outlier === undefined) return null;
  refuseEnforced(outlier.enforcingSuccessRate, at(path, 'enforcing_success_rate'));
  refuseEnforced(outlier.enforcingFailurePercentage, at(path, 'enforcing_failure_percentage'));
  const maxEjectionPercent = outlier.maxEjectionPercent ?? DEFAULTS.maxPercent;
  if (maxEjectionPercent > 100) throw new ConfigError(at(path, 'max_ejection_percent'), 'is over 100');
  const baseEjection = positiveMillis(outlier.baseEjectionTime, DEFAULTS.ejection, at(path, 'base_ejection_time'));
  const longest = Math.max(DEFAULTS.maxEjection, baseEjection);
  const maxEjection = positiveMillis(outlier.maxEjectionTime, longest, at(path, 'max_ejection_time'));
  if (maxEjection < baseEjection)
    throw new ConfigError(at(path, 'max_ejection_time'), 'is less than base_ejection_time');
  return {
    consecutive5xx: enforced(outlier.enforcingConsecutive5xx, 100, at(path, 'enforcing_consecutive_5xx'))
      ? (outlier.consecutive5xx ?? DEFAULTS.errors)
      : 0,
    consecutiveGatewayFailure: enforced(
      outlier.enforcingConsecutiveGatewayFailure,
      0,
      at(path, 'enforcing_consecutive_gateway_failure'),
    )
      ? (outlier.consecutiveGatewayFailure ?? DEFAULTS.errors)
      : 0,
    interval: positiveMillis(outlier.interval, DEFAULTS.interval, at(path, 'interval')),
    baseEjection,
    maxEjection,
    maxEjectionPercent,
  };
}

/** A detector is on or off; chances in between are refused. */
function enforced(percent: number | undefined, fallback: number, path: string): boolean {
  const value = percent ?? fallback;
  if (value !== 0 && value !== 100) throw new ConfigError(path, `${value} is not supported (hint: 0 or 100)`);
  return value === 100;
}

function refuseEnforced(percent: number | undefined, path: string): void {
  if (percent !== undefined && percent !== 0) throw new ConfigError(path, 'is not supported (hint: 0)');
}
