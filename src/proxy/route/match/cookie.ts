// Cookies of a request (RFC 6265 section 5.4): the first of a name, over all Cookie headers.
import type { CookieMatcher } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { RequestTest } from './header-matcher.ts';
import { bytesOf, compileString } from './string-matcher.ts';

/** Value without surrounding quotes; undefined when there is no such cookie. */
export function cookieValue(headers: HeaderMap, name: string): string | undefined {
  const { fields } = headers;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'cookie') continue;
    for (const pair of fields[i + 1]!.split(';')) {
      const equals = pair.indexOf('=');
      if (equals >= 0 && pair.slice(0, equals).trim() === name) return unquoted(pair.slice(equals + 1).trim());
    }
  }
  return undefined;
}

/** All of them, as `cookieValue` reads each. */
export function readCookies({ fields }: HeaderMap): Map<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== 'cookie') continue;
    for (const pair of fields[i + 1]!.split(';')) {
      const equals = pair.indexOf('=');
      const name = pair.slice(0, equals).trim();
      if (equals >= 0 && !found.has(name)) found.set(name, unquoted(pair.slice(equals + 1).trim()));
    }
  }
  return found;
}

export function compileCookie(matcher: CookieMatcher, path: string): RequestTest {
  if (matcher.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const name = bytesOf(matcher.name);
  const test = compileString(matcher.stringMatch, at(path, 'string_match'));
  return ({ headers }) => {
    const value = cookieValue(headers, name);
    return (value !== undefined && test(value)) !== matcher.invertMatch;
  };
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}
