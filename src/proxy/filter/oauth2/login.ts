// The way to the provider and back. A login has an id: its cookies have it in their names, so that a browser may have several at a time.
import type { Exchange } from '../../http/exchange.ts';
import { HeaderMap } from '../../http/headers.ts';
import { queryValue } from '../../route/match/query.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';
import type { LocalReply } from '../filter.ts';
import { hostOf } from './allowed-hosts.ts';
import type { OauthConfig } from './config.ts';
import { isOfFlow, ofFlow } from './cookies.ts';
import { queryEncoded } from './percent.ts';
import { challengeOf, encrypt, isSame, makeFlowId, makeVerifier, sign } from './seal.ts';

/** `flow` is '' where it is not known, or cannot be believed. */
export type Callback =
  | { readonly kind: 'code'; readonly code: string; readonly url: string; readonly flow: string }
  | { readonly kind: 'refused'; readonly flow: string };

export function redirect(location: string, setCookies: readonly string[], details: string): LocalReply {
  const headers = new HeaderMap(setCookies.flatMap((line) => ['set-cookie', line]));
  headers.append('location', location);
  return { status: 302, body: '', details, flags: 0, headers, asIs: true };
}

/** null: the browser may not be sent back to where it is. */
export function beginLogin(config: OauthConfig, exchange: Exchange, secret: string): LocalReply | null {
  const { request } = exchange;
  const base = config.originalUri?.(exchange) ?? `${schemeOf(exchange)}://${request.authority}`;
  const redirectUri = config.redirectUri(exchange);
  if (!config.isAllowed(base) || !config.isAllowed(redirectUri)) return null;
  const flow = makeFlowId();
  const token = `${flow}.${sign(secret, flow)}`;
  const verifier = makeVerifier();
  const { nonce, verifier: verifierCookie } = config.cookies;
  const sealed = encrypt(secret, verifier);
  const nonceTime = String(config.nonceExpiresIn);
  const verifierTime = String(config.verifierExpiresIn);
  const { url, query, resources } = config.authorization;
  const asked = [
    ...query,
    ['state', encodeState(base + request.path, token, flow)],
    ['redirect_uri', queryEncoded(redirectUri)],
    ['code_challenge', challengeOf(verifier)],
    ['code_challenge_method', 'S256'],
  ].sort(([a], [b]) => (a! < b! ? -1 : Number(a! > b!)));
  // Under the plain name, too, for what knows no ids.
  const lines = [
    nonce.set(ofFlow(nonce, flow), token, nonceTime),
    nonce.set(nonce.name, token, nonceTime),
    verifierCookie.set(ofFlow(verifierCookie, flow), sealed, verifierTime),
    verifierCookie.set(verifierCookie.name, sealed, verifierTime),
  ];
  const location = `${url}?${asked.map(([name, value]) => `${name}=${value}`).join('&')}${resources}`;
  return redirect(location, lines, 'oauth.missing_credentials');
}

/** What the provider sends the browser back with. */
export function readCallback(
  config: OauthConfig,
  path: string,
  given: ReadonlyMap<string, string>,
  secret: string,
): Callback {
  const state = queryValue(path, 'state');
  const code = queryValue(path, 'code');
  if (queryValue(path, 'error') !== undefined)
    return { kind: 'refused', flow: state === undefined ? '' : readState(config, state, given, secret).flow };
  if (code === undefined || state === undefined) return { kind: 'refused', flow: '' };
  const { url, flow } = readState(config, state, given, secret);
  return url === null ? { kind: 'refused', flow } : { kind: 'code', code, url, flow };
}

/** The encrypted verifier of a login. */
export function sealedVerifier({ cookies }: OauthConfig, given: ReadonlyMap<string, string>, flow: string): string {
  return given.get(ofFlow(cookies.verifier, flow)) || given.get(cookies.verifier.name) || '';
}

/** Set-Cookie lines that end a login. */
export function endLogin({ cookies }: OauthConfig, flow: string): readonly string[] {
  return [cookies.nonce, cookies.verifier].flatMap((cookie) => [
    ...(flow === '' ? [] : [cookie.remove(ofFlow(cookie, flow))]),
    cookie.remove(cookie.name),
  ]);
}

export function signOut(config: OauthConfig, exchange: Exchange, given: ReadonlyMap<string, string>): LocalReply {
  const { cookies } = config;
  const session = [cookies.hmac, cookies.bearer, cookies.id, cookies.refresh, cookies.expires];
  const lines = [
    ...session.map((cookie) => cookie.remove(cookie.name)),
    ...[...given.keys()].flatMap((name) =>
      [cookies.nonce, cookies.verifier].flatMap((cookie) => (isOfFlow(cookie, name) ? [cookie.remove(name)] : [])),
    ),
  ];
  const home = `${exchange.request.scheme}://${exchange.request.authority}/`;
  const location = config.logout?.(exchange, given.get(cookies.id.name) ?? '', home) ?? home;
  return redirect(location, lines, 'oauth.sign_out');
}

function schemeOf({ request }: Exchange): string {
  return request.scheme === 'http' ? 'http' : 'https';
}

function encodeState(url: string, token: string, flow: string): string {
  const state = { url: Buffer.from(url, 'latin1').toString('utf8'), csrf_token: token, flow_id: flow };
  return Buffer.from(JSON.stringify(state)).toString('base64url');
}

/** The login is believed where the browser has its cookie; the URL is null where the browser may not be sent there. */
function readState(
  config: OauthConfig,
  state: string,
  given: ReadonlyMap<string, string>,
  secret: string,
): { readonly url: string | null; readonly flow: string } {
  const unknown = { url: null, flow: '' };
  const said = parseState(state);
  if (said === null || !isOwnToken(config, said, given, secret)) return unknown;
  const url = bytesOf(said.url);
  const isUsable = /^[!-~\x80-\xff]+$/.test(url) && hostOf(url) !== null && config.isAllowed(url);
  return { url: isUsable ? url : null, flow: said.flow };
}

type State = { readonly url: string; readonly token: string; readonly flow: string };

function parseState(state: string): State | null {
  try {
    const said: unknown = JSON.parse(Buffer.from(state, 'base64url').toString('utf8'));
    const { url, csrf_token: token, flow_id: flow = '' } = said as Record<string, unknown>;
    if (typeof url !== 'string' || typeof token !== 'string' || typeof flow !== 'string') return null;
    // It goes into names of cookies.
    return /^[0-9A-Za-z]{0,64}$/.test(flow) ? { url, token, flow } : null;
  } catch {
    return null;
  }
}

function isOwnToken(
  { cookies }: OauthConfig,
  { token, flow }: State,
  given: ReadonlyMap<string, string>,
  secret: string,
): boolean {
  const cookie = given.get(ofFlow(cookies.nonce, flow)) || given.get(cookies.nonce.name) || '';
  const dot = token.indexOf('.');
  return dot >= 0 && isSame(cookie, token) && isSame(sign(secret, token.slice(0, dot)), token.slice(dot + 1));
}
