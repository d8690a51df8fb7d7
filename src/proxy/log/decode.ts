// AccessLog protos → access logs that write lines to sinks.
import type { Any } from '@bufbuild/protobuf/wkt';
import type { AccessLog as AccessLogMessage } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
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
import { MetadataSchema } from '../../xds/gen/envoy/extensions/formatter/metadata/v3/metadata_pb.ts';
import { ReqWithoutQuerySchema } from '../../xds/gen/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { readSource } from '../config/values.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import type { AccessLog } from './access-log.ts';
import { compileLogFilter } from './filter.ts';
import { compileFormat, compileJson, type Format, type FormatOptions, type JsonOptions } from './format.ts';
import { decodeHttpGrpcLog, decodeTcpGrpcLog } from './grpc-access-log.ts';
import { decodeOpenTelemetry } from './open-telemetry.ts';
import type { FormatterExtension } from './operators/compile.ts';
import { type LineSink, openSink } from './sink.ts';

/** Envoy's format where none is given. */
const DEFAULT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

export function decodeAccessLogs(logs: readonly AccessLogMessage[], path: string): AccessLog[] {
  return mapAt(logs, path, decodeAccessLog);
}

function decodeAccessLog(log: AccessLogMessage, path: string): AccessLog {
  const here = at(path, 'typed_config');
  const wanted = log.filter ? compileLogFilter(log.filter, at(path, 'filter')) : null;
  const config = log.configType.value;
  if (config !== undefined && typeNameOf(config) === OpenTelemetryAccessLogConfigSchema.typeName) {
    return decodeOpenTelemetry(unpack(config, OpenTelemetryAccessLogConfigSchema, here), wanted, here);
  }
  if (config !== undefined && typeNameOf(config) === HttpGrpcAccessLogConfigSchema.typeName) {
    return decodeHttpGrpcLog(unpack(config, HttpGrpcAccessLogConfigSchema, here), wanted, here);
  }
  if (config !== undefined && typeNameOf(config) === TcpGrpcAccessLogConfigSchema.typeName) {
    return decodeTcpGrpcLog(unpack(config, TcpGrpcAccessLogConfigSchema, here), wanted, here);
  }
  const { format, sink } = decodeWriter(config, here);
  return {
    write(exchange, ended) {
      if (wanted !== null && !wanted(exchange, ended)) return;
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
      return textFormat(format.value, at(path, 'format'), { missing: '-' });
    case 'jsonFormat':
      return jsonFormat(format.value, at(path, 'json_format'), { omitMissing: false });
    case 'typedJsonFormat':
      return jsonFormat(format.value, at(path, 'typed_json_format'), { omitMissing: false });
    default:
      return lineFormat(format.value, at(path, 'log_format'));
  }
}

function lineFormat(format: SubstitutionFormatString | undefined, path: string): Format {
  const omit = format?.omitEmptyValues ?? false;
  const extensions = readExtensions(format?.formatters ?? [], at(path, 'formatters'));
  const text = { missing: omit ? '' : '-', extensions };
  const specifier = format?.format;
  switch (specifier?.case) {
    case undefined:
      return textFormat(DEFAULT_FORMAT, path, { missing: '-' });
    case 'textFormat':
      return textFormat(specifier.value, at(path, 'text_format'), text);
    case 'textFormatSource': {
      const here = at(path, 'text_format_source');
      return textFormat(readSource(specifier.value, here), here, text);
    }
    case 'jsonFormat':
      return jsonFormat(specifier.value, at(path, 'json_format'), { omitMissing: omit, extensions });
  }
}

/** Their commands are built in: naming the extension allows them. */
function readExtensions(formatters: readonly TypedExtensionConfig[], path: string): ReadonlySet<FormatterExtension> {
  const named = mapAt(formatters, path, ({ typedConfig }, here): FormatterExtension => {
    const there = at(here, 'typed_config');
    if (typedConfig === undefined) throw new ConfigError(there, 'is required');
    if (typeNameOf(typedConfig) === MetadataSchema.typeName) {
      unpack(typedConfig, MetadataSchema, there);
      return 'metadata';
    }
    unpack(typedConfig, ReqWithoutQuerySchema, there);
    return 'req_without_query';
  });
  return new Set(named);
}

function textFormat(text: string, path: string, options: FormatOptions): Format {
  return compileFormat(bytesOf(text), path, options);
}

function jsonFormat(object: object, path: string, options: JsonOptions): Format {
  const json = compileJson(object, path, options);
  return (exchange, response, ended) => `${JSON.stringify(json(exchange, response, ended))}\n`;
}
