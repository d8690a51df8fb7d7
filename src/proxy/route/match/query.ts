// Query parameters of a `:path`, found without building a map of them.
import type { QueryParameterMatcher } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { bytesOf, compileString } from './string-matcher.ts';

/** Path without query and fragment. */
export function pathOnly(path: string): string {
  const query = path.indexOf('?');
  const fragment = path.indexOf('#');
  if (query < 0 && fragment < 0) return path;
  return path.slice(0, fragment < 0 || (query >= 0 && query < fragment) ? query : fragment);
}

/** `pathOnly` without what follows `;` in each of its segments (RFC 3986 3.3). */
export function withoutParameters(path: string): string {
  const bare = pathOnly(path);
  return bare.includes(';') ? bare.replace(/;[^/]*/g, '') : bare;
}

/** First value of a parameter, as it was sent (Envoy decodes neither names nor values); undefined when it is absent. */
export function queryValue(path: string, name: string): string | undefined {
  let start = path.indexOf('?') + 1;
  if (start === 0) return undefined;
  const fragment = path.indexOf('#', start);
  const end = fragment < 0 ? path.length : fragment;
  while (start <= end) {
    const ampersand = path.indexOf('&', start);
    const stop = ampersand < 0 || ampersand > end ? end : ampersand;
    const equals = path.indexOf('=', start);
    const split = equals < 0 || equals > stop ? stop : equals;
    if (path.slice(start, split) === name) return path.slice(split + 1, stop);
    start = stop + 1;
  }
  return undefined;
}

export function compileQuery(matcher: QueryParameterMatcher, path: string): (requestPath: string) => boolean {
  if (matcher.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const name = bytesOf(matcher.name);
  const specifier = matcher.queryParameterMatchSpecifier;
  if (specifier.case === 'stringMatch') {
    const test = compileString(specifier.value, at(path, 'string_match'));
    return (requestPath) => {
      const value = queryValue(requestPath, name);
      return value !== undefined && test(value);
    };
  }
  const wanted = specifier.value ?? true;
  return (requestPath) => (queryValue(requestPath, name) !== undefined) === wanted;
}
