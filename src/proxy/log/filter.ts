// AccessLogFilter → whether an exchange is logged.
import {
  type AccessLogFilter,
  type ComparisonFilter,
  ComparisonFilter_Op as Op,
} from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import { flagNamed } from '../http/flags.ts';
import { compileHeader } from '../route/match/header-matcher.ts';

export type LogTest = (exchange: Exchange, ended: number) => boolean;

export function compileLogFilter({ filterSpecifier: filter }: AccessLogFilter, path: string): LogTest {
  switch (filter.case) {
    case 'statusCodeFilter': {
      const test = compileComparison(filter.value.comparison, at(path, 'status_code_filter.comparison'));
      return (exchange) => test(exchange.response?.status ?? 0);
    }
    case 'durationFilter': {
      const test = compileComparison(filter.value.comparison, at(path, 'duration_filter.comparison'));
      return (exchange, ended) => test(ended - exchange.started);
    }
    case 'notHealthCheckFilter':
      // Nothing here marks a request as a health check.
      return () => true;
    case 'andFilter': {
      const tests = mapAt(filter.value.filters, at(path, 'and_filter.filters'), compileLogFilter);
      return (exchange, ended) => tests.every((test) => test(exchange, ended));
    }
    case 'orFilter': {
      const tests = mapAt(filter.value.filters, at(path, 'or_filter.filters'), compileLogFilter);
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
    default:
      throw new ConfigError(path, 'has no supported filter');
  }
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
