// The filter envoy.filters.http.basic_auth: user and password against a list in htpasswd form with SHA-1 digests (`user:{SHA}…`).
import { createHash, timingSafeEqual } from 'node:crypto';
import type { DataSource } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type BasicAuth,
  BasicAuthPerRouteSchema,
  BasicAuthSchema,
} from '../../xds/gen/envoy/extensions/filters/http/basic_auth/v3/basic_auth_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { readSource } from '../config/values.ts';
import type { Exchange } from '../http/exchange.ts';
import { HeaderMap } from '../http/headers.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { compiler, type FilterKind, perScope, routeSettings } from './define.ts';
import type { HttpFilter, LocalReply } from './filter.ts';

class BasicAuthStats {
  allowed = 0;
  denied = 0;
}

/** Digest by user. */
type Users = ReadonlyMap<string, Buffer>;

const METADATA = 'envoy.filters.http.basic_auth';
const usersOfRoute = routeSettings<Users>();

export const basicAuth: FilterKind = {
  chain: compiler(BasicAuthSchema, createBasicAuth),
  route: compiler(BasicAuthPerRouteSchema, ({ users }, name, path) =>
    usersOfRoute.make(name, readUsers(users, at(path, 'users'))),
  ),
};

function createBasicAuth(config: BasicAuth, name: string, path: string): HttpFilter {
  const own = readUsers(config.users, at(path, 'users'));
  const header = config.authenticationHeader.toLowerCase() || 'authorization';
  const forward = config.forwardUsernameHeader.toLowerCase();
  const statsOf = perScope((scope) => scope.stats(`${scope.prefix}basic_auth`, () => new BasicAuthStats()));
  return {
    name,
    request(exchange, scope) {
      const stats = statsOf(scope);
      const given = exchange.request.headers.get(header);
      if (given === undefined && config.allowMissing) {
        stats.allowed += 1;
        return undefined;
      }
      const verdict = verify(given, usersOfRoute.of(exchange, name) ?? own);
      if ('refusal' in verdict) {
        stats.denied += 1;
        return denial(exchange, verdict.refusal, verdict.details);
      }
      if (forward !== '') exchange.request.headers.set(forward, verdict.user);
      if (config.emitDynamicMetadata) {
        exchange.metadata ??= new Map();
        exchange.metadata.set(METADATA, { username: verdict.user });
      }
      stats.allowed += 1;
      return undefined;
    },
  };
}

type Verdict = { readonly user: string } | { readonly refusal: string; readonly details: string };

function verify(given: string | undefined, users: Users): Verdict {
  if (given === undefined) {
    return {
      refusal: 'User authentication failed. Missing username and password.',
      details: 'no_credential_for_basic_auth',
    };
  }
  const encoded = given.startsWith('Basic ') ? given.slice(6) : null;
  if (encoded === null) {
    return {
      refusal: "User authentication failed. Expected 'Basic' authentication scheme.",
      details: 'invalid_scheme_for_basic_auth',
    };
  }
  const decoded = Buffer.from(encoded, 'base64').toString('latin1');
  const colon = decoded.indexOf(':');
  if (colon < 0) {
    return {
      refusal: 'User authentication failed. Invalid basic credential format.',
      details: 'invalid_format_for_basic_auth',
    };
  }
  const user = decoded.slice(0, colon);
  const digest = createHash('sha1')
    .update(decoded.slice(colon + 1), 'latin1')
    .digest();
  const wanted = users.get(user);
  if (wanted !== undefined && timingSafeEqual(wanted, digest)) return { user };
  return {
    refusal: 'User authentication failed. Invalid username/password combination.',
    details: 'invalid_credential_for_basic_auth',
  };
}

function denial({ request }: Exchange, body: string, details: string): LocalReply {
  const realm = `${request.scheme}://${request.authority}${request.path}`;
  const headers = new HeaderMap(['www-authenticate', `Basic realm="${realm}"`]);
  return { status: 401, body, details, flags: 0, headers };
}

function readUsers(source: DataSource | undefined, path: string): Users {
  const users = new Map<string, Buffer>();
  for (const line of readSource(source, path).split(/\r?\n/)) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    const user = bytesOf(line.slice(0, colon));
    const hash = line.slice(colon + 1);
    if (colon <= 0 || user === '') throw new ConfigError(path, 'a line has no user');
    if (!hash.startsWith('{SHA}')) throw new ConfigError(path, 'only SHA digests are supported');
    const digest = Buffer.from(hash.slice(5), 'base64');
    if (digest.length !== 20) throw new ConfigError(path, 'a digest is not SHA-1');
    if (users.has(user)) throw new ConfigError(path, `user ${user} is there twice`);
    users.set(user, digest);
  }
  return users;
}
