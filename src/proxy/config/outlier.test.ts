import type { JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { outlierDetection } from '../testing/configs.ts';
import { cluster } from '../testing/resources.ts';
import type { ClusterConfig } from './types.ts';

const struct = (type: string, value: JsonObject) => ({
  '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
  type_url: `type.googleapis.com/tulle.${type}`,
  value,
});

test.each<[name: string, change: JsonObject, wants: Partial<ClusterConfig>]>([
  ['outlier detection', { outlier_detection: {} }, { outlierDetection: outlierDetection() }],
  [
    'outlier detectors and times',
    {
      outlier_detection: {
        enforcing_consecutive_5xx: 50,
        consecutive_gateway_failure: 3,
        enforcing_consecutive_gateway_failure: 100,
        base_ejection_time: '600s',
        max_ejection_time_jitter: '1s',
        split_external_local_origin_errors: true,
        failure_percentage_threshold: 50,
        enforcing_failure_percentage: 10,
        success_rate_stdev_factor: 1000,
        always_eject_one_host: true,
        monitors: [
          {
            name: 'accrual',
            typed_config: struct('outlier_detection_monitors.consecutive_failures.v1.ConsecutiveFailures', {
              max_failures: 3,
              min_penalty: '0.5s',
            }),
          },
        ],
      },
    },
    {
      outlierDetection: outlierDetection({
        consecutive5xx: { count: 5, enforcing: 50 },
        consecutiveGatewayFailure: { count: 3, enforcing: 100 },
        baseEjection: 600_000,
        maxEjection: 600_000,
        maxEjectionJitter: 1000,
        splitLocalOrigin: true,
        failurePercentage: { ...outlierDetection().failurePercentage, threshold: 50, enforcing: 10 },
        successRate: { ...outlierDetection().successRate, stdevFactor: 1000 },
        alwaysEjectOne: true,
        accrual: { maxFailures: 3, minPenalty: 500, maxPenalty: 60_000, jitterRatio: 0.5 },
      }),
    },
  ],
])('%s', (_name, change, wants) => {
  expect(cluster(change)).toMatchObject(wants);
});

test.each<[change: JsonObject, wants: string]>([
  [{ outlier_detection: { enforcing_success_rate: 101 } }, 'outlier_detection.enforcing_success_rate: 101 is over 100'],
])('refuses %j', (change, wants) => {
  expect(() => cluster(change)).toThrow(wants);
});
