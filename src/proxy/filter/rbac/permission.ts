// What is asked for: a Permission → a test on the exchange.
import { compileCidr } from '../../../lib/cidr.ts';
import type { CidrRange } from '../../../xds/gen/envoy/config/core/v3/address_pb.ts';
import type { Permission } from '../../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import type { PathMatcher } from '../../../xds/gen/envoy/type/matcher/v3/path_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { all, compileHeader } from '../../route/match/header-matcher.ts';
import { compilePathMatcher, compileTemplate } from '../../route/match/path-matcher.ts';
import { pathOnly } from '../../route/match/query.ts';
import { compileString } from '../../route/match/string-matcher.ts';
import { compileDynamicMetadata, compileSourcedMetadata } from './metadata.ts';

export type ExchangeTest = (exchange: Exchange) => boolean;

/** Rules within rules deeper than this are refused: they are walked on the stack. */
const DEEPEST = 32;

export function compilePermission({ rule }: Permission, path: string, depth = 0): ExchangeTest {
  refuseDeep(depth, path);
  switch (rule.case) {
    case 'any':
      return always(rule.value, path);
    case 'andRules':
      return all(compileSet(rule.value.rules, at(path, 'and_rules.rules'), depth));
    case 'orRules':
      return some(compileSet(rule.value.rules, at(path, 'or_rules.rules'), depth));
    case 'notRule': {
      const test = compilePermission(rule.value, at(path, 'not_rule'), depth + 1);
      return (exchange) => !test(exchange);
    }
    case 'header': {
      const test = compileHeader(rule.value, at(path, 'header'));
      return ({ request }) => test(request);
    }
    case 'urlPath':
      return compileUrlPath(rule.value, at(path, 'url_path'));
    case 'uriTemplate': {
      const { matches } = compileTemplate(rule.value, at(path, 'uri_template'));
      return ({ request }) => matches(pathOnly(request.path));
    }
    case 'destinationIp': {
      const test = compileRange(rule.value, at(path, 'destination_ip'));
      return ({ downstream }) => test(downstream.local.address);
    }
    case 'destinationPort':
      return ({ downstream }) => downstream.local.port === rule.value;
    case 'destinationPortRange': {
      const { start, end } = rule.value;
      if (start >= end) throw new ConfigError(at(path, 'destination_port_range'), 'is empty');
      return ({ downstream }) => downstream.local.port >= start && downstream.local.port < end;
    }
    case 'requestedServerName': {
      const test = compileString(rule.value, at(path, 'requested_server_name'));
      return ({ downstream }) => test(downstream.serverName);
    }
    case 'metadata':
      return compileDynamicMetadata(rule.value, at(path, 'metadata'));
    case 'sourcedMetadata':
      return compileSourcedMetadata(rule.value, at(path, 'sourced_metadata'));
    default:
      throw new ConfigError(path, 'has no supported rule');
  }
}

function compileSet(rules: readonly Permission[], path: string, depth: number): ExchangeTest[] {
  if (rules.length === 0) throw new ConfigError(path, 'is empty');
  return mapAt(rules, path, (rule, here) => compilePermission(rule, here, depth + 1));
}

/** Only `true` means something. */
export function always(value: boolean, path: string): ExchangeTest {
  if (!value) throw new ConfigError(at(path, 'any'), 'must be true');
  return () => true;
}

export function some(tests: readonly ExchangeTest[]): ExchangeTest {
  return (exchange) => {
    for (const test of tests) if (test(exchange)) return true;
    return false;
  };
}

export function compileUrlPath(matcher: PathMatcher, path: string): ExchangeTest {
  const test = compilePathMatcher(matcher, path);
  return ({ request }) => test(request.path);
}

export function compileRange(range: CidrRange, path: string): (address: string) => boolean {
  const test = compileCidr(range.addressPrefix, range.prefixLen ?? 0);
  if (test === null) throw new ConfigError(path, `${range.addressPrefix}/${range.prefixLen ?? 0} is no address range`);
  return test;
}

export function refuseDeep(depth: number, path: string): void {
  if (depth > DEEPEST) throw new ConfigError(path, `is nested deeper than ${DEEPEST}`);
}
