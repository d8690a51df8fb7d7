// The token endpoint: a code, or a refresh token, for tokens (RFC 6749 sections 4.1.3, 5, 6).
import type { HttpOutcome } from '../../client/http-call.ts';
import { HeaderMap } from '../../http/headers.ts';
import type { FilterScope } from '../filter.ts';
import type { OauthConfig } from './config.ts';
import { formEncoded } from './percent.ts';

export type Tokens = {
  readonly access: string;
  readonly id: string;
  readonly refresh: string;
  /** Seconds. */
  readonly expiresIn: number;
};

/** `refused`: the endpoint did not answer 200. `unusable`: it did, with what are no tokens. */
export type TokenOutcome =
  | { readonly kind: 'tokens'; readonly tokens: Tokens }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unusable'; readonly reason: string };

export type Grant =
  | { readonly kind: 'code'; readonly code: string; readonly redirectUri: string; readonly verifier: string }
  | { readonly kind: 'refresh'; readonly token: string };

const UNREADABLE = 'Failed to parse oauth response body';
const LARGEST_ANSWER = 1024 * 1024;

/** `done` is called once, perhaps before this returns. The result gives the call up. */
export function askForTokens(
  config: OauthConfig,
  grant: Grant,
  scope: FilterScope,
  done: (outcome: TokenOutcome) => void,
): () => void {
  const { uri, retry } = config.token;
  const { scheme, authority, path, cluster, timeout } = uri;
  const secret = config.tokenSecret === null ? '' : scope.secret(config.tokenSecret);
  const body = Buffer.from(bodyOf(grant, proofOf(config, secret)), 'latin1');
  const headers = new HeaderMap([
    ...['content-type', 'application/x-www-form-urlencoded', 'accept', 'application/json'],
    ...['content-length', String(body.length), 'x-forwarded-for', scope.localAddress],
  ]);
  if (config.proof === 'basic')
    headers.append(
      'authorization',
      `Basic ${Buffer.from(`${config.clientId}:${secret}`, 'latin1').toString('base64')}`,
    );
  const head = { method: 'POST', scheme, authority, path, protocol: 'HTTP/1.1' as const, upgrade: '', headers };
  const call = { cluster, head, body, timeout, maxBytes: LARGEST_ANSWER, retry };
  return scope.client.http(call, (outcome) => done(readOutcome(outcome, config.expiresIn)));
}

/** A code is encoded as it came. */
function bodyOf(grant: Grant, proof: string): string {
  if (grant.kind === 'refresh') return `grant_type=refresh_token&refresh_token=${formEncoded(grant.token)}${proof}`;
  const { code, redirectUri, verifier } = grant;
  return `grant_type=authorization_code&code=${code}${proof}&redirect_uri=${formEncoded(redirectUri)}&code_verifier=${verifier}`;
}

function proofOf({ proof, clientId }: OauthConfig, secret: string): string {
  const known = `&client_id=${formEncoded(clientId)}`;
  if (proof === 'basic') return '';
  return proof === 'body' ? `${known}&client_secret=${formEncoded(secret)}` : known;
}

function readOutcome(outcome: HttpOutcome, expiresIn: number): TokenOutcome {
  if (outcome.kind === 'failure' || outcome.answer.status !== 200) return { kind: 'refused' };
  const tokens = readTokens(outcome.answer.body, expiresIn);
  return typeof tokens === 'string' ? { kind: 'unusable', reason: tokens } : { kind: 'tokens', tokens };
}

/** A string says what is wrong, in Envoy's words. */
function readTokens(body: Buffer, fallback: number): Tokens | string {
  const answer = parseObject(body);
  if (answer === null) return UNREADABLE;
  const { access_token: access, id_token: id = '', refresh_token: refresh = '', expires_in: lifetime } = answer;
  if (access === undefined) return 'No access token found in the token exchange response';
  if (!isToken(access) || !isToken(id) || !isToken(refresh)) return UNREADABLE;
  const expiresIn = lifetime === undefined ? fallback : Number(lifetime);
  if (!Number.isSafeInteger(expiresIn) || expiresIn < 0) return UNREADABLE;
  if (expiresIn === 0) return 'No default or explicit access token expiration found in the token exchange response';
  return { access, id, refresh, expiresIn };
}

/** It is to stand in a cookie. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]*$/.test(value) && !value.includes(';');
}

function parseObject(body: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null))
      : null;
  } catch {
    return null;
  }
}
