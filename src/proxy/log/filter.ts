// AccessLogFilter → whether an exchange is logged.
import {
  type AccessLogFilter,
  type ComparisonFilter,
  type ExtensionFilter,
  type GrpcStatusFilter,
  type LogTypeFilter,
  type MetadataFilter,
  ComparisonFilter_Op as Op,
  type RuntimeFilter,
} from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { AccessLogType } from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import { ExpressionFilterSchema } from '../../xds/gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import { FractionalPercent_DenominatorType } from '../../xds/gen/envoy/type/v3/percent_pb.ts';
import { unpack } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { keyed, type RuntimeLookup } from '../config/runtime-keys.ts';
import { denominator } from '../config/values.ts';
import { compileText } from '../expression/expression.ts';
import type { Exchange, LogType } from '../http/exchange.ts';
import { flagNamed } from '../http/flags.ts';
import { statusOf } from '../http/grpc-status.ts';
import { compileHeader } from '../route/match/header-matcher.ts';
import { compileValue } from '../route/match/metadata-matcher.ts';

export type LogTest = (exchange: Exchange, ended: number, runtime: RuntimeLookup) => boolean;

export function compileLogFilter({ filterSpecifier: filter }: AccessLogFilter, path: string): LogTest {
  switch (filter.case) {
    case 'statusCodeFilter': {
      const test = compileComparison(filter.value.comparison, at(path, 'status_code_filter.comparison'));
      return (exchange, _ended, runtime) => test(exchange.response?.status ?? 0, runtime);
    }
    case 'durationFilter': {
      const test = compileComparison(filter.value.comparison, at(path, 'duration_filter.comparison'));
      return (exchange, ended, runtime) => test(ended === 0 ? 0 : Math.floor(ended - exchange.started), runtime);
    }
    case 'notHealthCheckFilter':
      return ({ healthCheck }) => !healthCheck;
    case 'traceableFilter':
      return ({ traced, healthCheck }) => traced && !healthCheck;
    case 'runtimeFilter':
      return compileSample(filter.value, at(path, 'runtime_filter'));
    case 'andFilter': {
      const tests = compileAll(filter.value.filters, at(path, 'and_filter.filters'));
      return (...from) => tests.every((test) => test(...from));
    }
    case 'orFilter': {
      const tests = compileAll(filter.value.filters, at(path, 'or_filter.filters'));
      return (...from) => tests.some((test) => test(...from));
    }
    case 'headerFilter': {
      const test = compileHeader(filter.value.header, at(path, 'header_filter.header'));
      return ({ request }) => test(request);
    }
    case 'responseFlagFilter': {
      const wanted = flagBits(filter.value.flags, at(path, 'response_flag_filter.flags'));
      return ({ flags }) => (flags & wanted) !== 0;
    }
    case 'grpcStatusFilter':
      return compileGrpc(filter.value);
    case 'metadataFilter':
      return compileMetadata(filter.value, at(path, 'metadata_filter'));
    case 'logTypeFilter':
      return compileLogType(filter.value, at(path, 'log_type_filter'));
    case 'extensionFilter':
      return compileExpression(filter.value, at(path, 'extension_filter'));
    default:
      throw new ConfigError(path, 'has no supported filter');
  }
}

function compileExpression({ configType }: ExtensionFilter, path: string): LogTest {
  const here = at(path, 'typed_config');
  const { expression, celConfig } = unpack(configType.value, ExpressionFilterSchema, here);
  const { matches } = compileText(expression, at(here, 'expression'), celConfig);
  return (exchange, ended) => matches({ exchange, response: exchange.response, ended });
}

/** Envoy wants two at least. */
function compileAll(filters: readonly AccessLogFilter[], path: string): LogTest[] {
  if (filters.length < 2) throw new ConfigError(path, 'needs two filters or more');
  return mapAt(filters, path, compileLogFilter);
}

/** [] is any flag. */
function flagBits(names: readonly string[], path: string): number {
  if (names.length === 0) return -1;
  const bits = mapAt(names, path, (name, here) => {
    const bit = flagNamed(name);
    if (bit === undefined) throw new ConfigError(here, `${name} is no response flag`);
    return bit;
  });
  return bits.reduce((all, bit) => all | bit, 0);
}

function compileComparison(
  comparison: ComparisonFilter | undefined,
  path: string,
): (value: number, runtime: RuntimeLookup) => boolean {
  if (comparison?.value === undefined) throw new ConfigError(at(path, 'value'), 'is required');
  const { runtimeKey, defaultValue } = comparison.value;
  if (runtimeKey === '') throw new ConfigError(at(path, 'value.runtime_key'), 'is empty');
  const limit = keyed('integer', runtimeKey, defaultValue);
  switch (comparison.op) {
    case Op.EQ:
      return (value, runtime) => value === limit(runtime);
    case Op.GE:
      return (value, runtime) => value >= limit(runtime);
    case Op.LE:
      return (value, runtime) => value <= limit(runtime);
    case Op.NE:
      return (value, runtime) => value !== limit(runtime);
    default:
      throw new ConfigError(at(path, 'op'), 'is not known');
  }
}

/**
 * A share of all requests; every proxy on the way takes the same ones, because the request's id decides, unless each is to choose for itself.
 * The runtime's value is in parts of the configured fraction's denominator.
 */
function compileSample(
  { runtimeKey, percentSampled, useIndependentRandomness: own }: RuntimeFilter,
  path: string,
): LogTest {
  if (runtimeKey === '') throw new ConfigError(at(path, 'runtime_key'), 'is empty');
  const limit = keyed('integer', runtimeKey, percentSampled?.numerator ?? 0);
  const parts = denominator(percentSampled?.denominator ?? FractionalPercent_DenominatorType.HUNDRED);
  return (exchange, _ended, runtime) =>
    ((own ? null : drawnById(exchange)) ?? ownDraw(exchange)) % parts < limit(runtime);
}

/** null: the request has no id that is a number. */
function drawnById({ request }: Exchange): number | null {
  const id = request.headers.get('x-request-id') ?? '';
  return /^[0-9a-f]{8}/.test(id) ? Number.parseInt(id.slice(0, 8), 16) : null;
}

/** Spread evenly by the connection and the moment the request came (microseconds). */
function ownDraw({ downstream, started }: Exchange): number {
  return Math.imul(downstream.id * 7919 + Math.floor(started * 1000), 0x9e3779b1) >>> 0;
}

const UNKNOWN = 2;

/** Protobuf's numbers of the statuses are gRPC's. [] matches none, so that `exclude` alone logs all. */
function compileGrpc({ statuses, exclude }: GrpcStatusFilter): LogTest {
  const wanted = new Set<number>(statuses);
  return (exchange) => wanted.has(statusOf(exchange, exchange.response) ?? UNKNOWN) !== exclude;
}

function compileMetadata({ matcher, matchIfKeyNotFound }: MetadataFilter, path: string): LogTest {
  const absent = matchIfKeyNotFound ?? true;
  if (matcher === undefined) return () => absent;
  const here = at(path, 'matcher');
  const test = compileValue(matcher.value, at(here, 'value'));
  const keys = mapAt(matcher.path, at(here, 'path'), ({ segment }, there) => {
    if (segment.case !== 'key' || segment.value === '') throw new ConfigError(at(there, 'key'), 'is required');
    return segment.value;
  });
  return ({ metadata }) => {
    let value: unknown = metadata?.get(matcher.filter);
    for (const key of keys) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
    return value === undefined ? absent : test(value) !== matcher.invert;
  };
}

const LOG_TYPES: ReadonlyMap<AccessLogType, LogType> = new Map([
  [AccessLogType.DownstreamStart, 'DownstreamStart'],
  [AccessLogType.DownstreamPeriodic, 'DownstreamPeriodic'],
  [AccessLogType.DownstreamEnd, 'DownstreamEnd'],
]);

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(AccessLogType));

function compileLogType({ types, exclude }: LogTypeFilter, path: string): LogTest {
  const wanted = new Set<LogType>();
  for (const [i, type] of types.entries()) {
    if (!KNOWN_TYPES.has(type)) throw new ConfigError(at(path, `types[${i}]`), 'is not known');
    const written = LOG_TYPES.get(type);
    if (written !== undefined) wanted.add(written);
  }
  return ({ logType }) => wanted.has(logType) !== exclude;
}
