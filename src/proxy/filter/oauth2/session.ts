// A session: tokens in cookies, and what is signed of them for a host.
import type { HeaderMap } from '../../http/headers.ts';
import { parseToken } from '../jwt/token.ts';
import type { OauthConfig } from './config.ts';
import { type Cookie, isOfFlow } from './cookies.ts';
import { decrypt, encrypt, isSigned, sign } from './seal.ts';
import type { Tokens } from './token-call.ts';

export type Session = {
  /** Seconds since the epoch. */
  readonly expires: string;
  readonly access: string;
  readonly id: string;
  readonly refresh: string;
};

/** Of a session that is made now. */
export type Lifetimes = { readonly access: string; readonly id: string; readonly refresh: string };

export function readSession({ cookies }: OauthConfig, given: ReadonlyMap<string, string>): Session {
  const of = ({ name }: Cookie) => given.get(name) ?? '';
  return { expires: of(cookies.expires), access: of(cookies.bearer), id: of(cookies.id), refresh: of(cookies.refresh) };
}

/** Tokens in cookies become what the provider gave. How many there are, and how many were encrypted. */
export function openTokens({ cookies, encrypts }: OauthConfig, given: Map<string, string>, secret: string) {
  const found = { tokens: 0, decrypted: 0 };
  if (!encrypts) return found;
  for (const { name } of [cookies.bearer, cookies.id, cookies.refresh]) {
    const sealed = given.get(name) ?? '';
    if (sealed === '') continue;
    found.tokens += 1;
    const token = decrypt(secret, sealed);
    if (token === null) continue;
    found.decrypted += 1;
    // Of another secret it is anything, by chance.
    if (/^[\t -~\x80-\xff]*$/.test(token)) given.set(name, token);
  }
  return found;
}

export function isLoggedIn(
  config: OauthConfig,
  session: Session,
  { host, secret, signature, epoch }: { host: string; secret: string; signature: string; epoch: number },
): boolean {
  if (!isSigned(secret, message(config, session, host), signature)) return false;
  return /^\d{1,15}$/.test(session.expires) && Number(session.expires) * 1_000 > epoch;
}

export function signatureOf(config: OauthConfig, session: Session, host: string, secret: string): string {
  return sign(secret, message(config, session, host));
}

/** What of an answer becomes a session. */
export function makeSession({ keeps, refreshes }: OauthConfig, tokens: Tokens, epoch: number): Session {
  return {
    expires: String(Math.floor(epoch / 1_000 + tokens.expiresIn)),
    access: keeps.access ? tokens.access : '',
    id: keeps.id ? tokens.id : '',
    refresh: keeps.refresh && refreshes ? tokens.refresh : '',
  };
}

export function lifetimesOf(config: OauthConfig, { refresh, id, expiresIn }: Tokens, epoch: number): Lifetimes {
  const access = String(expiresIn);
  return {
    access,
    id: config.idExpiresWithAccess ? access : (restOf(id, epoch) ?? access),
    refresh: config.refreshes ? (restOf(refresh, epoch) ?? String(config.refreshExpiresIn)) : access,
  };
}

/** `given`: cookies of the request; those that the session has nothing for are removed. */
export function setSession(
  headers: HeaderMap,
  config: OauthConfig,
  session: Session,
  lifetimes: Lifetimes,
  { signature, secret, given }: { signature: string; secret: string; given: ReadonlyMap<string, string> },
): void {
  const { cookies } = config;
  const set = (cookie: Cookie, value: string, seconds: string) =>
    headers.append('set-cookie', cookie.set(cookie.name, value, seconds));
  set(cookies.hmac, signature, lifetimes.access);
  set(cookies.expires, session.expires, lifetimes.access);
  const setToken = (cookie: Cookie, token: string, seconds: string) => {
    if (token !== '') set(cookie, config.encrypts ? encrypt(secret, token) : token, seconds);
    else if (given.has(cookie.name)) headers.append('set-cookie', cookie.remove(cookie.name));
  };
  setToken(cookies.bearer, session.access, lifetimes.access);
  setToken(cookies.id, session.id, lifetimes.id);
  setToken(cookies.refresh, session.refresh, lifetimes.refresh);
}

/** What is between browser and proxy alone. */
export function removeOwn({ cookies }: OauthConfig, given: Map<string, string>): void {
  for (const { name } of [cookies.hmac, cookies.expires, cookies.refresh]) given.delete(name);
  for (const name of [...given.keys()])
    if (isOfFlow(cookies.nonce, name) || isOfFlow(cookies.verifier, name)) given.delete(name);
}

/** No part may hold a line's end: tokens come from cookies, or are checked as they come. */
function message({ cookieDomain }: OauthConfig, { expires, access, id, refresh }: Session, host: string): string {
  return [cookieDomain || host, expires, access, id, refresh].join('\n');
}

/** Seconds that a JSON Web Token is still good for; null: it is none, or says nothing. */
function restOf(text: string, epoch: number): string | null {
  const token = parseToken(text);
  if (typeof token === 'string' || token.expires === 0) return null;
  return String(Math.max(0, Math.floor(token.expires) - Math.floor(epoch / 1_000)));
}
