// The filter envoy.filters.http.api_key_auth: who a client is, by a key in a header, a query parameter or a cookie.
import {
  type ApiKeyAuth,
  type ApiKeyAuthPerRoute,
  ApiKeyAuthPerRouteSchema,
  ApiKeyAuthSchema,
  type Credential,
  type Forwarding,
  type KeySource,
} from '../../xds/gen/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { RequestHead } from '../http/message.ts';
import { cookieValue } from '../route/match/cookie.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { compiler, type FilterKind, perScope, routeSettings } from './define.ts';
import type { HttpFilter, LocalReply } from './filter.ts';

class ApiKeyAuthStats {
  allowed = 0;
  unauthorized = 0;
  forbidden = 0;
}

type Source = { find(head: RequestHead): string | undefined; remove(head: RequestHead): void };

/** null: not said here. */
type Keys = {
  /** Clients by key. */
  readonly clients: ReadonlyMap<string, string> | null;
  readonly sources: readonly Source[] | null;
  readonly forwarding: { readonly header: string; readonly hides: boolean } | null;
};

type RouteKeys = Keys & { readonly allowed: ReadonlySet<string> };

const LONGEST_NAME = 1024;
const HEADER_NAME = /^[^\0\r\n]*$/;
const ofRoute = routeSettings<RouteKeys>();

export const apiKeyAuth: FilterKind = {
  chain: compiler(ApiKeyAuthSchema, createApiKeyAuth),
  route: compiler(ApiKeyAuthPerRouteSchema, (config, name, path) =>
    ofRoute.make(name, { ...compileKeys(config, path), allowed: new Set(config.allowedClients.map(bytesOf)) }),
  ),
};

function createApiKeyAuth(config: ApiKeyAuth, name: string, path: string): HttpFilter {
  const chain = compileKeys(config, path);
  const statsOf = perScope((scope) => scope.stats(`${scope.prefix}api_key_auth`, () => new ApiKeyAuthStats()));
  return {
    name,
    request(exchange, scope) {
      const route = ofRoute.of(exchange, name);
      const verdict = check(exchange.request, chain, route);
      const stats = statsOf(scope);
      if (verdict === undefined) stats.allowed += 1;
      else if (verdict.status === 403) stats.forbidden += 1;
      else stats.unauthorized += 1;
      return verdict;
    },
  };
}

function check(head: RequestHead, chain: Keys, route: RouteKeys | undefined): LocalReply | undefined {
  const sources = route?.sources ?? chain.sources;
  const clients = route?.clients ?? chain.clients;
  if (sources === null) return refusal(401, 'missing_key_sources');
  if (clients === null) return refusal(401, 'missing_credentials');
  const key = firstKey(sources, head);
  if (key === undefined) return refusal(401, 'missing_api_key');
  const client = clients.get(key);
  if (client === undefined) return refusal(401, 'unkonwn_api_key');
  if (route !== undefined && route.allowed.size > 0 && !route.allowed.has(client))
    return refusal(403, 'client_not_allowed');
  const forwarding = route?.forwarding ?? chain.forwarding;
  if (forwarding === null) return undefined;
  if (forwarding.header !== '') head.headers.set(forwarding.header, client);
  if (forwarding.hides) for (const source of sources) source.remove(head);
  return undefined;
}

function firstKey(sources: readonly Source[], head: RequestHead): string | undefined {
  for (const source of sources) {
    const key = source.find(head);
    if (key !== undefined && key !== '') return key;
  }
  return undefined;
}

function refusal(status: 401 | 403, details: string): LocalReply {
  const body = status === 401 ? 'Client authentication failed.' : 'Client is forbidden.';
  return { status, body, details, flags: 0, headers: null };
}

function compileKeys(config: ApiKeyAuth | ApiKeyAuthPerRoute, path: string): Keys {
  const { credentials, keySources, forwarding } = config;
  return {
    clients: credentials.length === 0 ? null : readCredentials(credentials, at(path, 'credentials')),
    sources: keySources.length === 0 ? null : mapAt(keySources, at(path, 'key_sources'), compileSource),
    forwarding: forwarding === undefined ? null : compileForwarding(forwarding, at(path, 'forwarding')),
  };
}

function readCredentials(credentials: readonly Credential[], path: string): ReadonlyMap<string, string> {
  const clients = new Map<string, string>();
  mapAt(credentials, path, ({ key, client }, here) => {
    if (key === '') throw new ConfigError(at(here, 'key'), 'is empty');
    if (client === '') throw new ConfigError(at(here, 'client'), 'is empty');
    if (clients.has(bytesOf(key))) throw new ConfigError(at(here, 'key'), 'is there twice');
    clients.set(bytesOf(key), bytesOf(client));
  });
  return clients;
}

function compileForwarding({ header, hideCredentials }: Forwarding, path: string): NonNullable<Keys['forwarding']> {
  checkName(header, at(path, 'header'));
  return { header: header.toLowerCase(), hides: hideCredentials };
}

/** The first that is set counts: header, query, cookie. */
function compileSource({ header, query, cookie }: KeySource, path: string): Source {
  checkName(header, at(path, 'header'));
  checkName(query, at(path, 'query'));
  checkName(cookie, at(path, 'cookie'));
  if (header !== '') return headerSource(header.toLowerCase());
  if (query !== '') return querySource(bytesOf(query));
  if (cookie !== '') return cookieSource(bytesOf(cookie));
  throw new ConfigError(path, 'has neither header, query nor cookie');
}

function checkName(name: string, path: string): void {
  if (Buffer.byteLength(name) > LONGEST_NAME) throw new ConfigError(path, `must have at most ${LONGEST_NAME} bytes`);
  if (!HEADER_NAME.test(name)) throw new ConfigError(path, 'is not a name');
}

function headerSource(name: string): Source {
  return {
    find({ headers }) {
      const value = headers.get(name);
      return value?.startsWith('Bearer ') === true ? value.slice(7) : value;
    },
    remove: ({ headers }) => headers.remove(name),
  };
}

/** Names and values are compared decoded; parameters that stay are written in the order of their names, as by Envoy. */
function querySource(name: string): Source {
  return {
    find: ({ path }) => parametersOf(path).find(([known]) => known === name)?.[1],
    remove(head) {
      const start = head.path.indexOf('?');
      if (start < 0) return;
      const left = parametersOf(head.path)
        .filter(([known]) => known !== name)
        .sort(([a], [b]) => (a < b ? -1 : Number(a > b)))
        .map((pair) => pair.join('='));
      head.path = head.path.slice(0, start) + (left.length === 0 ? '' : `?${left.join('&')}`);
    },
  };
}

function parametersOf(path: string): (readonly [name: string, value: string])[] {
  const start = path.indexOf('?');
  if (start < 0) return [];
  const end = path.indexOf('#', start);
  const query = path.slice(start + 1, end < 0 ? undefined : end);
  return query.split('&').map((pair) => {
    const equals = pair.indexOf('=');
    return equals < 0 ? [decoded(pair), ''] : [decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))];
  });
}

/** What is no escape stays as it is. */
function decoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

function cookieSource(name: string): Source {
  return {
    find: ({ headers }) => cookieValue(headers, name),
    remove({ headers }) {
      const pairs = [...headers].flatMap(([field, value]) => (field === 'cookie' ? value.split(';') : []));
      if (pairs.length === 0) return;
      const left = pairs.filter((pair) => pair.split('=', 1)[0]!.trim() !== name);
      const rest = left.map((pair) => pair.trim()).join('; ');
      if (rest === '') headers.remove('cookie');
      else headers.set('cookie', rest);
    },
  };
}
