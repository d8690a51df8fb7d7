// RateLimit messages of routes and filters → what a request is counted under: descriptors of key and value pairs.

import { isIPv4 } from 'node:net';
import { compileCidr, maskAddress } from '../../../lib/cidr.ts';
import type {
  RateLimit,
  RateLimit_Action,
  RateLimit_Action_MaskedRemoteAddress,
  RateLimit_Action_MetaData,
  RateLimit_Action_RemoteAddressMatch,
} from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import {
  RateLimit_XRateLimitOption as Shown,
  RateLimit_Action_MetaData_Source as Source,
} from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { RateLimitUnit as Unit } from '../../../xds/gen/envoy/type/v3/ratelimit_unit_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { type Keyed, keyed } from '../../config/runtime-keys.ts';
import type { Exchange } from '../../http/exchange.ts';
import { compileFormat } from '../../log/format.ts';
import { chosenCluster } from '../../route/chosen-cluster.ts';
import { compileHeaders, requestLookup } from '../../route/match/header-matcher.ts';
import { compileQuery, queryValue } from '../../route/match/query.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';
import type { FilterScope } from '../filter.ts';
import { compileExpression } from './expression-entry.ts';
import { compileHits, compileMetadataPath, compileOverride } from './rule-extras.ts';

export type Entry = { readonly key: string; readonly value: string };

/** What a request is counted under, and how. */
export type Descriptor = {
  readonly entries: readonly Entry[];
  /** A limit that the request brings with it, instead of the service's; null: none. */
  readonly limit: LimitOverride | null;
  /** null: as the request as a whole. */
  readonly hits: Hits | null;
  readonly shows: LimitsShown;
};

export type LimitOverride = { readonly requestsPerUnit: number; readonly unit: Unit };
export type Hits = { readonly count: bigint; readonly negative: boolean };
/** Whether a client sees the limit, whatever the filter says. */
export type LimitsShown = 'as-configured' | 'always' | 'never';

export type RateLimitRule = {
  readonly stage: number;
  /** Asked when the exchange is over instead of before it. */
  readonly onDone: boolean;
  /** The share of requests that the runtime leaves it (`disable_key`); null: it is not asked. */
  readonly enabled: Keyed<number> | null;
  /** null: the request is not counted under this rule. */
  descriptor(exchange: Exchange, scope: FilterScope): Descriptor | null;
};

/** null: there is none, and the rule does not apply. 'skip': the descriptor goes without this entry. */
export type Action = (exchange: Exchange, scope: FilterScope) => Entry | null | 'skip';

const HIGHEST_STAGE = 10;
const SHOWN: ReadonlyMap<Shown, LimitsShown> = new Map([
  [Shown.OFF, 'never'],
  [Shown.DRAFT_VERSION_03, 'always'],
]);

/** `hits_addend` is read in the rules of filters only, as by Envoy. */
export function compileRules(
  limits: readonly RateLimit[],
  path: string,
  owner: 'filter' | 'route' = 'filter',
): readonly RateLimitRule[] {
  return mapAt(limits, path, (limit, here) => {
    const stage = limit.stage ?? 0;
    if (stage > HIGHEST_STAGE) throw new ConfigError(at(here, 'stage'), `must be at most ${HIGHEST_STAGE}`);
    if (limit.actions.length === 0) throw new ConfigError(at(here, 'actions'), 'is empty');
    const actions = mapAt(limit.actions, at(here, 'actions'), compileAction);
    const overrides = compileOverride(limit.limit, at(here, 'limit'));
    const hits = compileHits(owner === 'filter' ? limit.hitsAddend : undefined, at(here, 'hits_addend'));
    const shows = SHOWN.get(limit.xRatelimitOption) ?? 'as-configured';
    return {
      stage,
      onDone: limit.applyOnStreamDone,
      enabled: limit.disableKey === '' ? null : keyed('share', `ratelimit.${limit.disableKey}.http_filter_enabled`, 1),
      descriptor(exchange, scope) {
        const entries = entriesOf(actions, exchange, scope);
        if (entries === null) return null;
        const counted = hits(exchange);
        return counted === undefined ? null : { entries, limit: overrides(exchange), hits: counted, shows };
      },
    };
  });
}

function entriesOf(actions: readonly Action[], exchange: Exchange, scope: FilterScope): readonly Entry[] | null {
  const entries: Entry[] = [];
  for (const action of actions) {
    const entry = action(exchange, scope);
    if (entry === null) return null;
    if (entry !== 'skip') entries.push(entry);
  }
  return entries.length === 0 ? null : entries;
}

function compileAction({ actionSpecifier: action }: RateLimit_Action, path: string): Action {
  switch (action.case) {
    case 'sourceCluster':
      return (_exchange, { node }) => ({ key: 'source_cluster', value: node.cluster });
    case 'destinationCluster':
      return (exchange, scope) => {
        const value = chosenCluster(exchange, scope.random);
        return value === null ? null : { key: 'destination_cluster', value };
      };
    case 'requestHeaders': {
      const { headerName, descriptorKey, skipIfAbsent } = action.value;
      const key = required(descriptorKey, at(path, 'request_headers.descriptor_key'));
      const find = requestLookup(required(headerName, at(path, 'request_headers.header_name')).toLowerCase());
      return ({ request }) => present(key, find(request), skipIfAbsent);
    }
    case 'queryParameters': {
      const { queryParameterName, descriptorKey, skipIfAbsent } = action.value;
      const key = required(descriptorKey, at(path, 'query_parameters.descriptor_key'));
      const name = bytesOf(required(queryParameterName, at(path, 'query_parameters.query_parameter_name')));
      return ({ request }) => present(key, queryValue(request.path, name), skipIfAbsent);
    }
    case 'remoteAddress':
      return ({ clientAddress }) => ({ key: 'remote_address', value: clientAddress });
    case 'maskedRemoteAddress':
      return compileMasked(action.value, at(path, 'masked_remote_address'));
    case 'genericKey': {
      const { descriptorKey, descriptorValue } = action.value;
      const value = required(descriptorValue, at(path, 'generic_key.descriptor_value'));
      return () => ({ key: descriptorKey || 'generic_key', value });
    }
    case 'headerValueMatch': {
      const { descriptorKey, descriptorValue, expectMatch, headers } = action.value;
      const here = at(path, 'header_value_match');
      const test = compileHeaders(headers, at(here, 'headers'));
      if (headers.length === 0) throw new ConfigError(at(here, 'headers'), 'is empty');
      const entry = {
        key: descriptorKey || 'header_match',
        value: required(descriptorValue, at(here, 'descriptor_value')),
      };
      return ({ request }) => (test(request) === (expectMatch ?? true) ? entry : null);
    }
    case 'queryParameterValueMatch': {
      const { descriptorKey, descriptorValue, expectMatch, queryParameters } = action.value;
      const here = at(path, 'query_parameter_value_match');
      const tests = mapAt(queryParameters, at(here, 'query_parameters'), compileQuery);
      if (tests.length === 0) throw new ConfigError(at(here, 'query_parameters'), 'is empty');
      const entry = {
        key: descriptorKey || 'query_match',
        value: required(descriptorValue, at(here, 'descriptor_value')),
      };
      return ({ request }) => (tests.every((test) => test(request.path)) === (expectMatch ?? true) ? entry : null);
    }
    case 'remoteAddressMatch':
      return compileAddressMatch(action.value, at(path, 'remote_address_match'));
    case 'metadata':
      return compileMetadataAction(action.value, at(path, 'metadata'));
    case 'extension':
      return compileExpression(action.value, at(path, 'extension'));
    default:
      throw new ConfigError(path, 'has no supported action');
  }
}

function compileMasked(
  { v4PrefixMaskLen, v6PrefixMaskLen }: RateLimit_Action_MaskedRemoteAddress,
  path: string,
): Action {
  const v4 = v4PrefixMaskLen ?? 32;
  const v6 = v6PrefixMaskLen ?? 128;
  if (v4 > 32) throw new ConfigError(at(path, 'v4_prefix_mask_len'), 'must be at most 32');
  if (v6 > 128) throw new ConfigError(at(path, 'v6_prefix_mask_len'), 'must be at most 128');
  return ({ clientAddress }) => {
    const bits = isIPv4(clientAddress) ? v4 : v6;
    return { key: 'masked_remote_address', value: `${maskAddress(clientAddress, bits)}/${bits}` };
  };
}

function compileAddressMatch(action: RateLimit_Action_RemoteAddressMatch, path: string): Action {
  const key = action.descriptorKey || 'remote_address_match';
  const text = bytesOf(required(action.descriptorValue, at(path, 'descriptor_value')));
  const write = compileFormat(text, at(path, 'descriptor_value'), { missing: '' });
  const fallback = bytesOf(action.defaultValue);
  const { ranges = [], invertMatch = false } = action.addressMatcher ?? {};
  const here = at(path, 'address_matcher.ranges');
  if (ranges.length === 0) throw new ConfigError(here, 'is empty');
  const tests = mapAt(ranges, here, ({ addressPrefix, prefixLen }, where) => {
    const test = compileCidr(addressPrefix, prefixLen);
    if (test === null) throw new ConfigError(where, 'is no range of addresses');
    return test;
  });
  return (exchange) => {
    if (tests.some((test) => test(exchange.clientAddress)) === invertMatch) return null;
    return present(key, write(exchange, null, 0) || fallback, false);
  };
}

function compileMetadataAction(action: RateLimit_Action_MetaData, path: string): Action {
  const { metadataKey, defaultValue, skipIfAbsent } = action;
  const key = required(action.descriptorKey, at(path, 'descriptor_key'));
  const find = compileMetadataPath(metadataKey, at(path, 'metadata_key'));
  if (action.source !== Source.DYNAMIC && action.source !== Source.ROUTE_ENTRY)
    throw new ConfigError(at(path, 'source'), 'is not supported');
  return ({ metadata, route }) => {
    const value = find((name) => (action.source === Source.DYNAMIC ? metadata?.get(name) : route?.metadata[name]));
    return present(
      key,
      typeof value === 'string' && value !== '' ? bytesOf(value) : defaultValue || undefined,
      skipIfAbsent,
    );
  };
}

function present(key: string, value: string | undefined, skippable: boolean): Entry | null | 'skip' {
  if (value !== undefined && value !== '') return { key, value };
  return skippable ? 'skip' : null;
}

function required(text: string, path: string): string {
  if (text === '') throw new ConfigError(path, 'is empty');
  return text;
}
