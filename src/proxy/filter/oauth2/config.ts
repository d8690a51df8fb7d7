// OAuth2Config → what the filter runs by.
import {
  OAuth2Config_AuthType as AuthType,
  type OAuth2Config,
} from '../../../xds/gen/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts';
import type { SdsSecretConfig } from '../../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { CallRetry } from '../../client/repeated.ts';
import { compileCallRetry } from '../../config/call-retry.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { decodeHttpUri, type HttpUriConfig } from '../../config/http-uri.ts';
import { decodeSecretRef } from '../../config/secret.ts';
import type { SecretRef } from '../../config/tls-types.ts';
import { millis } from '../../config/values.ts';
import type { Exchange } from '../../http/exchange.ts';
import { compileFormat } from '../../log/format.ts';
import { compileHeader, type RequestTest } from '../../route/match/header-matcher.ts';
import { compilePathMatcher } from '../../route/match/path-matcher.ts';
import { bytesOf, type StringTest } from '../../route/match/string-matcher.ts';
import { perScope } from '../define.ts';
import type { FilterScope } from '../filter.ts';
import { compileAllowed } from './allowed-hosts.ts';
import { type Cookies, compileCookies } from './cookies.ts';
import { queryEncoded } from './percent.ts';

/** How the provider knows the proxy: its secret in the body, in Authorization, or a certificate. */
type ClientProof = 'body' | 'basic' | 'certificate';

export type OauthConfig = {
  readonly clientId: string;
  readonly proof: ClientProof;
  /** null: the proxy shows its certificate. */
  readonly tokenSecret: SecretRef | null;
  readonly hmacSecret: SecretRef;
  readonly token: { readonly uri: HttpUriConfig; readonly retry: CallRetry | null };
  readonly authorization: Authorization;
  readonly redirectUri: (exchange: Exchange) => string;
  /** '' is the host that was asked. */
  readonly originalUri: ((exchange: Exchange) => string) | null;
  readonly isAllowed: (url: string) => boolean;
  readonly isCallback: StringTest;
  readonly isSignout: StringTest;
  /** Of a path that is signed out: where the browser goes then. */
  readonly logout: ((exchange: Exchange, idToken: string, home: string) => string) | null;
  readonly passes: RequestTest;
  readonly deniesRedirect: RequestTest;
  readonly allowsFailure: RequestTest;
  readonly cookies: Cookies;
  /** '' is the host that was asked: sessions are signed for it. */
  readonly cookieDomain: string;
  readonly forwardsBearer: boolean;
  readonly keepsAuthorization: boolean;
  readonly refreshes: boolean;
  readonly encrypts: boolean;
  readonly keeps: { readonly access: boolean; readonly id: boolean; readonly refresh: boolean };
  readonly idExpiresWithAccess: boolean;
  /** Seconds. 0: an answer must say it. */
  readonly expiresIn: number;
  readonly refreshExpiresIn: number;
  readonly nonceExpiresIn: number;
  readonly verifierExpiresIn: number;
  statsOf(scope: FilterScope): OauthStats;
};

type Authorization = {
  /** Without query. */
  readonly url: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Stands behind all others. */
  readonly resources: string;
};

const STATISTICS = [
  'oauth_allow_failed_passthrough',
  'oauth_failure',
  // Envoy's word for the one way of encryption that it uses unless told otherwise.
  'oauth_legacy_cbc_decrypt',
  'oauth_passthrough',
  'oauth_refreshtoken_failure',
  'oauth_refreshtoken_success',
  'oauth_success',
  'oauth_unauthorized_rq',
] as const;
export type OauthStat = (typeof STATISTICS)[number];
type OauthStats = { add(stat: OauthStat): void };

/** Of the question at the provider: set for each login. */
const OWN_PARAMETERS: ReadonlySet<string> = new Set([
  ...['client_id', 'response_type', 'scope', 'state', 'redirect_uri', 'code_challenge', 'code_challenge_method'],
]);

const RETRIED = '5xx,gateway-error,connect-failure,reset';
const TEN_MINUTES = 600;
const ONE_WEEK = 604_800;

export function compileConfig(config: OAuth2Config, path: string): OauthConfig {
  const { credentials } = config;
  const here = at(path, 'credentials');
  if (credentials === undefined || credentials.clientId === '')
    throw new ConfigError(at(here, 'client_id'), 'is empty');
  const proof = proofOf(config.authType, at(path, 'auth_type'));
  const hmac = credentials.tokenFormation.case === 'hmacSecret' ? credentials.tokenFormation.value : undefined;
  return {
    clientId: bytesOf(credentials.clientId),
    proof,
    tokenSecret: proof === 'certificate' ? null : secretOf(credentials.tokenSecret, at(here, 'token_secret')),
    hmacSecret: secretOf(hmac, at(here, 'hmac_secret')),
    token: {
      uri: decodeHttpUri(config.tokenEndpoint, at(path, 'token_endpoint')),
      retry: compileCallRetry(config.retryPolicy, RETRIED, at(path, 'retry_policy')),
    },
    authorization: compileAuthorization(config, path),
    ...compilePlaces(config, path),
    passes: anyOf(config.passThroughMatcher, at(path, 'pass_through_matcher')),
    deniesRedirect: anyOf(config.denyRedirectMatcher, at(path, 'deny_redirect_matcher')),
    allowsFailure: anyOf(config.allowFailedMatcher, at(path, 'allow_failed_matcher')),
    cookies: compileCookies(credentials, config.cookieConfigs, path),
    cookieDomain: bytesOf(credentials.cookieDomain),
    forwardsBearer: config.forwardBearerToken,
    keepsAuthorization: compileKept(config, path),
    refreshes: config.useRefreshToken ?? true,
    encrypts: !config.disableTokenEncryption,
    keeps: {
      access: !config.disableAccessTokenSetCookie,
      id: !config.disableIdTokenSetCookie,
      refresh: !config.disableRefreshTokenSetCookie,
    },
    idExpiresWithAccess: config.useAccessTokenExpiryForIdTokenCookie,
    ...compileTimes(config, path),
    statsOf: compileStats(config.statPrefix),
  };
}

function compilePlaces(config: OAuth2Config, path: string) {
  if (config.redirectUri === '') throw new ConfigError(at(path, 'redirect_uri'), 'is empty');
  return {
    redirectUri: formatted(config.redirectUri, at(path, 'redirect_uri')),
    originalUri:
      config.originalRequestUri === '' ? null : formatted(config.originalRequestUri, at(path, 'original_request_uri')),
    isAllowed: compileAllowed(config.allowedRedirectDomains),
    isCallback: compilePathMatcher(config.redirectPathMatcher, at(path, 'redirect_path_matcher')),
    isSignout: compilePathMatcher(config.signoutPath, at(path, 'signout_path')),
    logout: compileLogout(config, path),
  };
}

/** Both would be the same header. */
function compileKept({ preserveAuthorizationHeader, forwardBearerToken }: OAuth2Config, path: string): boolean {
  if (preserveAuthorizationHeader && forwardBearerToken)
    throw new ConfigError(at(path, 'preserve_authorization_header'), 'is set beside forward_bearer_token');
  return preserveAuthorizationHeader;
}

function compileTimes(config: OAuth2Config, path: string) {
  const seconds = (value: Parameters<typeof millis>[0], fallback: number, name: string) =>
    Math.floor(millis(value, fallback * 1_000, at(path, name)) / 1_000);
  return {
    expiresIn: seconds(config.defaultExpiresIn, 0, 'default_expires_in'),
    refreshExpiresIn: seconds(config.defaultRefreshTokenExpiresIn, ONE_WEEK, 'default_refresh_token_expires_in'),
    nonceExpiresIn: seconds(config.csrfTokenExpiresIn, TEN_MINUTES, 'csrf_token_expires_in'),
    verifierExpiresIn: seconds(config.codeVerifierTokenExpiresIn, TEN_MINUTES, 'code_verifier_token_expires_in'),
  };
}

function compileAuthorization(config: OAuth2Config, path: string): Authorization {
  const parts = /^(https?:\/\/[^/?#]+)([^?#]*)(?:\?([^#]*))?$/i.exec(bytesOf(config.authorizationEndpoint));
  if (parts === null)
    throw new ConfigError(at(path, 'authorization_endpoint'), `${config.authorizationEndpoint} is no URL`);
  const own = (parts[3] ?? '').split('&').flatMap((pair): [string, string][] => {
    const [name = '', ...value] = pair.split('=');
    return name === '' ? [] : [[name, value.join('=')]];
  });
  const scopes = config.authScopes.length === 0 ? ['user'] : config.authScopes;
  const asked: readonly (readonly [string, string])[] = [
    ...own.filter(([name]) => !OWN_PARAMETERS.has(name)),
    ['client_id', bytesOf(config.credentials!.clientId)],
    ['response_type', 'code'],
    ['scope', queryEncoded(bytesOf(scopes.join(' ')))],
  ];
  return {
    url: `${parts[1]}${parts[2] || '/'}`,
    query: asked,
    resources: config.resources.map((resource) => `&resource=${queryEncoded(bytesOf(resource))}`).join(''),
  };
}

function compileLogout(config: OAuth2Config, path: string): OauthConfig['logout'] {
  const endpoint = bytesOf(config.endSessionEndpoint);
  if (endpoint === '') return null;
  if (!config.authScopes.includes('openid'))
    throw new ConfigError(at(path, 'end_session_endpoint'), 'needs OpenID Connect (hint: openid in auth_scopes)');
  const after = config.postLogoutRedirectUri?.config;
  const write = after?.case === 'uri' ? formatted(after.value, at(path, 'post_logout_redirect_uri.uri')) : null;
  const silent = after?.case === 'disabled' && after.value;
  const clientId = bytesOf(config.credentials!.clientId);
  return (exchange, idToken, home) => {
    const known = `${endpoint}?id_token_hint=${idToken}&client_id=${clientId}`;
    if (silent) return known;
    return `${known}&post_logout_redirect_uri=${queryEncoded(write?.(exchange) ?? home)}`;
  };
}

function compileStats(statPrefix: string): OauthConfig['statsOf'] {
  return perScope((scope) => {
    const whole = `${scope.prefix}${statPrefix}`;
    const dot = whole.lastIndexOf('.');
    const start = whole.slice(dot + 1);
    const made = () => Object.fromEntries(STATISTICS.map((name) => [start + name, 0]));
    const counters = scope.stats(whole.slice(0, dot), made);
    return {
      add(stat) {
        counters[start + stat] = (counters[start + stat] ?? 0) + 1;
      },
    };
  });
}

function proofOf(type: number, path: string): ClientProof {
  switch (type) {
    case AuthType.URL_ENCODED_BODY:
      return 'body';
    case AuthType.BASIC_AUTH:
      return 'basic';
    case AuthType.TLS_CLIENT_AUTH:
      return 'certificate';
    default:
      throw new ConfigError(path, 'is not supported (hint: URL_ENCODED_BODY, BASIC_AUTH or TLS_CLIENT_AUTH)');
  }
}

function secretOf(config: SdsSecretConfig | undefined, path: string): SecretRef {
  if (config === undefined) throw new ConfigError(path, 'is required');
  return decodeSecretRef(config, path);
}

function anyOf(matchers: OAuth2Config['passThroughMatcher'], path: string): RequestTest {
  const tests = mapAt(matchers, path, compileHeader);
  return (request) => tests.some((test) => test(request));
}

function formatted(text: string, path: string): (exchange: Exchange) => string {
  const write = compileFormat(bytesOf(text), path, { missing: '-' });
  return (exchange) => write(exchange, null, 0);
}
