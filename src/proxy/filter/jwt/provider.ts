// One provider: whether a token is good by its rules, and what of a good one is passed on.
import type { JwtProvider } from '../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { millis, readSource } from '../../config/values.ts';
import type { Exchange } from '../../http/exchange.ts';
import { compileString } from '../../route/match/string-matcher.ts';
import type { FilterScope, Started } from '../filter.ts';
import { compileClaims, note, type PassOn } from './claims.ts';
import { compileLocalKeys, compileRemoteKeys, type FetchStats, type KeySource } from './key-source.ts';
import type { KeySet } from './keys.ts';
import { compileLocations, type Location } from './locations.ts';
import { status, statusCode } from './status.ts';
import { parseToken, type Token } from './token.ts';
import { TokenCache } from './token-cache.ts';

export type Provider = {
  readonly name: string;
  /** '' accepts any. */
  readonly issuer: string;
  readonly locations: readonly Location[];
  /** [] accepts any. */
  readonly audiences: readonly string[];
  /** A token of its own, or why it is none. `parsed`: the same token, where its parts were looked at already. */
  verify(
    text: string,
    audiences: readonly string[],
    scope: FilterScope,
    parsed?: Token,
  ): Token | string | Promise<Token | string>;
  /** See `KeySource.follow`. */
  readonly followKeys: ((scope: FilterScope) => Started) | null;
  passOn(exchange: Exchange, token: Token, location: Location): void;
  /** Notes why a token was not accepted, where that is asked for. */
  noteFailure(exchange: Exchange, outcome: string): void;
};

export type JwtStats = FetchStats & { jwt_cache_hit: number; jwt_cache_miss: number };

const CACHED_TOKENS = 1_000;
const LONGEST_CACHED = 4_096;
/** Envoy's, of `jwt_cache_config`. */
const DEFAULT_CACHE = 100;
const LARGEST_CACHE = 100_000;
/** Seconds; Envoy's default where none is said. */
const CLOCK_SKEW = 60;

export function compileProvider(
  name: string,
  provider: JwtProvider,
  path: string,
  statsOf: (scope: FilterScope) => JwtStats,
): Provider {
  const keys = compileKeys(provider, path, statsOf);
  const accepts = compileRules(provider, path);
  const cache = compileCache(provider, at(path, 'jwt_cache_config'));
  const passOn: PassOn = compileClaims(provider, path);
  const judge = (token: Token, audiences: readonly string[], scope: FilterScope): Token | string => {
    const wrong = accepts(token, scope.clock.epoch() / 1_000);
    if (wrong !== status.ok) return wrong;
    return audiences.length > 0 && !token.audiences.some((one) => includesAudience(audiences, one))
      ? status.audience
      : token;
  };
  const verifyWith = async (known: KeySet, token: Token): Promise<Token | string> => {
    const wrong = await known.verify(token);
    if (wrong !== status.ok) return wrong;
    cache.add(token, known);
    return token;
  };
  return {
    name,
    issuer: provider.issuer,
    locations: compileLocations(provider, path),
    audiences: provider.audiences,
    verify(text, audiences, scope, parsed) {
      const known = keys.known(scope);
      const cached = known === null ? null : cache.get(text, known);
      if (parsed === undefined) statsOf(scope)[cached === null ? 'jwt_cache_miss' : 'jwt_cache_hit'] += 1;
      if (cached !== null) return judge(cached, audiences, scope);
      const token = parsed ?? parseToken(text);
      if (typeof token === 'string') return token;
      const judged = judge(token, audiences, scope);
      if (typeof judged === 'string') return judged;
      if (known !== null) return verifyWith(known, token);
      return keys.fetch(scope).then((fetched) => (typeof fetched === 'string' ? fetched : verifyWith(fetched, token)));
    },
    followKeys: keys.follow?.bind(keys) ?? null,
    passOn,
    noteFailure(exchange, outcome) {
      if (provider.failedStatusInMetadata === '') return;
      note(exchange, provider.failedStatusInMetadata, { code: statusCode(outcome), message: outcome });
    },
  };
}

/** Without a configuration tokens are remembered too: verifying is what costs most. */
function compileCache({ jwtCacheConfig: config }: JwtProvider, path: string): TokenCache {
  if (config === undefined) return new TokenCache(CACHED_TOKENS, LONGEST_CACHED);
  if (config.jwtCacheSize > LARGEST_CACHE)
    throw new ConfigError(at(path, 'jwt_cache_size'), `must be at most ${LARGEST_CACHE}`);
  return new TokenCache(config.jwtCacheSize || DEFAULT_CACHE, config.jwtMaxTokenSize || LONGEST_CACHED);
}

function compileKeys(provider: JwtProvider, path: string, statsOf: (scope: FilterScope) => FetchStats): KeySource {
  const { jwksSourceSpecifier: source } = provider;
  switch (source.case) {
    case 'localJwks':
      return compileLocalKeys(readSource(source.value, at(path, 'local_jwks')), at(path, 'local_jwks'));
    case 'remoteJwks':
      return compileRemoteKeys(source.value, at(path, 'remote_jwks'), statsOf);
    default:
      throw new ConfigError(path, 'has neither remote_jwks nor local_jwks');
  }
}

/** Everything but signature and audience; `now` is in seconds. */
function compileRules(provider: JwtProvider, path: string): (token: Token, now: number) => string {
  const skew = provider.clockSkewSeconds || CLOCK_SKEW;
  const lifetime =
    provider.maxLifetime === undefined ? null : millis(provider.maxLifetime, 0, at(path, 'max_lifetime')) / 1_000;
  const subject = provider.subjects === undefined ? null : compileString(provider.subjects, at(path, 'subjects'));
  return (token, now) => {
    if (provider.issuer !== '' && token.issuer !== provider.issuer) return status.unknownIssuer;
    if (subject !== null && !subject(token.subject)) return status.verification;
    if (provider.requireExpiration && token.expires === 0) return status.verification;
    if (lifetime !== null && (token.expires === 0 || token.expires - token.issuedAt > lifetime))
      return status.verification;
    if (token.notBefore > now + skew) return status.notYetValid;
    if (token.expires > 0 && now > token.expires + skew) return status.expired;
    return status.ok;
  };
}

/** Audiences are compared without scheme and closing slash. */
function includesAudience(allowed: readonly string[], audience: string): boolean {
  const plain = plainAudience(audience);
  return allowed.some((one) => plainAudience(one) === plain);
}

function plainAudience(audience: string): string {
  return audience.replace(/^https?:\/\//, '').replace(/\/$/, '');
}
