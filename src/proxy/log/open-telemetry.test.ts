import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import {
  type OpenTelemetryAccessLogConfig,
  OpenTelemetryAccessLogConfigSchema,
} from '../../xds/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts';
import type { HttpCall, HttpOutcome } from '../client/http-call.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import { testExchange } from '../testing/exchange.ts';
import { decodeOpenTelemetry } from './open-telemetry.ts';

const service = { common_config: { log_name: 'front', grpc_service: { envoy_grpc: { cluster_name: 'otel' } } } };
const read = (json: JsonObject): OpenTelemetryAccessLogConfig => fromJson(OpenTelemetryAccessLogConfigSchema, json);

test('records go to the collector in batches', () => {
  const clock = new ManualClock();
  const calls: HttpCall[] = [];
  const stats: Record<string, object> = {};
  const log = decodeOpenTelemetry(
    read({
      ...service,
      body: { string_value: '%REQ(:METHOD)% %RESPONSE_CODE%' },
      attributes: { values: [{ key: 'path', value: { string_value: '%PATH%' } }] },
      resource_attributes: { values: [{ key: 'service.name', value: { string_value: 'shop' } }] },
    }),
    'log',
  );
  const opened = log.open!({
    client: {
      http(call: HttpCall, done: (outcome: HttpOutcome) => void) {
        calls.push(call);
        done({ kind: 'failure', failure: { reason: 'timeout', detail: '' } });
        return () => undefined;
      },
      stream: () => expect.unreachable(),
    },
    node: { id: 'node', cluster: '', zone: 'z' },
    wheel: new TimerWheel(clock, (error) => expect.unreachable(String(error))),
    runtime: noRuntime,
    filterStats: (name, make) => {
      const made = make();
      stats[name] = made;
      return made;
    },
  });
  opened.write(testExchange({ path: '/a' }), 1005);
  clock.advance(5_000);
  expect(calls).toHaveLength(1);
  expect(calls[0]?.head.path).toBe('/opentelemetry.proto.collector.logs.v1.LogsService/Export');
  const sent = calls[0]!.body!.toString('latin1');
  for (const part of ['log_name', 'front', 'service.name', 'shop', 'GET 0', 'path', '/a']) expect(sent).toContain(part);
  expect(stats['access_logs.open_telemetry_access_log']).toMatchObject({ logs_written: 0, logs_dropped: 1 });
});

test.each<[JsonObject, string]>([
  [{}, 'log.common_config.grpc_service.envoy_grpc: is required'],
  [{ ...service, body: { int_value: '1' } }, 'log.body: must be a string_value'],
  [{ ...service, body: { string_value: '%NO%' } }, 'log.body: %NO% is not supported'],
])('%j is refused', (json, wants) => {
  expect(() => decodeOpenTelemetry(read(json), 'log')).toThrow(wants);
});

test('it is opened before it is written to', () => {
  const log = decodeOpenTelemetry(create(OpenTelemetryAccessLogConfigSchema, read(service)), 'log');
  expect(() => log.write(testExchange(), 0)).toThrow('before it is opened');
});
