// Who asks: a Principal → a test on the exchange.
import type { Principal } from '../../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { all, compileHeader } from '../../route/match/header-matcher.ts';
import { compileAuthenticated, compileCustom } from './authenticated.ts';
import { compileDynamicMetadata, compileFilterState, compileSourcedMetadata } from './metadata.ts';
import { always, compileRange, compileUrlPath, type ExchangeTest, refuseDeep, some } from './permission.ts';

export function compilePrincipal({ identifier }: Principal, path: string, depth = 0): ExchangeTest {
  refuseDeep(depth, path);
  switch (identifier.case) {
    case 'any':
      return always(identifier.value, path);
    case 'andIds':
      return all(compileSet(identifier.value.ids, at(path, 'and_ids.ids'), depth));
    case 'orIds':
      return some(compileSet(identifier.value.ids, at(path, 'or_ids.ids'), depth));
    case 'notId': {
      const test = compilePrincipal(identifier.value, at(path, 'not_id'), depth + 1);
      return (exchange) => !test(exchange);
    }
    case 'authenticated':
      return compileAuthenticated(identifier.value, at(path, 'authenticated'));
    case 'custom':
      return compileCustom(identifier.value, at(path, 'custom'));
    case 'sourceIp': {
      const test = compileRange(identifier.value, at(path, 'source_ip'));
      return ({ downstream }) => test(downstream.remote.address);
    }
    case 'directRemoteIp': {
      const test = compileRange(identifier.value, at(path, 'direct_remote_ip'));
      return ({ downstream }) => test(downstream.directRemote.address);
    }
    case 'remoteIp': {
      const test = compileRange(identifier.value, at(path, 'remote_ip'));
      return (exchange) => test(exchange.clientAddress);
    }
    case 'header': {
      const test = compileHeader(identifier.value, at(path, 'header'));
      return ({ request }) => test(request);
    }
    case 'urlPath':
      return compileUrlPath(identifier.value, at(path, 'url_path'));
    case 'metadata':
      return compileDynamicMetadata(identifier.value, at(path, 'metadata'));
    case 'sourcedMetadata':
      return compileSourcedMetadata(identifier.value, at(path, 'sourced_metadata'));
    case 'filterState':
      return compileFilterState(identifier.value, at(path, 'filter_state'));
    default:
      throw new ConfigError(path, 'has no supported identifier');
  }
}

function compileSet(ids: readonly Principal[], path: string, depth: number): ExchangeTest[] {
  if (ids.length === 0) throw new ConfigError(path, 'is empty');
  return mapAt(ids, path, (id, here) => compilePrincipal(id, here, depth + 1));
}
