// AccessLog protos → access logs: a format, a condition, a sink.
import type { Any } from '@bufbuild/protobuf/wkt';
import {
  type AccessLogFilter,
  type AccessLog as AccessLogMessage,
  ComparisonFilter_Op,
} from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { SubstitutionFormatString } from '../../xds/gen/envoy/config/core/v3/substitution_format_string_pb.ts';
import {
  type FileAccessLog,
  FileAccessLogSchema,
} from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import {
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
} from '../../xds/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { readSource } from '../config/values.ts';
import type { Exchange } from '../http/exchange.ts';
import { formatFlags } from '../http/flags.ts';
import { compileHeader } from '../route/match/header-matcher.ts';
import type { AccessLog } from './access-log.ts';
import { compileFormat, compileJson, type Format } from './format.ts';
import { type LogSink, logSink } from './sink.ts';

/** Envoy's default line. */
const DEFAULT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

type Condition = (exchange: Exchange, ended: number) => boolean;
type Destination = { readonly sink: LogSink; readonly format: Format };

export function decodeAccessLog({ filter, configType }: AccessLogMessage, path: string): AccessLog {
  const here = at(path, 'typed_config');
  if (configType.case !== 'typedConfig') throw new ConfigError(here, 'is required');
  const { sink, format } = decodeDestination(configType.value, here);
  const wanted = filter === undefined ? () => true : compileCondition(filter, at(path, 'filter'));
  return {
    write(exchange, ended) {
      if (wanted(exchange, ended)) sink.write(format(exchange, exchange.response, ended));
    },
  };
}

function decodeDestination(config: Any, path: string): Destination {
  switch (typeNameOf(config)) {
    case FileAccessLogSchema.typeName: {
      const file = unpack(config, FileAccessLogSchema, path);
      if (file.path === '') throw new ConfigError(at(path, 'path'), 'is empty');
      return { sink: logSink(file.path), format: fileFormat(file, path) };
    }
    case StdoutAccessLogSchema.typeName:
      return streamed('/dev/stdout', unpack(config, StdoutAccessLogSchema, path).accessLogFormat.value, path);
    case StderrAccessLogSchema.typeName:
      return streamed('/dev/stderr', unpack(config, StderrAccessLogSchema, path).accessLogFormat.value, path);
    default:
      throw unsupportedType(config, path);
  }
}

function streamed(device: string, format: SubstitutionFormatString | undefined, path: string): Destination {
  return { sink: logSink(device), format: compileSubstitution(format, at(path, 'log_format')) };
}

function fileFormat({ accessLogFormat: format }: FileAccessLog, path: string): Format {
  switch (format.case) {
    case 'format':
      return compileFormat(format.value, at(path, 'format'), '-');
    case 'jsonFormat':
    case 'typedJsonFormat':
      return jsonLine(format.value, at(path, 'json_format'), false);
    default:
      return compileSubstitution(format.value, at(path, 'log_format'));
  }
}

function compileSubstitution(string: SubstitutionFormatString | undefined, path: string): Format {
  const format = string?.format;
  switch (format?.case) {
    case 'textFormat':
      return compileFormat(format.value, at(path, 'text_format'), string!.omitEmptyValues ? '' : '-');
    case 'textFormatSource':
      return compileFormat(readSource(format.value, at(path, 'text_format_source')), path, '-');
    case 'jsonFormat':
      return jsonLine(format.value, at(path, 'json_format'), string!.omitEmptyValues);
    default:
      return compileFormat(DEFAULT_FORMAT, path, '-');
  }
}

function jsonLine(value: unknown, path: string, omitEmpty: boolean): Format {
  const format = compileJson(value, path, omitEmpty);
  return (exchange, response, ended) => `${JSON.stringify(format(exchange, response, ended))}\n`;
}

function compileCondition({ filterSpecifier: filter }: AccessLogFilter, path: string): Condition {
  switch (filter.case) {
    case 'statusCodeFilter': {
      const test = comparison(filter.value.comparison, at(path, 'status_code_filter.comparison'));
      return ({ response }) => test(response?.status ?? 0);
    }
    case 'durationFilter': {
      const test = comparison(filter.value.comparison, at(path, 'duration_filter.comparison'));
      return ({ started }, ended) => test(Math.floor(ended - started));
    }
    // No filter here answers health checks, so every exchange is none.
    case 'notHealthCheckFilter':
      return () => true;
    case 'andFilter': {
      const all = mapAt(filter.value.filters, at(path, 'and_filter.filters'), compileCondition);
      return (exchange, ended) => all.every((condition) => condition(exchange, ended));
    }
    case 'orFilter': {
      const any = mapAt(filter.value.filters, at(path, 'or_filter.filters'), compileCondition);
      return (exchange, ended) => any.some((condition) => condition(exchange, ended));
    }
    case 'headerFilter': {
      const test = compileHeader(filter.value.header, at(path, 'header_filter.header'));
      return ({ request }) => test(request);
    }
    case 'responseFlagFilter': {
      const wanted = new Set(filter.value.flags);
      return ({ flags }) =>
        flags !== 0 &&
        (wanted.size === 0 ||
          formatFlags(flags)
            .split(',')
            .some((name) => wanted.has(name)));
    }
    default:
      throw new ConfigError(path, 'is not supported');
  }
}

type Comparison = Extract<AccessLogFilter['filterSpecifier'], { case: 'statusCodeFilter' }>['value']['comparison'];

function comparison(filter: Comparison, path: string): (value: number) => boolean {
  const wanted = filter?.value?.defaultValue;
  if (filter === undefined || wanted === undefined) throw new ConfigError(path, 'has no value');
  switch (filter.op) {
    case ComparisonFilter_Op.EQ:
      return (value) => value === wanted;
    case ComparisonFilter_Op.GE:
      return (value) => value >= wanted;
    case ComparisonFilter_Op.LE:
      return (value) => value <= wanted;
    default:
      throw new ConfigError(at(path, 'op'), 'is not supported');
  }
}
