// Cookies of a request, and Set-Cookie lines in Envoy's words.

import type { OAuth2Credentials } from '../../../xds/gen/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts';
import {
  type CookieConfig,
  type CookieConfigs,
  CookieConfig_SameSite as SameSite,
} from '../../../xds/gen/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import type { HeaderMap } from '../../http/headers.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';

/** One of the cookies that the filter knows. */
export type Cookie = {
  readonly name: string;
  /** `name=value` that lives for so many seconds. */
  set(name: string, value: string, seconds: string): string;
  remove(name: string): string;
};

export type Cookies = Readonly<Record<'bearer' | 'hmac' | 'expires' | 'id' | 'refresh' | 'nonce' | 'verifier', Cookie>>;

export function compileCookies(
  { cookieNames: names, cookieDomain }: OAuth2Credentials,
  configs: CookieConfigs | undefined,
  path: string,
): Cookies {
  const here = at(path, 'credentials');
  const domain = checked(cookieDomain, at(here, 'cookie_domain'));
  const make = (named: string | undefined, fallback: string, config: CookieConfig | undefined) =>
    compileCookie(
      checked(named ?? '', at(here, 'cookie_names')) || fallback,
      config,
      domain,
      at(path, 'cookie_configs'),
    );
  return {
    bearer: make(names?.bearerToken, 'BearerToken', configs?.bearerTokenCookieConfig),
    hmac: make(names?.oauthHmac, 'OauthHMAC', configs?.oauthHmacCookieConfig),
    expires: make(names?.oauthExpires, 'OauthExpires', configs?.oauthExpiresCookieConfig),
    id: make(names?.idToken, 'IdToken', configs?.idTokenCookieConfig),
    refresh: make(names?.refreshToken, 'RefreshToken', configs?.refreshTokenCookieConfig),
    nonce: make(names?.oauthNonce, 'OauthNonce', configs?.oauthNonceCookieConfig),
    verifier: make(names?.codeVerifier, 'CodeVerifier', configs?.codeVerifierCookieConfig),
  };
}

export function writeCookies(headers: HeaderMap, cookies: ReadonlyMap<string, string>): void {
  headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '));
}

/** Of one login among several of a browser. */
export function ofFlow({ name }: Cookie, flow: string): string {
  return `${name}.${flow}`;
}

export function isOfFlow({ name }: Cookie, given: string): boolean {
  return given === name || (given.startsWith(`${name}.`) && given.length > name.length + 1);
}

function compileCookie(name: string, config: CookieConfig | undefined, domain: string, path: string): Cookie {
  const where = checked(config?.path ?? '', at(path, 'path')) || '/';
  const domainPart = domain === '' ? '' : `;domain=${domain}`;
  const end = `;secure;HttpOnly${sameSite(config, path)}${config?.partitioned === true ? ';Partitioned' : ''}`;
  return {
    name,
    set: (full, value, seconds) => `${full}=${value}${domainPart};path=${where};Max-Age=${seconds}${end}`,
    remove(full) {
      const secure = full.startsWith('__Secure-') || full.startsWith('__Host-') ? '; Secure' : '';
      return `${full}=deleted; path=${where}; expires=Thu, 01 Jan 1970 00:00:00 GMT${domainPart}${secure}`;
    },
  };
}

function sameSite(config: CookieConfig | undefined, path: string): string {
  switch (config?.sameSite ?? SameSite.DISABLED) {
    case SameSite.DISABLED:
      return '';
    case SameSite.STRICT:
      return ';SameSite=Strict';
    case SameSite.LAX:
      return ';SameSite=Lax';
    case SameSite.NONE:
      return ';SameSite=None';
    default:
      throw new ConfigError(at(path, 'same_site'), 'is not known');
  }
}

/** Nothing that would be another attribute. */
function checked(text: string, path: string): string {
  if (/[\s;,="\0]/.test(text)) throw new ConfigError(path, `${JSON.stringify(text)} cannot stand in a cookie`);
  return bytesOf(text);
}
