// AccessLogFilter → whether an exchange is logged.
import {
  type AccessLogFilter,
  type ComparisonFilter,
  type GrpcStatusFilter,
  type LogTypeFilter,
  type MetadataFilter,
  ComparisonFilter_Op as Op,
  type RuntimeFilter,
} from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { AccessLogType } from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { share } from '../config/values.ts';
import type { Exchange, LogType } from '../http/exchange.ts';
import { flagNamed } from '../http/flags.ts';
import { compileHeader } from '../route/match/header-matcher.ts';
import { compileValue } from '../route/match/metadata-matcher.ts';
import { statusOf } from './operators/grpc.ts';

export type LogTest = (exchange: Exchange, ended: number) => boolean;

export function compileLogFilter({ filterSpecifier: filter }: AccessLogFilter, path: string): LogTest {
  switch (filter.case) {
    case 'statusCodeFilter': {
      const test = compileComparison(filter.value.comparison, at(path, 'status_code_filter.comparison'));
      return (exchange) => test(exchange.response?.status ?? 0);
    }
    case 'durationFilter': {
      const test = compileComparison(filter.value.comparison, at(path, 'duration_filter.comparison'));
      return (exchange, ended) => test(ended === 0 ? 0 : Math.floor(ended - exchange.started));
    }
    case 'notHealthCheckFilter':
      return ({ healthCheck }) => !healthCheck;
    case 'traceableFilter':
      return ({ traced, healthCheck }) => traced && !healthCheck;
    case 'runtimeFilter':
      return compileSample(filter.value);
    case 'andFilter': {
      const tests = compileAll(filter.value.filters, at(path, 'and_filter.filters'));
      return (exchange, ended) => tests.every((test) => test(exchange, ended));
    }
    case 'orFilter': {
      const tests = compileAll(filter.value.filters, at(path, 'or_filter.filters'));
      return (exchange, ended) => tests.some((test) => test(exchange, ended));
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
    default:
      throw new ConfigError(path, 'has no supported filter');
  }
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

function compileComparison(comparison: ComparisonFilter | undefined, path: string): (value: number) => boolean {
  const limit = comparison?.value?.defaultValue;
  if (comparison === undefined || limit === undefined) throw new ConfigError(at(path, 'value'), 'is required');
  switch (comparison.op) {
    case Op.EQ:
      return (value) => value === limit;
    case Op.GE:
      return (value) => value >= limit;
    case Op.LE:
      return (value) => value <= limit;
    case Op.NE:
      return (value) => value !== limit;
    default:
      throw new ConfigError(at(path, 'op'), 'is not known');
  }
}

const DRAWS = 1_000_000;

/** A share of all requests; every proxy on the way takes the same ones, because the request's id decides, unless each is to choose for itself. */
function compileSample({ percentSampled, useIndependentRandomness }: RuntimeFilter): LogTest {
  const limit = share(percentSampled, 0) * DRAWS;
  if (useIndependentRandomness) return (exchange) => ownDraw(exchange) < limit;
  return (exchange) => {
    const id = exchange.request.headers.get('x-request-id') ?? '';
    const drawn = /^[0-9a-f]{8}/.test(id) ? Number.parseInt(id.slice(0, 8), 16) % DRAWS : ownDraw(exchange);
    return drawn < limit;
  };
}

/** Spread evenly by the connection and the moment the request came (microseconds). */
function ownDraw({ downstream, started }: Exchange): number {
  return (Math.imul(downstream.id * 7919 + Math.floor(started * 1000), 0x9e3779b1) >>> 0) % DRAWS;
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
