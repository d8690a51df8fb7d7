import type { JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { HealthCheckEventFileSinkSchema } from '../../xds/gen/envoy/extensions/health_check/event_sinks/file/v3/file_pb.ts';
import { cluster, packed } from '../testing/resources.ts';

const check = (fields: JsonObject) => ({
  health_checks: [
    { timeout: '1s', interval: '1s', unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}, ...fields },
  ],
});
const sink = (event_log_path: string) => ({
  name: 'f',
  typed_config: packed(HealthCheckEventFileSinkSchema, { event_log_path }),
});

test.each<[string, JsonObject, object | null]>([
  ['nowhere', { always_log_health_check_failures: true }, null],
  ['a file', { event_log_path: '/a' }, { paths: ['/a'], failures: false, successes: false }],
  [
    'several, everything',
    {
      event_log_path: '/a',
      event_logger: [sink('/b'), sink('/c')],
      always_log_health_check_failures: true,
      always_log_health_check_success: true,
    },
    { paths: ['/a', '/b', '/c'], failures: true, successes: true },
  ],
])('events of health: %s', (_name, fields, wants) => {
  expect(cluster(check(fields)).healthChecks[0]!.events).toEqual(wants);
});

test.each<[string, JsonObject, string]>([
  ['no path', sink(''), 'health_checks[0].event_logger[0].typed_config.event_log_path: is empty'],
  ['nothing', { name: 'f' }, 'health_checks[0].event_logger[0].typed_config: is required'],
])('refuses %s', (_name, logger, wants) => {
  expect(() => cluster(check({ event_logger: [logger] }))).toThrow(wants);
});
