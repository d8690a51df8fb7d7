// Logins at an identity provider (oauth2): redirects, cookies, tokens; and browsers that go on at the other proxy with what one gave them.
import { createDecipheriv, createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { type Reply, respond } from '../support/upstream.ts';
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { seen } from './harness/observation.ts';
import type { Stand } from './harness/stand.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2';
const KEY = 'a key that signs and encrypts';

const filter = (
  fields = '',
  credentials = '',
  secrets = 'token_secret: { name: token }, hmac_secret: { name: hmac }',
): string =>
  `[{ name: oauth, typed_config: { "@type": ${TYPE}, config: {
    token_endpoint: { cluster: b, uri: "http://idp.test/token?x=1", timeout: 3s },
    authorization_endpoint: "https://idp.test/authorize?own=1",
    redirect_uri: "%REQ(x-forwarded-proto)%://%REQ(:authority)%/callback",
    redirect_path_matcher: { path: { exact: /callback } }, signout_path: { path: { exact: /signout } },
    credentials: { client_id: "me & co", ${secrets}, ${credentials} }, ${fields} } } }]`;

const named = (name: string) => `[{ name: ${name}, string_match: { exact: "1" } }]`;
const answer = (fields: object): Reply => respond({ body: JSON.stringify(fields) });
const TOKENS = { access_token: 'access', id_token: 'id', refresh_token: 'refresh', expires_in: 3600 };

const refused = (name: string, send: string, listener = 'front', status = 401): Case => ({
  name,
  listener,
  send,
  wants: { status, reached: [] },
});
const signsOut = (name: string, listener: string, ...headers: string[]): Case => ({
  name,
  listener,
  send: get('/signout', ...headers),
  wants: { status: 302, reached: [] },
});

compareWithEnvoy(
  {
    name: 'filters-oauth2',
    statistics: /oauth_/,
    listeners: {
      front: {
        filters: filter(
          `pass_through_matcher: ${named('x-pass')}, deny_redirect_matcher: ${named('x-deny')}, allow_failed_matcher: ${named('x-fail')}, forward_bearer_token: true, resources: ["a b", "http://c/"], auth_scopes: [openid, "a&b"]`,
        ),
      },
      logout: {
        filters: filter('end_session_endpoint: "https://idp.test/end", auth_scopes: [openid], stat_prefix: mine'),
      },
      basic: {
        filters: filter(
          'auth_type: BASIC_AUTH, disable_token_encryption: true, use_refresh_token: false, stat_prefix: "mine."',
          'cookie_domain: test.local, cookie_names: { bearer_token: B, oauth_nonce: __Secure-N }',
        ),
      },
      dressed: {
        filters: filter(
          'cookie_configs: { bearer_token_cookie_config: { same_site: STRICT, path: /b, partitioned: true }, oauth_nonce_cookie_config: { same_site: LAX, path: /n }, oauth_hmac_cookie_config: { same_site: NONE } }, disable_id_token_set_cookie: true, default_expires_in: 60s, csrf_token_expires_in: 30s, auth_type: TLS_CLIENT_AUTH',
        ),
      },
      allowed: { filters: filter('allowed_redirect_domains: ["*.good.test", test.local]') },
      keyless: { filters: filter('', '', 'token_secret: { name: token }, hmac_secret: { name: empty }') },
    },
    secrets: `[{ name: token, generic_secret: { secret: { inline_string: "s/e=c" } } }, { name: hmac, generic_secret: { secret: { inline_string: ${KEY} } } }, { name: empty, generic_secret: { secret: { inline_string: "" } } }]`,
    virtualHosts: '[{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: a } }] }]',
    cases: [
      {
        name: 'passes',
        send: get(
          '/',
          'x-pass: 1',
          'authorization: mine',
          'x-envoy-oauth-status: forged',
          'x-envoy-oauth-failure-reason: forged',
        ),
        wants: { status: 200, reached: ['a'], seen: { headers: { authorization: 'mine' } } },
      },
      refused('redirects are denied', get('/', 'x-deny: 1')),
      {
        name: 'goes on without login',
        send: get('/p?q=1', 'x-fail: 1', 'authorization: mine', 'cookie: BearerToken=x; own=1; OauthNonce.5=2'),
        wants: { status: 200, reached: ['a'] },
      },
      refused('back without anything', get('/callback')),
      refused('back without state', get('/callback?code=1')),
      refused('back with a state that is none', get('/callback?code=1&state=e30')),
      refused('back with an error', get('/callback?error=no&state=e30')),
      refused('back, and failure is allowed elsewhere', get('/callback?error=no', 'x-fail: 1')),
      refused('no key', get('/'), 'keyless', 503),
      refused('not at a host of ours', get('/').replace('test.local', 'bad.test'), 'allowed'),
      signsOut('signs out', 'front'),
      signsOut('signs out of logins', 'basic', 'cookie: CodeVerifier.7=1; __Secure-N=5; Other=6'),
      signsOut('signs out at the provider', 'logout', 'cookie: IdToken=abc'),
    ],
  },
  (pair) => {
    for (const listener of ['front', 'basic', 'dressed'])
      test(`a browser logs in at ${listener}`, () => compareLogins(pair(), listener));
    test('a session is renewed', () => compareRenewals(pair()));
    test('a browser goes on at the other proxy', () => goOnElsewhere(pair()));
  },
);

type Answer = {
  readonly status: number;
  readonly location: string;
  readonly lines: readonly string[];
  readonly cookies: ReadonlyMap<string, string>;
};

async function ask(
  stand: Stand,
  listener: string,
  target: string,
  cookies: ReadonlyMap<string, string> = new Map(),
  script: readonly Reply[] = [],
): Promise<Answer> {
  for (const upstream of stand.upstreams) upstream.script(upstream.name === 'b' ? script : undefined);
  using connection = await RawConnection.open(stand.portOf(listener));
  const cookie =
    cookies.size === 0 ? [] : [`cookie: ${[...cookies].map(([name, value]) => `${name}=${value}`).join('; ')}`];
  connection.send(get(target, ...cookie));
  const { status, headers } = await connection.response();
  const lines = headers.flatMap(([name, value]) => (name.toLowerCase() === 'set-cookie' ? [value] : []));
  const set = new Map(cookies);
  for (const line of lines) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
    if (value === 'deleted') set.delete(name!);
    else set.set(name!, value!);
  }
  return {
    status,
    location: headers.find(([name]) => name.toLowerCase() === 'location')?.[1] ?? '',
    lines,
    cookies: set,
  };
}

/** What reached the upstreams: cookies in no order. */
function reached(stand: Stand) {
  return stand.upstreams.flatMap(({ name, received }) =>
    received.map((request) => {
      const { startLine, headers, body } = seen(stand, name, request, 0);
      return {
        name,
        startLine,
        body,
        headers: headers.map((line) =>
          line.startsWith('cookie: ') ? line.slice(8).split('; ').sort().join('; ') : line,
        ),
      };
    }),
  );
}

function decrypted(sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv('aes-256-cbc', createHash('sha256').update(KEY).digest(), bytes.subarray(0, 16));
  return Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString();
}

/** Without what is random, or of this second. */
function still(text: string): string {
  return text
    .replace(/\.[0-9a-f]{16}=/g, '.<flow>=')
    .replace(/=[0-9a-f]{16}\.[\w+/]{43}=;/g, '=<nonce>;')
    .replace(/^(OauthHMAC=)[\w+/]{43}=;/, '$1<signature>;')
    .replace(/=\d{10};/g, '=<time>;')
    .replace(/^((?:CodeVerifier(?:\.<flow>)?|BearerToken|IdToken|RefreshToken)=)[\w-]{40,};/, '$1<sealed>;')
    .replace(/(state=)[\w-]+/, '$1<state>')
    .replace(/(code_challenge=)[\w-]{43}/, '$1<challenge>')
    .replace(/(code_verifier=)[\w-]{43}/, '$1<verifier>');
}

const shown = ({ status, location, lines }: Answer) => ({ status, location: still(location), lines: lines.map(still) });
const stateOf = ({ location }: Answer) => new URL(location).searchParams.get('state')!;
const back = (begun: Answer, more = '') => `/callback?code=c%2F1&state=${stateOf(begun)}${more}`;

async function logIn(stand: Stand, listener: string): Promise<unknown[]> {
  const begun = await ask(stand, listener, '/page?a="1"');
  const state = JSON.parse(Buffer.from(stateOf(begun), 'base64url').toString()) as Record<string, string>;
  const sealed = [...begun.cookies].find(([name]) => name.startsWith('CodeVerifier'))![1];
  expect(createHash('sha256').update(decrypted(sealed)).digest('base64url')).toBe(
    new URL(begun.location).searchParams.get('code_challenge'),
  );
  const forged = await ask(
    stand,
    listener,
    back(begun),
    new Map([...begun.cookies].map(([name, value]) => [name, `${value}x`])),
  );
  const { refresh_token: _, expires_in: __, ...rest } = TOKENS;
  const done = await ask(stand, listener, back(begun), begun.cookies, [answer(listener === 'dressed' ? rest : TOKENS)]);
  const asked = reached(stand).map(({ body, ...request }) => ({ ...request, body: still(body) }));
  const inside = await ask(stand, listener, '/page', new Map([...done.cookies, ['own', '1'], ['OauthNonce.12', '3']]));
  const through = reached(stand);
  const tampered = await ask(stand, listener, '/page', new Map(done.cookies).set('OauthExpires', '9999999999'));
  const failed = await ask(stand, listener, back(begun), begun.cookies, [respond({ status: 400 })]);
  const useless = await ask(stand, listener, back(begun), begun.cookies, [answer({ id_token: 'x' })]);
  const again = await ask(stand, listener, back(begun), new Map([...begun.cookies, ...done.cookies]));
  const error = await ask(stand, listener, back(begun, '&error=denied'), begun.cookies);
  return [
    shown(begun),
    { keys: Object.keys(state), url: state['url'] },
    ...[forged, done].map(shown),
    asked,
    inside.status,
    through,
    ...[tampered, failed, useless, again, error].map(shown),
  ];
}

async function compareLogins({ reference, ours }: Pair, listener: string): Promise<void> {
  const theirs = await logIn(reference, listener);
  expect(theirs[3], 'Envoy').toMatchObject({ status: 302 });
  expect(await logIn(ours, listener)).toEqual(theirs);
}

/** Its time is over, or its signature is another's: the refresh token is good all the same. */
async function renew(stand: Stand): Promise<unknown[]> {
  const begun = await ask(stand, 'front', '/');
  const done = await ask(stand, 'front', back(begun), begun.cookies, [answer(TOKENS)]);
  const old = new Map(done.cookies).set('OauthExpires', '1');
  const renewed = await ask(stand, 'front', '/x', old, [
    answer({ ...TOKENS, access_token: 'newer', refresh_token: 'newest' }),
  ]);
  const through = reached(stand).map(({ body, ...request }) => ({ ...request, body: still(body) }));
  const kept = await ask(stand, 'front', '/x', old, [answer({ access_token: 'newer', expires_in: 60 })]);
  const inside = await ask(stand, 'front', '/x', kept.cookies);
  const failed = await ask(stand, 'front', '/x', old, [respond({ status: 400 })]);
  const useless = await ask(stand, 'front', '/x', old, [answer({})]);
  return [shown(renewed), through, shown(kept), inside.status, shown(failed), shown(useless)];
}

async function compareRenewals({ reference, ours }: Pair): Promise<void> {
  const theirs = await renew(reference);
  expect(theirs[0], 'Envoy').toMatchObject({ status: 200 });
  expect(await renew(ours)).toEqual(theirs);
}

async function goOnElsewhere({ reference, ours }: Pair): Promise<void> {
  for (const [first, second] of [
    [reference, ours],
    [ours, reference],
  ] as const) {
    const begun = await ask(first, 'front', '/page');
    const done = await ask(second, 'front', back(begun), begun.cookies, [answer(TOKENS)]);
    expect(done).toMatchObject({ status: 302, location: 'http://test.local/page' });
    for (const stand of [first, second]) {
      expect(await ask(stand, 'front', '/page', done.cookies)).toMatchObject({ status: 200 });
      expect(reached(stand)[0]!.headers).toContain('authorization: Bearer access');
    }
  }
}
