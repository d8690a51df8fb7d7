// Verified tokens are remembered, keys are fetched once and again when they are old; the rest is compared with Envoy.
import { generateKeyPairSync, sign } from 'node:crypto';
import { createRegistry, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test, vi } from 'vitest';
import { ManualClock } from '../../../lib/manual-clock.ts';
import { JwtAuthenticationSchema } from '../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { HeaderMap } from '../../http/headers.ts';
import { testExchange } from '../../testing/exchange.ts';
import { packed, registry } from '../../testing/resources.ts';
import { testScope } from '../../testing/scope.ts';
import { jwtAuthn } from './filter.ts';
import { KeySet } from './keys.ts';
import { parseToken, type Token } from './token.ts';
import { TokenCache } from './token-cache.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] });
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
function token(claims: object = {}): string {
  const input = `${encode({ alg: 'ES256', kid: 'k' })}.${encode({ iss: 'test', ...claims })}`;
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const types = createRegistry(registry, JwtAuthenticationSchema);
function compile(provider: JsonObject) {
  const rules = [{ match: { prefix: '/' }, requires: { provider_name: 'p' } }];
  const json = packed(JwtAuthenticationSchema, { providers: { p: { issuer: 'test', ...provider } }, rules });
  return jwtAuthn.chain.compile(fromJson(AnySchema, json, { registry: types }), 'jwt', 'j')!;
}
const local = { local_jwks: { inline_string: jwks } };
const asking = (text: string) => testExchange({ headers: ['authorization', `Bearer ${text}`] });

describe('a token that was verified', () => {
  test('is not verified again, until it expires', async () => {
    const clock = new ManualClock();
    const scope = testScope({ clock });
    const filter = compile({ ...local, clock_skew_seconds: 1 });
    const text = token({ exp: clock.epoch() / 1_000 + 10 });
    const first = filter.request!(asking(text), scope);
    expect(first).toBeInstanceOf(Promise);
    expect(await first).toBe(undefined);
    expect(filter.request!(asking(text), scope)).toBe(undefined);
    expect(scope.stats('http.test.jwt_authn', () => ({}))).toMatchObject({
      jwt_cache_hit: 1,
      jwt_cache_miss: 1,
      allowed: 2,
    });
    clock.advance(12_000);
    expect(filter.request!(asking(text), scope)).toMatchObject({ status: 401, body: 'Jwt is expired' });
  });

  test('the oldest is forgotten when there are too many, and all when the keys change', () => {
    const cache = new TokenCache(2, 4_096);
    const keys = new KeySet([]);
    const tokens = [1, 2, 3].map((n) => parseToken(token({ n })) as Token);
    for (const one of tokens) cache.add(one, keys);
    expect(tokens.map(({ text }) => cache.get(text, keys) !== null)).toEqual([false, true, true]);
    expect(cache.get(tokens[2]!.text, new KeySet([]))).toBe(null);
    expect(cache.get(tokens[2]!.text, keys)).toBe(null);
  });
});

describe('keys from a server', () => {
  const remote = {
    remote_jwks: { http_uri: { uri: 'https://keys.test/k', cluster: 'keys', timeout: '1s' }, cache_duration: '10s' },
  };

  test('are asked for once, however many need them, and again when they are old', async () => {
    const clock = new ManualClock();
    const scope = testScope({ clock });
    const http = vi.spyOn(scope.client, 'http').mockImplementation((call, done) => {
      expect(call.head).toMatchObject({ method: 'GET', scheme: 'https', authority: 'keys.test', path: '/k' });
      queueMicrotask(() =>
        done({ kind: 'answer', answer: { status: 200, headers: new HeaderMap(), body: Buffer.from(jwks) } }),
      );
      return () => undefined;
    });
    const filter = compile(remote);
    const outcomes = [token({ n: 1 }), token({ n: 2 })].map((text) => filter.request!(asking(text), scope));
    expect(await Promise.all(outcomes)).toEqual([undefined, undefined]);
    expect(http).toHaveBeenCalledTimes(1);
    clock.advance(11_000);
    expect(await filter.request!(asking(token({ n: 1 })), scope)).toBe(undefined);
    expect(http).toHaveBeenCalledTimes(2);
  });

  test('are fetched ahead, before they are old, and sooner where that failed', async () => {
    const clock = new ManualClock();
    const scope = testScope({ clock });
    const answers = [jwks, 'none', jwks];
    const http = vi.spyOn(scope.client, 'http').mockImplementation((_call, done) => {
      const body = Buffer.from(answers.shift() ?? jwks);
      done({ kind: 'answer', answer: { status: 200, headers: new HeaderMap(), body } });
      return () => undefined;
    });
    const filter = compile({ remote_jwks: { ...remote.remote_jwks, async_fetch: { failed_refetch_duration: '2s' } } });
    const started = filter.start!(scope);
    await started.ready;
    const callsAfter = async (milliseconds: number) => {
      clock.advance(milliseconds);
      await new Promise(setImmediate);
      return http.mock.calls.length;
    };
    expect(await callsAfter(4_900)).toBe(1);
    expect(await callsAfter(200)).toBe(2);
    expect(await callsAfter(2_100)).toBe(3);
    expect(await filter.request!(asking(token()), scope)).toBe(undefined);
    started.stop();
    expect(await callsAfter(20_000)).toBe(3);
    expect(await filter.request!(asking(token({ n: 1 })), scope)).toBe(undefined);
  });

  test('a failure refuses, and the next request asks again', async () => {
    const scope = testScope();
    const filter = compile(remote);
    for (let i = 1; i <= 2; i++) {
      expect(await filter.request!(asking(token()), scope)).toMatchObject({ body: 'Jwks remote fetch is failed' });
      expect(scope.stats('http.test.jwt_authn', () => ({}))).toMatchObject({ jwks_fetch_failed: i });
    }
  });
});

test.each<[provider: JsonObject, wants: string]>([
  [{}, 'j.providers[p]: has neither remote_jwks nor local_jwks'],
  [{ local_jwks: { inline_string: 'x' } }, 'j.providers[p].local_jwks: is no JSON Web Key Set'],
  [
    { remote_jwks: { http_uri: { uri: 'http://a/', cluster: 'c' } } },
    'j.providers[p].remote_jwks.http_uri.timeout: is required',
  ],
  [{ ...local, from_headers: [{ name: '' }] }, 'j.providers[p].from_headers[0].name: is empty'],
])('%j is refused', (provider, wants) => {
  expect(() => compile(provider)).toThrow(wants);
});
