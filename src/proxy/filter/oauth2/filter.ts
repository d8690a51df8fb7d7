// The filter envoy.filters.http.oauth2: which request is what.
//
//   passes? ─ signs out? ─ logged in? ─ back from the provider? ─ has a refresh token? ─ to the provider
import { type OAuth2, OAuth2Schema } from '../../../xds/gen/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { HeaderMap } from '../../http/headers.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import { readCookies } from '../../route/match/cookie.ts';
import { compiler, type FilterKind } from '../define.ts';
import type {
  FilterScope,
  FilterStage,
  FilterStream,
  HeadOutcome,
  HttpFilter,
  LocalReply,
  StreamFilter,
} from '../filter.ts';
import { compileConfig, type OauthConfig, type OauthStat } from './config.ts';
import { writeCookies } from './cookies.ts';
import { beginLogin, type Callback, endLogin, readCallback, redirect, sealedVerifier, signOut } from './login.ts';
import { decrypt } from './seal.ts';
import {
  isLoggedIn,
  lifetimesOf,
  makeSession,
  openTokens,
  readSession,
  removeOwn,
  type Session,
  setSession,
  signatureOf,
} from './session.ts';
import { askForTokens, type Grant, type TokenOutcome, type Tokens } from './token-call.ts';

const STATUS = 'x-envoy-oauth-status';
const REASON = 'x-envoy-oauth-failure-reason';

export const oauth2: FilterKind = { chain: compiler(OAuth2Schema, createOauth), route: null };

function createOauth({ config }: OAuth2, name: string, path: string): HttpFilter {
  if (config === undefined) throw new ConfigError(at(path, 'config'), 'is required');
  const compiled = compileConfig(config, at(path, 'config'));
  return {
    name,
    secrets: [compiled.hmacSecret, ...(compiled.tokenSecret === null ? [] : [compiled.tokenSecret])],
    open: (exchange, scope, stream) => new OauthRequest(compiled, exchange, scope, stream),
  };
}

class OauthRequest implements StreamFilter {
  readonly #config: OauthConfig;
  readonly #exchange: Exchange;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  readonly #secret: string;
  /** Tokens as the provider gave them. */
  #cookies = new Map<string, string>();
  /** Set-Cookie lines of a session that was renewed. */
  #renewed: HeaderMap | null = null;
  #cancel: (() => void) | null = null;
  /** Until `head` has returned what is decided is its outcome. */
  #outcome: HeadOutcome | 'deciding' = 'deciding';

  constructor(config: OauthConfig, exchange: Exchange, scope: FilterScope, stream: FilterStream) {
    this.#config = config;
    this.#exchange = exchange;
    this.#scope = scope;
    this.#stream = stream;
    this.#secret = scope.secret(config.hmacSecret);
  }

  readonly request: FilterStage<RequestHead> = {
    head: (head) => {
      head.headers.remove(STATUS);
      head.headers.remove(REASON);
      if (this.#config.passes(head)) {
        this.#count('oauth_passthrough');
        return undefined;
      }
      this.#outcome = 'deciding';
      const outcome = this.#isReady() ? this.#decide(head) : this.#notReady();
      this.#outcome = outcome;
      return outcome;
    },
  };

  readonly response: FilterStage<ResponseHead> = {
    head: ({ headers }) => {
      for (const [name, value] of this.#renewed ?? []) headers.append(name, value);
      return undefined;
    },
  };

  done(): void {
    this.#cancel?.();
  }

  #isReady(): boolean {
    const { tokenSecret } = this.#config;
    return this.#secret !== '' && (tokenSecret === null || this.#scope.secret(tokenSecret) !== '');
  }

  #notReady(): LocalReply {
    this.#count('oauth_failure');
    return { status: 503, body: 'Service Unavailable', details: 'oauth.no_secrets', flags: 0, headers: null };
  }

  #decide(head: RequestHead): HeadOutcome {
    const config = this.#config;
    const given = readCookies(head.headers);
    this.#cookies = given;
    const { tokens, decrypted } = openTokens(config, given, this.#secret);
    if (tokens > 0) writeCookies(head.headers, given);
    for (let i = 0; i < decrypted; i++) this.#count('oauth_legacy_cbc_decrypt');
    if (!config.keepsAuthorization) head.headers.remove('authorization');
    if (config.isSignout(head.path)) return signOut(config, this.#exchange, given);
    const session = readSession(config, given);
    const signature = given.get(config.cookies.hmac.name) ?? '';
    const isCallback = config.isCallback(head.path);
    const shown = { host: head.authority, secret: this.#secret, signature, epoch: this.#scope.clock.epoch() };
    if (isLoggedIn(config, session, shown)) {
      this.#count('oauth_success');
      this.#forward(head, session.access);
      return isCallback ? this.#backAgain(head) : this.#passOn(head);
    }
    if (isCallback) return this.#back(head);
    if (config.refreshes && session.refresh !== '') return this.#ask({ kind: 'refresh', token: session.refresh });
    return this.#outsider(
      `Unauthorized, and forwarding as unauthorized because OAuth failure is allowed: ${head.path}`,
    );
  }

  /** Back from the provider, though logged in: by another login of the same browser. */
  #backAgain(head: RequestHead): LocalReply {
    const callback = readCallback(this.#config, head.path, this.#cookies, this.#secret);
    if (callback.kind === 'refused' || this.#config.isCallback(pathOf(callback.url)))
      return this.#refusal(callback.flow);
    return redirect(callback.url, endLogin(this.#config, callback.flow), 'oauth.race_redirect');
  }

  #back(head: RequestHead): HeadOutcome {
    const callback = readCallback(this.#config, head.path, this.#cookies, this.#secret);
    if (callback.kind === 'refused') return this.#refusal(callback.flow);
    const verifier = decrypt(this.#secret, sealedVerifier(this.#config, this.#cookies, callback.flow));
    if (verifier !== null) this.#count('oauth_legacy_cbc_decrypt');
    // It goes into a form as it is.
    if (verifier === null || !/^[A-Za-z0-9._~-]+$/.test(verifier)) return this.#refusal(callback.flow);
    const redirectUri = this.#config.redirectUri(this.#exchange);
    return this.#ask({ kind: 'code', code: callback.code, redirectUri, verifier }, callback);
  }

  #ask(grant: Grant, callback: Callback | null = null): HeadOutcome {
    const done = (outcome: TokenOutcome) => {
      this.#cancel = null;
      const decide = () => (callback === null ? this.#onRenewal(outcome) : this.#onLogin(outcome, callback));
      if (this.#outcome === 'deciding') this.#outcome = decide();
      else this.#stream.run(() => this.#settle(decide()));
    };
    const cancel = askForTokens(this.#config, grant, this.#scope, done);
    if (this.#outcome !== 'deciding') return this.#outcome;
    this.#cancel = cancel;
    return 'hold';
  }

  #settle(outcome: HeadOutcome): void {
    if (typeof outcome === 'object') this.#stream.answer(outcome);
    else this.#stream.request.proceed();
  }

  #onLogin(outcome: TokenOutcome, callback: Callback): HeadOutcome {
    if (outcome.kind !== 'tokens' || callback.kind === 'refused') return this.#refusal(callback.flow);
    this.#count('oauth_success');
    const reply = redirect(callback.url, [], 'oauth.logged_in');
    const session = makeSession(this.#config, outcome.tokens, this.#scope.clock.epoch());
    this.#setSession(reply.headers!, session, outcome.tokens);
    for (const line of endLogin(this.#config, callback.flow)) reply.headers!.append('set-cookie', line);
    return reply;
  }

  #onRenewal(outcome: TokenOutcome): HeadOutcome {
    const { request: head } = this.#exchange;
    switch (outcome.kind) {
      case 'refused':
        this.#count('oauth_refreshtoken_failure');
        return this.#outsider(
          'Failed to refresh the access token, and forwarding as unauthorized because OAuth failure is allowed',
        );
      case 'unusable':
        return this.#config.allowsFailure(head) ? this.#passFailed(outcome.reason) : this.#refusal('');
      default:
        return this.#renew(head, outcome.tokens);
    }
  }

  #renew(head: RequestHead, tokens: Tokens): HeadOutcome {
    this.#count('oauth_refreshtoken_success');
    this.#count('oauth_success');
    const { bearer, id, refresh } = this.#config.cookies;
    const made = makeSession(this.#config, tokens, this.#scope.clock.epoch());
    if (made.access !== '') this.#cookies.set(bearer.name, made.access);
    if (made.id !== '') this.#cookies.set(id.name, made.id);
    this.#forward(head, made.access);
    // Without a new one the old one goes on, until a provider says no.
    const session = made.refresh === '' ? { ...made, refresh: this.#cookies.get(refresh.name) ?? '' } : made;
    this.#passOn(head);
    this.#renewed = new HeaderMap();
    this.#setSession(this.#renewed, session, tokens);
    return undefined;
  }

  #setSession(headers: HeaderMap, session: Session, tokens: Tokens): void {
    const config = this.#config;
    const secret = this.#secret;
    const signature = signatureOf(config, session, this.#exchange.request.authority, secret);
    const lifetimes = lifetimesOf(config, tokens, this.#scope.clock.epoch());
    setSession(headers, config, session, lifetimes, { signature, secret, given: this.#cookies });
  }

  /** Who is not logged in. */
  #outsider(reason: string): HeadOutcome {
    const { request: head } = this.#exchange;
    if (this.#config.allowsFailure(head)) return this.#passFailed(reason);
    if (this.#config.deniesRedirect(head)) return this.#refusal('');
    const reply = beginLogin(this.#config, this.#exchange, this.#secret);
    if (reply === null) return this.#refusal('');
    this.#count('oauth_unauthorized_rq');
    return reply;
  }

  #passFailed(reason: string): undefined {
    const { headers } = this.#exchange.request;
    const { bearer, id } = this.#config.cookies;
    this.#count('oauth_allow_failed_passthrough');
    for (const { name } of [bearer, id]) this.#cookies.delete(name);
    this.#passOn(this.#exchange.request);
    headers.set(STATUS, 'failed');
    headers.set(REASON, reason);
  }

  #passOn({ headers }: RequestHead): undefined {
    removeOwn(this.#config, this.#cookies);
    if (headers.has('cookie')) writeCookies(headers, this.#cookies);
  }

  #forward({ headers }: RequestHead, token: string): void {
    if (this.#config.forwardsBearer && token !== '') headers.set('authorization', `Bearer ${token}`);
  }

  #refusal(flow: string): LocalReply {
    this.#count('oauth_failure');
    const lines = flow === '' ? [] : endLogin(this.#config, flow);
    const headers = new HeaderMap(lines.flatMap((line) => ['set-cookie', line]));
    return { status: 401, body: 'OAuth flow failed.', details: 'oauth.failed', flags: 0, headers };
  }

  #count(stat: OauthStat): void {
    this.#config.statsOf(this.#scope).add(stat);
  }
}

/** Of an absolute URL. */
function pathOf(url: string): string {
  return url.replace(/^[a-z]+:\/\/[^/?#]*/i, '') || '/';
}
