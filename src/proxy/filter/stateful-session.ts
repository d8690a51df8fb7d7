// The filter envoy.filters.http.stateful_session: a cookie or a header says which endpoint a client's requests belong to.
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import {
  type StatefulSession,
  type StatefulSessionPerRoute,
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
} from '../../xds/gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts';
import {
  type CookieBasedSessionState,
  CookieBasedSessionStateSchema,
} from '../../xds/gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.ts';
import { HeaderBasedSessionStateSchema } from '../../xds/gen/envoy/extensions/http/stateful_session/header/v3/header_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../config/any.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { millis } from '../config/values.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import { cookieValue } from '../route/match/cookie.ts';
import { pathOnly } from '../route/match/query.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { compiler, type FilterKind, perScope } from './define.ts';
import type { FilterScope, HttpFilter } from './filter.ts';

type SessionState = {
  /** `address:port` of the endpoint the request names; null: none. `epoch` is milliseconds. */
  read(exchange: Exchange, epoch: number): string | null;
  /** Tells the client which endpoint answered. */
  write(headers: HeaderMap, exchange: Exchange, endpoint: string, epoch: number): void;
};

/** A route's configuration is complete: it takes the place of the chain's. */
export const statefulSession: FilterKind = {
  chain: compiler(StatefulSessionSchema, createStatefulSession),
  route: compiler(StatefulSessionPerRouteSchema, compileRoute),
};

function compileRoute({ override }: StatefulSessionPerRoute, name: string, path: string): HttpFilter | null {
  switch (override.case) {
    case 'disabled':
      if (!override.value) throw new ConfigError(at(path, 'disabled'), 'must be true');
      return null;
    case 'statefulSession':
      // Envoy has no statistics of a route's.
      return createStatefulSession({ ...override.value, statPrefix: '' }, name, at(path, 'stateful_session'));
    default:
      throw new ConfigError(path, 'says neither disabled nor stateful_session');
  }
}

/** What became of requests, by whether they reached the endpoint their session names. */
class SessionStats {
  routed = 0;
  failed_open = 0;
  failed_closed = 0;
  /** Envoy has it and never counts it up. */
  no_session = 0;
}

function createStatefulSession(config: StatefulSession, name: string, path: string): HttpFilter {
  const { sessionState, strict, statPrefix } = config;
  // Without a state the filter does nothing, as in Envoy.
  if (sessionState === undefined) return { name };
  const state = compileState(sessionState, at(path, 'session_state'));
  const statusWithout = config.statusOnStrictDestinationNotFound || 503;
  if (statusWithout < 200 || statusWithout > 599)
    throw new ConfigError(at(path, 'status_on_strict_destination_not_found'), `${statusWithout} is no status`);
  const count = statPrefix === '' ? null : counter(statPrefix, strict);
  return {
    name,
    request(exchange, { clock }) {
      const endpoint = state.read(exchange, clock.epoch());
      if (endpoint !== null) exchange.override = { name: endpoint, strict, statusWithout };
      return undefined;
    },
    response(exchange, { headers }, scope) {
      const { clock } = scope;
      count?.(exchange, scope);
      const endpoint = exchange.endpoint?.name;
      if (endpoint !== undefined && endpoint !== exchange.override?.name)
        state.write(headers, exchange, endpoint, clock.epoch());
    },
  };
}

function counter(statPrefix: string, strict: boolean): (exchange: Exchange, scope: FilterScope) => void {
  const statsOf = perScope((scope) =>
    scope.stats(`${scope.prefix}stateful_session.${statPrefix}`, () => new SessionStats()),
  );
  return ({ endpoint, override }, scope) => {
    const stats = statsOf(scope);
    if (endpoint === null) {
      if (strict && override !== null) stats.failed_closed += 1;
    } else if (endpoint.name === override?.name) stats.routed += 1;
    else if (!strict) stats.failed_open += 1;
  };
}

function compileState(extension: TypedExtensionConfig, path: string): SessionState {
  const config = extension.typedConfig;
  const here = at(path, 'typed_config');
  if (config === undefined) throw new ConfigError(here, 'is required');
  switch (typeNameOf(config)) {
    case CookieBasedSessionStateSchema.typeName:
      return cookieState(unpack(config, CookieBasedSessionStateSchema, here), here);
    case HeaderBasedSessionStateSchema.typeName: {
      const { name } = unpack(config, HeaderBasedSessionStateSchema, here);
      if (name === '') throw new ConfigError(at(here, 'name'), 'is empty');
      return headerState(name.toLowerCase());
    }
    default:
      throw unsupportedType(config, here);
  }
}

function headerState(name: string): SessionState {
  return {
    read({ request }) {
      const value = request.headers.get(name);
      return value === undefined ? null : Buffer.from(value, 'base64').toString('latin1') || null;
    },
    write: (headers, _exchange, endpoint) => headers.set(name, Buffer.from(endpoint, 'latin1').toString('base64')),
  };
}

function cookieState({ cookie }: CookieBasedSessionState, path: string): SessionState {
  const here = at(path, 'cookie');
  if (cookie === undefined || cookie.name === '') throw new ConfigError(at(here, 'name'), 'is empty');
  const name = bytesOf(cookie.name);
  const ttl = Math.floor(millis(cookie.ttl, 0, at(here, 'ttl')) / 1_000);
  const attributes = [
    ...(ttl > 0 ? [`Max-Age=${ttl}`] : []),
    ...(cookie.path === '' ? [] : [`Path=${bytesOf(cookie.path)}`]),
    ...cookie.attributes.map(({ name: key, value }) => bytesOf(value === '' ? key : `${key}=${value}`)),
    'HttpOnly',
  ];
  const covers = coveredBy(cookie.path);
  return {
    read(exchange, epoch) {
      if (!covers(exchange.request.path)) return null;
      const value = cookieValue(exchange.request.headers, name);
      return value === undefined ? null : decodeCookie(Buffer.from(value, 'base64'), epoch / 1_000);
    },
    write(headers, exchange, endpoint, epoch) {
      if (!covers(exchange.originalPath ?? exchange.request.path)) return;
      const value = encodeCookie(endpoint, ttl === 0 ? 0 : Math.floor(epoch / 1_000) + ttl).toString('base64');
      headers.append('set-cookie', [`${name}="${value}"`, ...attributes].join('; '));
    },
  };
}

/** RFC 6265 5.1.4: the path itself, and what is below it. */
function coveredBy(cookiePath: string): (path: string) => boolean {
  if (cookiePath === '' || cookiePath === '/') return () => true;
  const below = cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`;
  return (path) => {
    const bare = pathOnly(path);
    return bare === cookiePath || bare.startsWith(below);
  };
}

/** Envoy's message in cookies: `string address = 1; uint64 expires = 2` (seconds since the epoch; 0: never). */
function encodeCookie(address: string, expires: number): Buffer {
  const text = Buffer.from(address, 'latin1');
  const head = Buffer.from([0x0a, text.length]);
  return Buffer.concat([head, text, ...(expires > 0 ? [Buffer.from([0x10, ...varint(expires)])] : [])]);
}

function decodeCookie(bytes: Buffer, now: number): string | null {
  const length = bytes[1] ?? 0;
  if (bytes[0] !== 0x0a || bytes.length < length + 2) return null;
  const address = bytes.toString('latin1', 2, length + 2);
  const rest = bytes.subarray(length + 2);
  if (rest.length === 0) return address;
  if (rest[0] !== 0x10) return null;
  let expires = 0;
  for (let i = 1; i < rest.length && i < 8; i++) expires += (rest[i]! & 0x7f) * 2 ** (7 * (i - 1));
  return expires > now ? address : null;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return [...bytes, left];
}
