// OpenTelemetryAccessLogConfig → a log that sends records to a collector, over gRPC or HTTP.
import type { OpenTelemetryAccessLogConfig } from '../../xds/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts';
import type { AnyValue, KeyValue } from '../../xds/gen/opentelemetry/proto/common/v1/common_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { decodeGrpcService } from '../config/grpc-service.ts';
import { decodeHttpUri } from '../config/http-uri.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import type { Attribute, ExporterConfig } from '../tracing/config.ts';
import { type ExportCounter, Exporter } from '../tracing/exporter.ts';
import { logSignal } from '../tracing/otlp.ts';
import type { AccessLog } from './access-log.ts';
import type { LogTest } from './filter.ts';
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

export function decodeOpenTelemetry(
  config: OpenTelemetryAccessLogConfig,
  wanted: LogTest | null,
  path: string,
): AccessLog {
  const exporter = decodeExporter(config, path);
  const body = config.body === undefined ? () => '' : compileText(config.body, at(path, 'body'));
  const members = mapAt(config.attributes?.values ?? [], at(path, 'attributes.values'), (pair, here) => {
    return [pair.key, compileText(pair.value, at(here, 'value'))] as const;
  });
  const stats = `access_logs.open_telemetry_access_log${config.statPrefix === '' ? '' : `.${config.statPrefix}`}`;
  return {
    write() {
      throw new Error('an OpenTelemetry access log is written to before it is opened');
    },
    open(services) {
      const sender = new Exporter(
        exporter,
        logSignal,
        services,
        services.filterStats(stats, () => new ExportedLogStats()),
      );
      return {
        write(exchange, ended) {
          if (wanted !== null && !wanted(exchange, ended)) return;
          const { response, span, startedAt } = exchange;
          sender.add({
            at: startedAt,
            body: body(exchange, response, ended),
            attributes: members.map(([key, format]): Attribute => [key, format(exchange, response, ended)]),
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

/** A format string; structures of them are not supported. */
function compileText(value: AnyValue | undefined, path: string): Format {
  if (value?.value.case !== 'stringValue') throw new ConfigError(path, 'must be a string_value');
  return compileFormat(bytesOf(value.value.value), path, { missing: '-' });
}
