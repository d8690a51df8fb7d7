import type { JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ClientSideWeightedRoundRobinSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.ts';
import { cluster, packed } from '../testing/resources.ts';

const policy = (fields: JsonObject) => {
  const typed_config = packed(ClientSideWeightedRoundRobinSchema, fields);
  return { load_balancing_policy: { policies: [{ typed_extension_config: { name: 'p', typed_config } }] } };
};

const defaults = {
  kind: 'reported-load',
  blackout: 10_000,
  expiration: 180_000,
  updatePeriod: 1000,
  streamPeriod: null,
  errorPenalty: 0,
  metrics: [],
  slowStart: null,
};
const slowStart = { window: 5000, aggression: 1, aggressionKey: '', minWeightPercent: 10 };
const metrics = ['named_metrics.queue'];

test.each<[string, JsonObject, object]>([
  ['nothing', {}, {}],
  ['no reports beside responses', { enableOobLoadReport: false, oobReportingPeriod: '1s' }, {}],
  ['streams', { enableOobLoadReport: true }, { streamPeriod: 10_000 }],
  ['streams at times', { enableOobLoadReport: true, oobReportingPeriod: '2s' }, { streamPeriod: 2_000 }],
  ['times', { blackoutPeriod: '2s', weightExpirationPeriod: '9s' }, { blackout: 2000, expiration: 9000 }],
  ['how often', { weightUpdatePeriod: '0.25s' }, { updatePeriod: 250 }],
  ['errors', { errorUtilizationPenalty: 0.5 }, { errorPenalty: 0.5 }],
  ['metrics', { metricNamesForComputingUtilization: metrics }, { metrics }],
  ['slow start', { slowStartConfig: { slowStartWindow: '5s' } }, { slowStart }],
])('weights by reported load: %s', (_name, fields, wants) => {
  expect(cluster(policy(fields)).balancing).toEqual({ ...defaults, ...wants });
});

const path = 'load_balancing_policy.policies[0].typed_extension_config.typed_config';
test.each<[JsonObject, string]>([
  [{ errorUtilizationPenalty: -1 }, `${path}.error_utilization_penalty: must be 0 or more`],
  [{ oobReportingConfig: {} }, `${path}.oob_reporting_config: is not supported`],
])('refuses %j', (fields, wants) => {
  expect(() => cluster(policy(fields))).toThrow(wants);
});
