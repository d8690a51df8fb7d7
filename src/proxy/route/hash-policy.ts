// hash_policy → the number that hashing balancers choose by: Envoy's xxHash64, several combined by rotation.
import { combineHashes, type Hash64, xxHash64 } from '../../lib/hash.ts';
import type { RouteAction_HashPolicy } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead } from '../http/message.ts';
import { compileAffinity } from './affinity-cookie.ts';
import { cookieValue } from './match/cookie.ts';
import { isPseudo, requestLookup } from './match/header-matcher.ts';
import { queryValue } from './match/query.ts';
import { bytesOf } from './match/string-matcher.ts';
import { compileSubstitution } from './rewrite.ts';
import type { ForwardAction } from './table.ts';

/** Of a header that is repeated there are several. */
type HashInput = (request: RequestHead, exchange: Exchange) => string | readonly string[] | undefined;

/** What becomes of a client without the cookie it should have: it may be given one, or is taken as it is. */
type Strangers = 'given cookies' | 'as it is';

export function compileHash(
  policies: readonly RouteAction_HashPolicy[],
  path: string,
  strangers: Strangers = 'given cookies',
): ForwardAction['hash'] {
  if (policies.length === 0) return null;
  const inputs = mapAt(policies, path, (policy, here) => ({
    read: compileInput(policy, strangers, here),
    terminal: policy.terminal,
  }));
  return (request, exchange) => {
    let hash: Hash64 | null = null;
    for (const { read, terminal } of inputs) {
      const input = read(request, exchange);
      if (input !== undefined) hash = hash === null ? hashOf(input) : combineHashes(hash, hashOf(input));
      if (terminal && hash !== null) break;
    }
    return hash;
  };
}

function compileInput(policy: RouteAction_HashPolicy, strangers: Strangers, path: string): HashInput {
  const specifier = policy.policySpecifier;
  switch (specifier.case) {
    case 'header': {
      const { headerName, regexRewrite } = specifier.value;
      if (headerName === '') throw new ConfigError(at(path, 'header.header_name'), 'is empty');
      const lookup = compileLookup(headerName);
      if (!regexRewrite) return lookup;
      const replace = compileSubstitution(regexRewrite, at(path, 'header.regex_rewrite'));
      return (request) => lookup(request)?.map(replace);
    }
    case 'cookie': {
      const { name, ttl } = specifier.value;
      if (name === '') throw new ConfigError(at(path, 'cookie.name'), 'is empty');
      const bytes = bytesOf(name);
      // An empty one is none.
      const given: HashInput = ({ headers }) => cookieValue(headers, bytes) || undefined;
      if (ttl === undefined || strangers === 'as it is') return given;
      const give = compileAffinity(specifier.value);
      return (request, exchange) => given(request, exchange) ?? give(exchange);
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

/** All values of a header; undefined: there is none. */
function compileLookup(headerName: string): (request: RequestHead) => readonly string[] | undefined {
  const name = headerName.toLowerCase();
  if (isPseudo(name)) {
    const lookup = requestLookup(name);
    return (request) => {
      const value = lookup(request);
      return value === undefined ? undefined : [value];
    };
  }
  return ({ headers: { fields } }) => {
    const values: string[] = [];
    for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) values.push(fields[i + 1]!);
    return values.length === 0 ? undefined : values;
  };
}

/** Several values in whatever order: each seeds the next. */
function hashOf(input: string | readonly string[]): Hash64 {
  if (typeof input === 'string') return xxHash64(input);
  const [first, ...others] = input.length === 1 ? input : input.toSorted();
  return others.reduce<Hash64>((hash, value) => xxHash64(value, hash), xxHash64(first!));
}
