// What is refused, what may not be forged, and what never goes into a header. Logins are compared with Envoy.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { OAuth2Schema } from '../../../xds/gen/envoy/extensions/filters/http/oauth2/v3/oauth_pb.ts';
import { testExchange } from '../../testing/exchange.ts';
import { filterStream } from '../../testing/filter-stream.ts';
import { testScope } from '../../testing/scope.ts';
import type { LocalReply } from '../filter.ts';
import { compileAllowed } from './allowed-hosts.ts';
import { oauth2 } from './filter.ts';
import { decrypt, encrypt, isSigned, sign } from './seal.ts';

const config: JsonObject = {
  token_endpoint: { uri: 'https://idp.test/token', cluster: 'idp', timeout: '1s' },
  authorization_endpoint: 'https://idp.test/authorize',
  redirect_uri: 'https://%REQ(:authority)%/callback',
  redirect_path_matcher: { path: { exact: '/callback' } },
  signout_path: { path: { exact: '/signout' } },
  credentials: { client_id: 'me', token_secret: { name: 'token' }, hmac_secret: { name: 'hmac' } },
};
const compile = (change: JsonObject = {}) =>
  oauth2.chain.compile(
    anyPack(OAuth2Schema, fromJson(OAuth2Schema, { config: { ...config, ...change } })),
    'oauth',
    'f',
  )!;

function ask(path: string, cookie: string, change: JsonObject = {}): LocalReply | undefined | string {
  const exchange = testExchange({ path, headers: cookie === '' ? [] : ['cookie', cookie] });
  const scope = testScope({ secret: (ref) => (ref.kind === 'sds' ? ref.name : '') });
  return compile(change).open!(exchange, scope, filterStream())!.request!.head!(exchange.request, true);
}
const callback = (state: object): string =>
  `/callback?code=1&state=${Buffer.from(JSON.stringify(state)).toString('base64url')}`;
const token = `5.${sign('hmac', '5')}`;

describe('refused', () => {
  const cases: [string, JsonObject, string][] = [
    ['no client', { credentials: {} }, 'f.config.credentials.client_id: is empty'],
    [
      'no key',
      { credentials: { client_id: 'a', token_secret: { name: 't' } } },
      'credentials.hmac_secret: is required',
    ],
    [
      'no secret',
      { credentials: { client_id: 'a', hmac_secret: { name: 't' } } },
      'credentials.token_secret: is required',
    ],
    ['an endpoint that is none', { authorization_endpoint: '/a' }, 'authorization_endpoint: /a is no URL'],
    [
      'two owners of a header',
      { preserve_authorization_header: true, forward_bearer_token: true },
      'beside forward_bearer_token',
    ],
    ['an end without OpenID', { end_session_endpoint: 'https://a/' }, 'end_session_endpoint: needs OpenID Connect'],
    [
      'a path with attributes',
      { cookie_configs: { bearer_token_cookie_config: { path: '/;a' } } },
      'cannot stand in a cookie',
    ],
    ['keys of its own', { auth_type: 'PRIVATE_KEY_JWT' }, 'auth_type: is not supported'],
    ['another header', { forward_id_token: { header: 'x' } }, 'forward_id_token: is not supported'],
  ];
  test.each(cases)('%s', (_name, change, message) => expect(() => compile(change)).toThrow(message));
});

describe('back from the provider, refused', () => {
  const good = { url: 'https://shop.example/', csrf_token: token, flow_id: '5' };
  const own = `OauthNonce.5=${token}; CodeVerifier.5=${encrypt('hmac', 'v')}`;
  const cases: [string, object, string][] = [
    ['without the cookie of the login', good, ''],
    ['with the cookie of another', good, `OauthNonce.5=6.${sign('hmac', '6')}`],
    ['with a token that is not signed', { ...good, csrf_token: '5.x' }, 'OauthNonce.5=5.x'],
    ['to no URL', { ...good, url: '/page' }, own],
    ['with another header in the URL', { ...good, url: 'https://shop.example/\r\nx: y' }, own],
    ['with another cookie in the id', { ...good, flow_id: '5=; x' }, `OauthNonce=${token}`],
    ['without verifier', good, `OauthNonce.5=${token}`],
    ['with a verifier of another key', good, `OauthNonce.5=${token}; CodeVerifier.5=${encrypt('other', 'v')}`],
    [
      'with another parameter in the verifier',
      good,
      `OauthNonce.5=${token}; CodeVerifier.5=${encrypt('hmac', 'v&a=b')}`,
    ],
  ];
  test.each(cases)('%s', (_name, state, cookie) => {
    const reply = ask(callback(state), cookie);
    expect(reply).toMatchObject({ status: 401, details: 'oauth.failed' });
    for (const [, line] of (reply as LocalReply).headers!) expect(line).not.toMatch(/[\r\n]|; x=/);
  });

  test('by a provider that nobody reaches', () => {
    expect(ask(callback(good), own)).toMatchObject({ status: 401 });
  });
});

test('a session is of its host, its time and its secret', () => {
  const signed = (host: string, expires: string, secret = 'hmac') =>
    `OauthExpires=${expires}; OauthHMAC=${sign(secret, [host, expires, '', '', ''].join('\n'))}`;
  expect(ask('/', signed('shop.example', '4000000000'))).toBe(undefined);
  for (const cookie of [
    signed('other.example', '4000000000'),
    signed('shop.example', '1'),
    signed('shop.example', '4e9'),
    signed('shop.example', '4000000000', ''),
    'OauthExpires=4000000000',
  ])
    expect(ask('/', cookie)).toMatchObject({ status: 302, details: 'oauth.missing_credentials' });
});

test('nothing is believed while there is no secret', () => {
  const exchange = testExchange({
    headers: ['cookie', `OauthExpires=4000000000; OauthHMAC=${sign('', 'shop.example\n4000000000\n\n\n')}`],
  });
  expect(compile().open!(exchange, testScope(), filterStream())!.request!.head!(exchange.request, true)).toMatchObject({
    status: 503,
  });
});

test('seals', () => {
  expect(decrypt('k', encrypt('k', 'text'))).toBe('text');
  for (const text of ['', 'short', 'a.b.c', encrypt('other', 'text').slice(0, 22)])
    expect(decrypt('k', text)).toBe(null);
  expect(
    isSigned('k', 'm', Buffer.from(Buffer.from(sign('k', 'm'), 'base64').toString('hex')).toString('base64')),
  ).toBe(true);
  expect(isSigned('k', 'm', '')).toBe(false);
});

describe('hosts that browsers may be sent to', () => {
  const allowed = compileAllowed(['*.good.test', 'Exact.test', '::1']);
  const cases: [string, boolean][] = [
    ['https://a.good.test/x', true],
    ['https://A.GOOD.test:8443', true],
    ['http://exact.test', true],
    ['http://[::1]:80/', true],
    ['https://good.test/', false],
    ['https://evilgood.test/', false],
    ['https://exact.test@evil.test/', false],
    ['https://exact.test\\@evil.test/', false],
    ['//exact.test/', false],
    ['javascript:exact.test', false],
  ];
  test.each(cases)('%s: %s', (url, wants) => expect(allowed(url)).toBe(wants));
});
