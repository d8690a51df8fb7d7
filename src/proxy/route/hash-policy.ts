// hash_policy → the number that hashing balancers choose by: Envoy's xxHash64, several combined by rotation.
import { combineHashes, type Hash64, xxHash64 } from '../../lib/hash.ts';
import type { RouteAction_HashPolicy } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead } from '../http/message.ts';
import { compileAffinity } from './affinity-cookie.ts';
import { cookieValue } from './match/cookie.ts';
import { requestLookup } from './match/header-matcher.ts';
import { queryValue } from './match/query.ts';
import { bytesOf } from './match/string-matcher.ts';
import { compileSubstitution } from './rewrite.ts';
import type { ForwardAction } from './table.ts';

type HashInput = (request: RequestHead, exchange: Exchange) => string | undefined;

export function compileHash(policies: readonly RouteAction_HashPolicy[], path: string): ForwardAction['hash'] {
  if (policies.length === 0) return null;
  const inputs = mapAt(policies, path, (policy, here) => ({
    read: compileInput(policy, here),
    terminal: policy.terminal,
  }));
  return (request, exchange) => {
    let hash: Hash64 | null = null;
    for (const { read, terminal } of inputs) {
      const input = read(request, exchange);
      if (input !== undefined) hash = hash === null ? xxHash64(input) : combineHashes(hash, xxHash64(input));
      if (terminal && hash !== null) break;
    }
    return hash;
  };
}

function compileInput(policy: RouteAction_HashPolicy, path: string): HashInput {
  const specifier = policy.policySpecifier;
  switch (specifier.case) {
    case 'header': {
      const { headerName, regexRewrite } = specifier.value;
      if (headerName === '') throw new ConfigError(at(path, 'header.header_name'), 'is empty');
      const lookup = requestLookup(headerName);
      if (!regexRewrite) return lookup;
      const replace = compileSubstitution(regexRewrite, at(path, 'header.regex_rewrite'));
      return (request) => {
        const value = lookup(request);
        return value === undefined ? undefined : replace(value);
      };
    }
    case 'cookie': {
      const { name, ttl } = specifier.value;
      if (name === '') throw new ConfigError(at(path, 'cookie.name'), 'is empty');
      const bytes = bytesOf(name);
      if (ttl === undefined) return ({ headers }) => cookieValue(headers, bytes);
      const give = compileAffinity(specifier.value);
      return ({ headers }, exchange) => cookieValue(headers, bytes) ?? give(exchange);
    }
    case 'connectionProperties':
      return specifier.value.sourceIp ? (_request, exchange) => exchange.clientAddress : () => undefined;
    case 'filterState': {
      const { key } = specifier.value;
      if (key === '') throw new ConfigError(at(path, 'filter_state.key'), 'is empty');
      return (_request, { filterState, hashableState }) =>
        hashableState?.has(key) === true ? filterState?.get(key) : undefined;
    }
    case 'queryParameter': {
      const name = bytesOf(specifier.value.name);
      return (request) => queryValue(request.path, name);
    }
    default:
      throw new ConfigError(path, 'has no supported policy');
  }
}
