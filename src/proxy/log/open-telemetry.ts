// OpenTelemetryAccessLogConfig → a log that sends records to a collector, over gRPC or HTTP.
import type { OpenTelemetryAccessLogConfig } from '../../xds/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts';
import type { AnyValue, KeyValue, KeyValueList } from '../../xds/gen/opentelemetry/proto/common/v1/common_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { decodeGrpcService } from '../config/grpc-service.ts';
import { decodeHttpUri } from '../config/http-uri.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import type { Attribute, ExporterConfig } from '../tracing/config.ts';
import { type ExportCounter, Exporter } from '../tracing/exporter.ts';
import { logSignal } from '../tracing/otlp.ts';
import type { OtlpPairs, OtlpValue } from '../tracing/otlp-writer.ts';
import type { AccessLog } from './access-log.ts';
import { compileFormat, type Format } from './format.ts';

/** Under Envoy's names (`access_logs.open_telemetry_access_log.`). */
class ExportedLogStats implements ExportCounter {
  logs_written = 0;
  logs_dropped = 0;

  taken(count: number): void {
    this.logs_written += count;
  }

  lost(count: number): void {
    this.logs_dropped += count;
  }

  refused(): void {
    // Each record is counted as dropped.
  }

  timed(): void {
    // Not counted by Envoy.
  }
}

/** Records that wait at most. */
const QUEUE = 4_096;

export function decodeOpenTelemetry(config: OpenTelemetryAccessLogConfig, path: string): AccessLog {
  const exporter = decodeExporter(config, path);
  const body = config.body === undefined ? () => '' : compileValue(config.body, at(path, 'body'));
  const members = compilePairs(config.attributes, at(path, 'attributes'));
  const stats = `access_logs.open_telemetry_access_log${config.statPrefix === '' ? '' : `.${config.statPrefix}`}`;
  return {
    write() {
      throw new Error('an OpenTelemetry access log is written to before it is opened');
    },
    open(services) {
      const { id, cluster, zone } = services.node;
      const labels: Attribute[] = [
        ['zone_name', zone],
        ['cluster_name', cluster],
        ['node_name', id],
      ];
      const resource = [...(config.disableBuiltinLabels ? [] : labels), ...exporter.resource];
      const sender = new Exporter(
        { ...exporter, resource },
        logSignal,
        services,
        services.filterStats(stats, () => new ExportedLogStats()),
      );
      return {
        write(exchange, ended) {
          const { response, span, startedAt } = exchange;
          sender.add({
            at: startedAt,
            body: body(exchange, response, ended),
            attributes: members(exchange, response, ended),
            traceId: span?.traceId ?? '',
            spanId: span?.spanId ?? '',
          });
        },
      };
    },
  };
}

function decodeExporter(config: OpenTelemetryAccessLogConfig, path: string): ExporterConfig {
  const { commonConfig, grpcService, httpService } = config;
  const resource: Attribute[] = [
    ...(config.disableBuiltinLabels ? [] : [['log_name', commonConfig?.logName || config.logName] as const]),
    ...mapAt(config.resourceAttributes?.values ?? [], at(path, 'resource_attributes.values'), readAttribute),
  ];
  if (httpService !== undefined) {
    const uri = decodeHttpUri(httpService.httpUri, at(path, 'http_service.http_uri'));
    return { resource, queueSize: QUEUE, target: { kind: 'http', uri, headers: [] } };
  }
  const here = at(path, grpcService === undefined ? 'common_config.grpc_service' : 'grpc_service');
  const service = decodeGrpcService(grpcService ?? commonConfig?.grpcService, 0, here);
  return { resource, queueSize: QUEUE, target: { kind: 'grpc', service } };
}

function readAttribute({ key, value }: KeyValue, path: string): Attribute {
  if (value?.value.case !== 'stringValue') throw new ConfigError(at(path, 'value'), 'must be a string_value');
  return [key, value.value.value];
}

type Value = (...from: Parameters<Format>) => OtlpValue;
type Pairs = (...from: Parameters<Format>) => OtlpPairs;

/** Text is a format string; lists and pairs hold more of them. */
function compileValue(value: AnyValue | undefined, path: string): Value {
  switch (value?.value.case) {
    case 'stringValue':
      return compileFormat(bytesOf(value.value.value), path, { missing: '-' });
    case 'arrayValue': {
      const members = mapAt(value.value.value.values, at(path, 'array_value.values'), compileValue);
      return (...from) => members.map((member) => member(...from));
    }
    case 'kvlistValue': {
      const pairs = compilePairs(value.value.value, at(path, 'kvlist_value'));
      return (...from) => ({ pairs: pairs(...from) });
    }
    default:
      throw new ConfigError(path, 'must be a string_value, array_value or kvlist_value');
  }
}

function compilePairs(list: KeyValueList | undefined, path: string): Pairs {
  const pairs = mapAt(list?.values ?? [], at(path, 'values'), ({ key, value }, here) => {
    return [key, compileValue(value, at(here, 'value'))] as const;
  });
  return (...from) => pairs.map(([key, value]) => [key, value(...from)] as const);
}
