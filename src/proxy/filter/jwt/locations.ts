// Where tokens stand in a request: headers, query parameters, cookies.
import type { JwtProvider } from '../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { RequestHead } from '../../http/message.ts';
import { cookieValue } from '../../route/match/cookie.ts';
import { queryValue } from '../../route/match/query.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';

export type Location = {
  /** What two providers that look at the same place have in common. */
  readonly key: string;
  find(request: RequestHead): string | undefined;
  remove(request: RequestHead): void;
};

const DEFAULTS: readonly Location[] = [inHeader('authorization', 'Bearer '), inQuery('access_token')];

/** Without any that are named, Envoy's: `Authorization: Bearer`, then `access_token` in the query. */
export function compileLocations(provider: JwtProvider, path: string): readonly Location[] {
  const named = [
    ...mapAt(provider.fromHeaders, at(path, 'from_headers'), ({ name, valuePrefix }, here) => {
      if (name === '') throw new ConfigError(at(here, 'name'), 'is empty');
      return inHeader(name.toLowerCase(), bytesOf(valuePrefix));
    }),
    ...provider.fromParams.map((name) => inQuery(bytesOf(name))),
    ...provider.fromCookies.map((name) => inCookie(bytesOf(name))),
  ];
  return named.length > 0 ? named : DEFAULTS;
}

function inHeader(name: string, prefix: string): Location {
  return {
    key: `header ${name} ${prefix}`,
    find({ headers }) {
      const value = headers.get(name);
      if (value === undefined) return undefined;
      const start = value.indexOf(prefix);
      return start < 0 ? undefined : value.slice(start + prefix.length);
    },
    remove: ({ headers }) => headers.remove(name),
  };
}

function inQuery(name: string): Location {
  return {
    key: `query ${name}`,
    find: ({ path }) => queryValue(path, name),
    remove(request) {
      request.path = withoutParameter(request.path, name);
    },
  };
}

function inCookie(name: string): Location {
  return {
    key: `cookie ${name}`,
    find: ({ headers }) => cookieValue(headers, name),
    // Envoy leaves cookies as they are.
    remove: () => undefined,
  };
}

function withoutParameter(path: string, name: string): string {
  const query = path.indexOf('?');
  if (query < 0) return path;
  const kept = path
    .slice(query + 1)
    .split('&')
    .filter((pair) => pair !== name && !pair.startsWith(`${name}=`));
  return kept.length === 0 ? path.slice(0, query) : `${path.slice(0, query)}?${kept.join('&')}`;
}
