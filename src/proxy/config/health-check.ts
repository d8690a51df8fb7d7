// HealthCheck with Envoy's defaults and limits.
import {
  HeaderValueOption_HeaderAppendAction as Append,
  type HeaderValueOption,
  RequestMethod,
} from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type {
  HealthCheck,
  HealthCheck_GrpcHealthCheck,
  HealthCheck_HttpHealthCheck,
  HealthCheck_Payload,
  HealthCheck_TcpHealthCheck,
} from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import { HealthCheckEventFileSinkSchema } from '../../xds/gen/envoy/extensions/health_check/event_sinks/file/v3/file_pb.ts';
import { CodecClientType } from '../../xds/gen/envoy/type/v3/http_pb.ts';
import { compileString } from '../route/match/string-matcher.ts';
import { unpack } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import type {
  CheckHeader,
  HealthCheckConfig,
  HealthEventsConfig,
  ProbeConfig,
  StatusRange,
} from './health-check-types.ts';
import { millis, positiveMillis } from './values.ts';

const DEFAULTS = { noTrafficInterval: 60_000, responseBufferSize: 1024n };
const STATUS = { lowest: 100, end: 600 };

export function decodeHealthCheck(check: HealthCheck, path: string): HealthCheckConfig {
  if (check.timeout === undefined) throw new ConfigError(at(path, 'timeout'), 'is required');
  if (check.interval === undefined) throw new ConfigError(at(path, 'interval'), 'is required');
  return {
    timeout: positiveMillis(check.timeout, 0, at(path, 'timeout')),
    ...decodeIntervals(check, path),
    initialJitter: millis(check.initialJitter, 0, at(path, 'initial_jitter')),
    intervalJitter: millis(check.intervalJitter, 0, at(path, 'interval_jitter')),
    intervalJitterPercent: check.intervalJitterPercent,
    unhealthyThreshold: required(check.unhealthyThreshold, at(path, 'unhealthy_threshold')),
    healthyThreshold: required(check.healthyThreshold, at(path, 'healthy_threshold')),
    altPort: check.altPort ?? 0,
    reuseConnection: check.reuseConnection ?? true,
    labels: check.transportSocketMatchCriteria ?? null,
    alpn: check.tlsOptions?.alpnProtocols ?? [],
    events: decodeEvents(check, path),
    probe: decodeProbe(check, path),
  };
}

function decodeEvents(check: HealthCheck, path: string): HealthEventsConfig | null {
  const sinks = mapAt(check.eventLogger, at(path, 'event_logger'), ({ typedConfig }, here) => {
    const { eventLogPath } = unpack(typedConfig, HealthCheckEventFileSinkSchema, at(here, 'typed_config'));
    if (eventLogPath === '') throw new ConfigError(at(here, 'typed_config.event_log_path'), 'is empty');
    return eventLogPath;
  });
  const paths = check.eventLogPath === '' ? sinks : [check.eventLogPath, ...sinks];
  if (paths.length === 0) return null;
  return { paths, failures: check.alwaysLogHealthCheckFailures, successes: check.alwaysLogHealthCheckSuccess };
}

type Intervals = Pick<
  HealthCheckConfig,
  | 'interval'
  | 'noTrafficInterval'
  | 'noTrafficHealthyInterval'
  | 'unhealthyInterval'
  | 'unhealthyEdgeInterval'
  | 'healthyEdgeInterval'
>;

function decodeIntervals(check: HealthCheck, path: string): Intervals {
  const interval = positiveMillis(check.interval, 0, at(path, 'interval'));
  const noTraffic = positiveMillis(
    check.noTrafficInterval,
    DEFAULTS.noTrafficInterval,
    at(path, 'no_traffic_interval'),
  );
  const unhealthy = positiveMillis(check.unhealthyInterval, interval, at(path, 'unhealthy_interval'));
  return {
    interval,
    noTrafficInterval: noTraffic,
    noTrafficHealthyInterval: positiveMillis(
      check.noTrafficHealthyInterval,
      noTraffic,
      at(path, 'no_traffic_healthy_interval'),
    ),
    unhealthyInterval: unhealthy,
    unhealthyEdgeInterval: positiveMillis(check.unhealthyEdgeInterval, unhealthy, at(path, 'unhealthy_edge_interval')),
    healthyEdgeInterval: positiveMillis(check.healthyEdgeInterval, interval, at(path, 'healthy_edge_interval')),
  };
}

function required(value: number | undefined, path: string): number {
  if (value === undefined) throw new ConfigError(path, 'is required');
  // Zero would never be reached: Envoy acts on the first result then, too.
  return Math.max(value, 1);
}

function decodeProbe({ healthChecker }: HealthCheck, path: string): ProbeConfig {
  switch (healthChecker.case) {
    case 'httpHealthCheck':
      return decodeHttp(healthChecker.value, at(path, 'http_health_check'));
    case 'tcpHealthCheck':
      return decodeTcp(healthChecker.value, at(path, 'tcp_health_check'));
    case 'grpcHealthCheck':
      return decodeGrpc(healthChecker.value, at(path, 'grpc_health_check'));
    default:
      throw new ConfigError(
        path,
        'has no supported check (hint: http_health_check, tcp_health_check, grpc_health_check)',
      );
  }
}

function decodeHttp(http: HealthCheck_HttpHealthCheck, path: string): ProbeConfig {
  if (http.path === '') throw new ConfigError(at(path, 'path'), 'is empty');
  const expected = mapAt(http.expectedStatuses, at(path, 'expected_statuses'), decodeRange);
  return {
    kind: 'http',
    protocol: protocolOf(http.codecClientType, at(path, 'codec_client_type')),
    host: http.host,
    path: http.path,
    method: methodOf(http.method, at(path, 'method')),
    addHeaders: mapAt(http.requestHeadersToAdd, at(path, 'request_headers_to_add'), decodeHeader),
    removeHeaders: http.requestHeadersToRemove.map((name) => name.toLowerCase()),
    receive: mapAt(http.receive, at(path, 'receive'), decodePayload),
    responseBufferSize: Number(http.responseBufferSize ?? DEFAULTS.responseBufferSize),
    expected: expected.length > 0 ? expected : [{ start: 200, end: 201 }],
    retriable: mapAt(http.retriableStatuses, at(path, 'retriable_statuses'), decodeRange),
    service: http.serviceNameMatcher ? compileString(http.serviceNameMatcher, at(path, 'service_name_matcher')) : null,
  };
}

function decodeTcp(tcp: HealthCheck_TcpHealthCheck, path: string): ProbeConfig {
  return {
    kind: 'tcp',
    send: tcp.send ? decodePayload(tcp.send, at(path, 'send')) : Buffer.alloc(0),
    receive: mapAt(tcp.receive, at(path, 'receive'), decodePayload),
  };
}

function decodeGrpc(grpc: HealthCheck_GrpcHealthCheck, path: string): ProbeConfig {
  return {
    kind: 'grpc',
    service: grpc.serviceName,
    authority: grpc.authority,
    addHeaders: mapAt(grpc.initialMetadata, at(path, 'initial_metadata'), decodeHeader),
  };
}

function protocolOf(type: CodecClientType, path: string): 'http1' | 'http2' {
  if (type === CodecClientType.HTTP3) throw new ConfigError(path, 'must be HTTP1 or HTTP2');
  return type === CodecClientType.HTTP2 ? 'http2' : 'http1';
}

function methodOf(method: RequestMethod, path: string): string {
  if (method === RequestMethod.METHOD_UNSPECIFIED) return 'GET';
  if (method === RequestMethod.CONNECT) throw new ConfigError(path, 'must not be CONNECT');
  const name = Object.entries(RequestMethod).find(([, value]) => value === method)?.[0];
  if (name === undefined) throw new ConfigError(path, 'is not known');
  return name;
}

function decodeRange({ start, end }: { readonly start: bigint; readonly end: bigint }, path: string): StatusRange {
  const range = { start: Number(start), end: Number(end) };
  if (range.start >= range.end) throw new ConfigError(path, 'is empty: start must be below end');
  if (range.start < STATUS.lowest) throw new ConfigError(at(path, 'start'), `${range.start} is below ${STATUS.lowest}`);
  if (range.end > STATUS.end) throw new ConfigError(at(path, 'end'), `${range.end} is over ${STATUS.end}`);
  return range;
}

/** Hexadecimal text, or bytes. */
function decodePayload({ payload }: HealthCheck_Payload, path: string): Buffer {
  if (payload.case === 'binary') return Buffer.from(payload.value);
  const text = payload.case === 'text' ? payload.value : '';
  if (text === '') throw new ConfigError(path, 'is empty');
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(text)) throw new ConfigError(at(path, 'text'), 'is not hexadecimal');
  return Buffer.from(text, 'hex');
}

function decodeHeader({ header, append, appendAction }: HeaderValueOption, path: string): CheckHeader {
  if (header === undefined || header.key === '') throw new ConfigError(at(path, 'header.key'), 'is empty');
  if (header.value.replaceAll('%%', '').includes('%')) {
    throw new ConfigError(at(path, 'header.value'), 'commands are not supported');
  }
  const value = Buffer.from(header.value.replaceAll('%%', '%'), 'utf8').toString('latin1');
  return { name: header.key.toLowerCase(), value, append: append ?? appendAction === Append.APPEND_IF_EXISTS_OR_ADD };
}
