// AccessLog protos → access logs that write lines to sinks.
import type { Any } from '@bufbuild/protobuf/wkt';
import type { AccessLog as AccessLogMessage } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { SubstitutionFormatString } from '../../xds/gen/envoy/config/core/v3/substitution_format_string_pb.ts';
import {
  type FileAccessLog,
  FileAccessLogSchema,
} from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import {
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from '../../xds/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import { OpenTelemetryAccessLogConfigSchema } from '../../xds/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts';
import {
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
} from '../../xds/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import type { AccessLog } from './access-log.ts';
import { compileLogFilter, type LogTest } from './filter.ts';
import type { Format } from './format.ts';
import { compileFormatString, compileJsonLine, compileText } from './format-string.ts';
import { decodeHttpGrpcLog, decodeTcpGrpcLog } from './grpc-access-log.ts';
import { decodeOpenTelemetry } from './open-telemetry.ts';
import { type LineSink, openSink } from './sink.ts';

/** Envoy's format where none is given. */
const DEFAULT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

export function decodeAccessLogs(logs: readonly AccessLogMessage[], path: string): AccessLog[] {
  return mapAt(logs, path, (log, here) => {
    const decoded = decodeAccessLog(log.configType.value, at(here, 'typed_config'));
    return log.filter === undefined ? decoded : filtered(decoded, compileLogFilter(log.filter, at(here, 'filter')));
  });
}

/** Until it is opened there is no runtime. */
function filtered(log: AccessLog, wanted: LogTest): AccessLog {
  return {
    open(services) {
      const opened = log.open?.(services) ?? log;
      return {
        write(exchange, ended) {
          if (wanted(exchange, ended, services.runtime)) opened.write(exchange, ended);
        },
      };
    },
    write(exchange, ended) {
      if (wanted(exchange, ended, noRuntime)) log.write(exchange, ended);
    },
  };
}

function decodeAccessLog(config: Any | undefined, here: string): AccessLog {
  if (config !== undefined && typeNameOf(config) === OpenTelemetryAccessLogConfigSchema.typeName) {
    return decodeOpenTelemetry(unpack(config, OpenTelemetryAccessLogConfigSchema, here), here);
  }
  if (config !== undefined && typeNameOf(config) === HttpGrpcAccessLogConfigSchema.typeName) {
    return decodeHttpGrpcLog(unpack(config, HttpGrpcAccessLogConfigSchema, here), here);
  }
  if (config !== undefined && typeNameOf(config) === TcpGrpcAccessLogConfigSchema.typeName) {
    return decodeTcpGrpcLog(unpack(config, TcpGrpcAccessLogConfigSchema, here), here);
  }
  const { format, sink } = decodeWriter(config, here);
  return {
    write(exchange, ended) {
      sink.write(format(exchange, exchange.response, ended));
    },
  };
}

function decodeWriter(config: Any | undefined, path: string): { readonly format: Format; readonly sink: LineSink } {
  if (config === undefined) throw new ConfigError(path, 'is required');
  switch (typeNameOf(config)) {
    case FileAccessLogSchema.typeName: {
      const file = unpack(config, FileAccessLogSchema, path);
      if (file.path === '') throw new ConfigError(at(path, 'path'), 'is empty');
      return { format: fileFormat(file, path), sink: openSink(file.path) };
    }
    case StdoutAccessLogSchema.typeName: {
      const { accessLogFormat } = unpack(config, StdoutAccessLogSchema, path);
      return { format: lineFormat(accessLogFormat.value, at(path, 'log_format')), sink: openSink('/dev/stdout') };
    }
    case StderrAccessLogSchema.typeName: {
      const { accessLogFormat } = unpack(config, StderrAccessLogSchema, path);
      return { format: lineFormat(accessLogFormat.value, at(path, 'log_format')), sink: openSink('/dev/stderr') };
    }
    default:
      throw unsupportedType(config, path);
  }
}

function fileFormat({ accessLogFormat: format }: FileAccessLog, path: string): Format {
  switch (format.case) {
    case 'format':
      return compileText(format.value, at(path, 'format'), { missing: '-' });
    case 'jsonFormat':
      return compileJsonLine(format.value, at(path, 'json_format'), { omitMissing: false });
    case 'typedJsonFormat':
      return compileJsonLine(format.value, at(path, 'typed_json_format'), { omitMissing: false });
    default:
      return lineFormat(format.value, at(path, 'log_format'));
  }
}

function lineFormat(format: SubstitutionFormatString | undefined, path: string): Format {
  return format?.format.case === undefined
    ? compileText(DEFAULT_FORMAT, path, { missing: '-' })
    : compileFormatString(format, path);
}
