// Tokens: where they are found, what makes them good, what is answered and what is passed on.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { respond } from '../support/upstream.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const NOW = Math.floor(Date.now() / 1_000);
const LATER = NOW + 36_000;

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ec384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const ed = generateKeyPairSync('ed25519');
const SECRET = Buffer.from('a secret that is long enough for everything it is used for');

const jwk = (key: KeyObject, fields: object): object => ({ ...key.export({ format: 'jwk' }), ...fields });
const keys = [
  jwk(rsa.publicKey, { kid: 'rsa' }),
  jwk(ec.publicKey, { kid: 'ec', alg: 'ES256' }),
  jwk(ec384.publicKey, { kid: 'ec384' }),
  jwk(ed.publicKey, { kid: 'ed' }),
  { kty: 'oct', k: SECRET.toString('base64url'), kid: 'hmac' },
];
const jwks = JSON.stringify({ keys });

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
type Sign = (input: string) => Buffer;
const withKey =
  (key: KeyObject, digest: string | null, options: object = {}): Sign =>
  (input) =>
    sign(digest, Buffer.from(input), { key, ...options });
const ieee = { dsaEncoding: 'ieee-p1363' };
const signers: Readonly<Record<string, readonly [kid: string, sign: Sign]>> = {
  RS256: ['rsa', withKey(rsa.privateKey, 'sha256')],
  RS512: ['rsa', withKey(rsa.privateKey, 'sha512')],
  PS256: ['rsa', withKey(rsa.privateKey, 'sha256', { padding: 6, saltLength: 32 })],
  ES256: ['ec', withKey(ec.privateKey, 'sha256', ieee)],
  ES384: ['ec384', withKey(ec384.privateKey, 'sha384', ieee)],
  EdDSA: ['ed', withKey(ed.privateKey, null)],
  HS256: ['hmac', (input) => createHmac('sha256', SECRET).update(input).digest()],
};

/** A token of issuer `test`, signed by the algorithm's key unless `change` says otherwise. */
function token(claims: object = {}, alg = 'ES256', header: object = {}): string {
  const [kid, signed] = signers[alg]!;
  const input = `${encode({ alg, kid, ...header })}.${encode({ iss: 'test', sub: 'ann', exp: LATER, ...claims })}`;
  return `${input}.${signed(input).toString('base64url')}`;
}
const bearer = (text: string): string => `authorization: Bearer ${text}`;

const rule = (path: string, requires: string): string => `{ match: { path: ${path} }, requires: { ${requires} } }`;
const local = `local_jwks: { inline_string: '${jwks}' }`;
const filter = `
- name: jwt
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
    bypass_cors_preflight: true
    providers:
      plain: { issuer: test, ${local} }
      other: { issuer: other, ${local} }
      audience: { issuer: test, audiences: [shop, "https://api.test/"], ${local} }
      forwards: { issuer: test, forward: true, forward_payload_header: x-payload, ${local}, claim_to_headers: [{ header_name: x-sub, claim_name: sub }, { header_name: x-deep, claim_name: a.b }, { header_name: x-list, claim_name: list }, { header_name: x-flag, claim_name: flag }, { header_name: x-number, claim_name: number }] }
      padded: { issuer: test, forward_payload_header: x-payload, pad_forward_payload_header: true, ${local} }
      places: { issuer: test, ${local}, from_headers: [{ name: x-jwt }, { name: x-prefixed, value_prefix: "jwt=" }], from_params: [token], from_cookies: [session] }
      subjects: { issuer: test, subjects: { prefix: an }, ${local} }
      expires: { issuer: test, require_expiration: true, ${local} }
      short: { issuer: test, max_lifetime: 60s, ${local} }
      anyone: { ${local} }
      remote: { issuer: test, remote_jwks: { http_uri: { uri: "http://keys.test/jwks?x", cluster: b, timeout: 1s } } }
      ahead: { issuer: test, remote_jwks: { async_fetch: { failed_refetch_duration: 60s }, http_uri: { uri: "http://keys.test/jwks?x", cluster: b, timeout: 1s } } }
      failing: { issuer: test, remote_jwks: { http_uri: { uri: "http://keys.test/none", cluster: c, timeout: 1s } } }
      unreachable: { issuer: test, remote_jwks: { http_uri: { uri: "http://keys.test/none", cluster: refused, timeout: 1s } } }
    requirement_map:
      named: { provider_name: plain }
    rules:
    - ${rule('/plain', 'provider_name: plain')}
    - ${rule('/audience', 'provider_name: audience')}
    - ${rule('/audiences', 'provider_and_audiences: { provider_name: plain, audiences: [admin] }')}
    - ${rule('/forwards', 'provider_name: forwards')}
    - ${rule('/padded', 'provider_name: padded')}
    - ${rule('/places', 'provider_name: places')}
    - ${rule('/subjects', 'provider_name: subjects')}
    - ${rule('/expires', 'provider_name: expires')}
    - ${rule('/short', 'provider_name: short')}
    - ${rule('/anyone', 'provider_name: anyone')}
    - ${rule('/remote', 'provider_name: remote')}
    - ${rule('/ahead', 'provider_name: ahead')}
    - ${rule('/failing', 'provider_name: failing')}
    - ${rule('/unreachable', 'provider_name: unreachable')}
    - ${rule('/any', 'requires_any: { requirements: [{ provider_name: plain }, { provider_name: other }] }')}
    - ${rule('/all', 'requires_all: { requirements: [{ provider_name: places }, { provider_name: other }] }')}
    - ${rule('/missing', 'requires_any: { requirements: [{ provider_name: plain }, { allow_missing: {} }] }')}
    - ${rule('/failed', 'requires_any: { requirements: [{ provider_name: plain }, { allow_missing_or_failed: {} }] }')}
    - ${rule('/allow-missing', 'allow_missing: {}')}
    - ${rule('/allow-failed', 'allow_missing_or_failed: {}')}
    - { match: { path: /named }, requirement_name: named }
    - { match: { path: /open } }
    - { match: { path: /routed }, requires: { provider_name: other } }
    - { match: { path: /off }, requires: { provider_name: other } }
`;
const strict = `
- name: jwt
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
    strip_failure_response: true
    providers: { plain: { issuer: test, ${local}, payload_in_metadata: claims } }
    rules: [{ match: { prefix: / }, requires: { provider_name: plain } }]
- name: rbac
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
    rules:
      policies:
        admins:
          permissions: [{ any: true }]
          principals:
          - metadata: { filter: envoy.filters.http.jwt_authn, path: [{ key: claims }, { key: role }], value: { string_match: { exact: admin } } }
          - metadata: { filter: envoy.filters.http.jwt_authn, path: [{ key: claims }, { key: groups }], value: { list_match: { one_of: { string_match: { exact: staff } } } } }
          - metadata: { filter: envoy.filters.http.jwt_authn, path: [{ key: claims }, { key: level }], value: { double_match: { range: { start: 5, end: 7 } } } }
          - metadata: { filter: envoy.filters.http.jwt_authn, path: [{ key: claims }, { key: root }], value: { bool_match: true } }
`;
const shows = (format: string): string => `
- name: shows
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
    mutations: { request_mutations: [{ append: { header: { key: x-shown, value: "${format}" } } }] }
`;
const noted = `
- name: jwt
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
    providers:
      plain: { issuer: test, ${local}, failed_status_in_metadata: failure, audiences: [shop], from_headers: [{ name: x-jwt }] }
      other: { issuer: other, ${local}, failed_status_in_metadata: other }
    rules:
    - ${rule('/lenient', 'requires_any: { requirements: [{ provider_name: plain }, { allow_missing_or_failed: {} }] }')}
    - ${rule('/anyone', 'allow_missing_or_failed: {}')}
${shows('%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%')}`;
const unfetched = `
- name: jwt
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
    providers:
      failing: { issuer: test, failed_status_in_metadata: failure, from_headers: [{ name: x-jwt }], remote_jwks: { http_uri: { uri: "http://keys.test/none", cluster: refused, timeout: 1s } } }
    rules: [{ match: { prefix: / }, requires: { allow_missing_or_failed: {} } }]
${shows('%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%')}`;
const extracts = `
- name: jwt
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
    providers:
      plain: { issuer: test, ${local}, payload_in_metadata: claims, forward_payload_header: x-payload, claim_to_headers: [{ header_name: x-sub, claim_name: sub }] }
    rules: [{ match: { prefix: / }, requires: { extract_only_without_validation: {} } }]
${shows('%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:claims:sub)%')}`;
const PER_ROUTE = 'type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig';
const remembers = `
- name: jwt
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
    providers:
      plain: { issuer: test, ${local}, jwt_cache_config: { jwt_cache_size: 10, jwt_max_token_size: 600 } }
    rules: [{ match: { prefix: / }, requires: { provider_name: plain } }]
`;
const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { path: /routed }, route: { cluster: a }, typed_per_filter_config: { jwt: { "@type": ${PER_ROUTE}, requirement_name: named } } }
    - { match: { path: /off }, route: { cluster: a }, typed_per_filter_config: { jwt: { "@type": ${PER_ROUTE}, disabled: true } } }
    - { match: { prefix: / }, route: { cluster: a } }
`;

const passes = (name: string, path: string, ...headers: string[]): Case => ({
  name,
  send: get(path, ...headers),
  wants: { status: 200 },
});
const refused = (name: string, path: string, status: number, body: string | undefined, ...headers: string[]): Case => ({
  name,
  send: get(path, ...headers),
  wants: { status, ...(body === undefined ? {} : { body }) },
});
const good = token();
const keysFromB = { b: [respond({ body: jwks })] };
const raw = (...parts: string[]): string => parts.join('.');
const [head = '', payload = '', signature = ''] = good.split('.');

const coded = (value: unknown): string => encode(value);
const made = (header_: unknown, claims: unknown): string => raw(coded(header_), coded(claims), signature);
const known = { alg: 'ES256', kid: 'ec' };
/** Every way to be wrong that there is a number for. */
const wrongs: Readonly<Record<string, string>> = {
  missing: '',
  'not yet valid': token({ nbf: LATER }),
  expired: token({ exp: NOW - 500 }),
  'two sections': raw(head, payload),
  'a header that is no base64': raw('!!', payload, signature),
  'a header that is no JSON': raw(Buffer.from('{').toString('base64url'), payload, signature),
  'an algorithm that is no text': made({ alg: 1 }, {}),
  'an algorithm that is not known': made({ alg: 'none' }, {}),
  'a key id that is no text': made({ alg: 'ES256', kid: 1 }, {}),
  'a payload that is no base64': raw(head, '!!', signature),
  'a payload that is no JSON': raw(head, Buffer.from('{').toString('base64url'), signature),
  'an issuer that is no text': made(known, { iss: 1 }),
  'a subject that is no text': made(known, { sub: 1 }),
  'iat that is no number': made(known, { iat: 'x' }),
  'iat that is negative': made(known, { iat: -1 }),
  'nbf that is no number': made(known, { nbf: 'x' }),
  'nbf that is negative': made(known, { nbf: -1 }),
  'exp that is no number': made(known, { exp: 'x' }),
  'exp that is negative': made(known, { exp: -1 }),
  'an id that is no text': made(known, { jti: 1 }),
  'an audience that is no text': made(known, { aud: 1 }),
  'a signature that is no base64': raw(head, payload, '!!'),
  'another issuer': token({ iss: 'nobody' }),
  'another audience': token({ aud: 'other' }),
  'a wrong signature': raw(head, encode({ iss: 'test', aud: 'shop', exp: LATER }), signature),
  'no key': token({ aud: 'shop' }, 'ES256', { kid: 'nobody' }),
};

compareWithEnvoy({
  name: 'filters-jwt',
  statistics: /jwt_authn\.(?!jwt_cache)|remembers\.jwt_authn/,
  listeners: {
    front: { filters: filter },
    strict: { filters: strict },
    remembers: { filters: remembers },
    noted: { filters: noted },
    unfetched: { filters: unfetched },
    extracts: { filters: extracts },
  },
  virtualHosts,
  cases: [
    passes('no rule for it', '/elsewhere'),
    passes('a rule that requires nothing', '/open'),
    refused('no token', '/plain?x=1', 401, 'Jwt is missing'),
    ...Object.keys(signers).map((alg) => passes(`signed with ${alg}`, '/plain', bearer(token({}, alg)))),
    passes('the same token twice', '/plain', bearer(good)),
    {
      name: 'the same token twice on a connection',
      send: [get('/plain', bearer(good)), get('/plain', bearer(good))],
      wants: { status: [200, 200] },
    },
    passes('in the query', `/plain?access_token=${good}`),
    passes('in the query among others', `/plain?a=1&access_token=${good}&b=2`),
    refused('another scheme', '/plain', 401, 'Jwt is missing', 'authorization: Basic x'),
    refused('a scheme in lower case', '/plain', 401, undefined, `authorization: bearer ${good}`),
    refused(
      'two tokens, one of them bad',
      `/plain?access_token=${raw(head, payload, 'AAAA')}`,
      401,
      undefined,
      bearer(good),
    ),
    refused('an issuer of somebody else', '/plain', 401, 'Jwt issuer is not configured', bearer(token({ iss: 'x' }))),
    refused('expired', '/plain', 401, 'Jwt is expired', bearer(token({ exp: NOW - 100 }))),
    passes('expired within the skew', '/plain', bearer(token({ exp: NOW - 20 }))),
    refused('not yet valid', '/plain', 401, 'Jwt not yet valid', bearer(token({ nbf: NOW + 100 }))),
    refused(
      'a broken signature',
      '/plain',
      401,
      'Jwt verification fails',
      bearer(raw(head, payload, signature.replace(/^../, signature.startsWith('AA') ? 'BB' : 'AA'))),
    ),
    refused(
      'another payload',
      '/plain',
      401,
      undefined,
      bearer(raw(head, encode({ iss: 'test', sub: 'root' }), signature)),
    ),
    refused('no such key', '/plain', 401, undefined, bearer(token({}, 'ES256', { kid: 'none' }))),
    refused('the key of another algorithm', '/plain', 401, undefined, bearer(token({}, 'RS256', { kid: 'ec' }))),
    passes('no key id', '/plain', bearer(token({}, 'RS256', { kid: undefined }))),
    refused('the algorithm none', '/plain', 401, undefined, bearer(raw(encode({ alg: 'none' }), payload, ''))),
    refused('an algorithm that is no text', '/plain', 401, undefined, bearer(raw(encode({ alg: 1 }), payload, 'AA'))),
    refused('two sections', '/plain', 401, undefined, bearer('a.b')),
    refused('no JSON', '/plain', 401, undefined, bearer(raw('YWJj', payload, signature))),
    refused('no base64', '/plain', 401, undefined, bearer(raw('a', payload, signature))),
    refused('a payload that is no JSON', '/plain', 401, undefined, bearer(raw(head, 'YWJj', signature))),
    refused('a signature that is no base64', '/plain', 401, undefined, bearer(raw(head, payload, 'a'))),
    refused('an issuer that is a number', '/plain', 401, undefined, bearer(token({ iss: 1 }))),
    refused('a subject that is a number', '/plain', 401, undefined, bearer(token({ sub: 1 }))),
    refused('an end that is a text', '/plain', 401, undefined, bearer(token({ exp: 'x' }))),
    refused('an end before the epoch', '/plain', 401, undefined, bearer(token({ exp: -1 }))),
    refused('audiences that are numbers', '/plain', 401, undefined, bearer(token({ aud: [1] }))),
    passes('one of its audiences', '/audience', bearer(token({ aud: ['x', 'shop'] }))),
    passes('an audience by another scheme', '/audience', bearer(token({ aud: 'api.test' }))),
    refused('another audience', '/audience', 403, 'Audiences in Jwt are not allowed', bearer(token({ aud: 'x' }))),
    refused('no audience', '/audience', 403, undefined, bearer(good)),
    passes('an audience of the rule', '/audiences', bearer(token({ aud: 'admin' }))),
    refused('not an audience of the rule', '/audiences', 403, undefined, bearer(token({ aud: 'shop' }))),
    passes(
      'forwarded, with payload and claims',
      '/forwards',
      bearer(token({ a: { b: 'deep' }, list: ['x', 1], flag: true, number: 42 })),
    ),
    passes('the payload padded', '/padded', bearer(token({ x: 'xx' }))),
    passes('in a header of its own', '/places', `x-jwt: ${good}`),
    passes('in a header after a prefix', '/places', `x-prefixed: jwt=${good}`),
    refused('in a header after more than the prefix', '/places', 401, undefined, `x-prefixed: a jwt=${good},b`),
    passes('in a header after words', '/places', `x-prefixed: a jwt=${good}`),
    passes('in a parameter of its own', `/places?token=${good}`),
    passes('in a cookie', '/places', `cookie: a=b; session=${good}`),
    refused('not where it is looked for', '/places', 401, undefined, bearer(good)),
    passes('a subject that is allowed', '/subjects', bearer(good)),
    refused('a subject that is not', '/subjects', 401, undefined, bearer(token({ sub: 'bob' }))),
    refused('without an end', '/expires', 401, undefined, bearer(token({ exp: undefined }))),
    passes('without an end where it need not', '/plain', bearer(token({ exp: undefined }))),
    refused('a life too long', '/short', 401, undefined, bearer(token({ iat: NOW }))),
    passes('a life short enough', '/short', bearer(token({ iat: NOW, exp: NOW + 50 }))),
    passes('of any issuer', '/anyone', bearer(token({ iss: 'x' }))),
    {
      name: 'keys from a server',
      send: get('/remote', bearer(good)),
      script: keysFromB,
      wants: { status: 200, reached: ['a', 'b'] },
    },
    {
      name: 'keys from a server, remembered',
      send: get('/remote', bearer(good)),
      script: keysFromB,
      wants: { status: 200, reached: ['a'] },
    },
    {
      name: 'keys that were to be fetched ahead, which failed',
      send: get('/ahead', bearer(good)),
      script: keysFromB,
      wants: { status: 200, reached: ['a', 'b'] },
    },
    {
      name: 'keys that were to be fetched ahead, remembered',
      send: get('/ahead', bearer(good)),
      script: keysFromB,
      wants: { status: 200, reached: ['a'] },
    },
    {
      name: 'a server without keys',
      send: get('/failing', bearer(good)),
      script: { c: [respond({ status: 404 })] },
      wants: { status: 401 },
    },
    {
      name: 'a server that answers nonsense',
      send: get('/failing', bearer(good)),
      script: { c: [respond({ body: 'x' })] },
      wants: { status: 401 },
    },
    refused('a server that is not there', '/unreachable', 401, undefined, bearer(good)),
    passes('any: the first', '/any', bearer(good)),
    passes('any: the second', '/any', bearer(token({ iss: 'other' }))),
    refused('any: neither', '/any', 401, undefined, bearer(token({ iss: 'x' }))),
    refused('any: expired', '/any', 401, undefined, bearer(token({ exp: NOW - 100 }))),
    refused('any: none', '/any', 401, undefined),
    passes('all: both', '/all', `x-jwt: ${good}`, bearer(token({ iss: 'other' }))),
    refused('all: one of them', '/all', 401, undefined, `x-jwt: ${good}`),
    passes('or missing: missing', '/missing'),
    passes('or missing: good', '/missing', bearer(good)),
    refused('or missing: bad', '/missing', 401, undefined, bearer(token({ exp: 1 }))),
    refused('or missing: of another issuer', '/missing', 401, undefined, bearer(token({ iss: 'other' }))),
    passes('or failed: bad', '/failed', bearer(token({ exp: 1 }))),
    passes('only if present: missing', '/allow-missing'),
    passes('only if present: good', '/allow-missing', bearer(token({ iss: 'other' }))),
    refused('only if present: bad', '/allow-missing', 401, undefined, bearer(token({ exp: 1 }))),
    passes('whatever it is: bad', '/allow-failed', bearer('x')),
    passes('by name', '/named', bearer(good)),
    refused('by name, none', '/named', 401, undefined),
    passes('by the name a route gives', '/routed', bearer(good)),
    refused('by the name a route gives, none', '/routed', 401, undefined),
    passes('off for a route', '/off'),
    {
      name: 'a preflight',
      send: request('OPTIONS', '/plain', { headers: ['origin: x', 'access-control-request-method: GET'], body: '' }),
      wants: { status: 200 },
    },
    { name: 'without words', listener: 'strict', send: get('/'), wants: { status: 401, body: '' } },
    {
      name: 'a claim that RBAC wants',
      listener: 'strict',
      send: get('/', bearer(token({ role: 'admin' }))),
      wants: { status: 200 },
    },
    {
      name: 'a list with what RBAC wants',
      listener: 'strict',
      send: get('/', bearer(token({ groups: ['a', 'staff'] }))),
      wants: { status: 200 },
    },
    {
      name: 'a number in the range RBAC wants',
      listener: 'strict',
      send: get('/', bearer(token({ level: 5 }))),
      wants: { status: 200 },
    },
    {
      name: 'a truth RBAC wants',
      listener: 'strict',
      send: get('/', bearer(token({ root: true }))),
      wants: { status: 200 },
    },
    {
      name: 'claims that RBAC does not want',
      listener: 'strict',
      send: get('/', bearer(token({ role: 'guest', groups: ['x'], level: 7, root: false }))),
      wants: { status: 403 },
    },
    ...[good, good, token({ much: 'x'.repeat(600) }), token({ much: 'x'.repeat(600) })].map((text, nth) => ({
      ...passes(`remembered where that is configured: ${nth}`, '/', bearer(text)),
      listener: 'remembers',
    })),
    ...Object.entries(wrongs).map(([name, text]) => ({
      ...passes(`noted: ${name}`, '/lenient', ...(text === '' ? [] : [`x-jwt: ${text}`])),
      listener: 'noted',
    })),
    {
      ...passes('noted: keys that are not there', '/fetch', `x-jwt: ${token({ aud: 'shop' })}`),
      listener: 'unfetched',
    },
    { ...passes('noted: of anyone', '/anyone', `x-jwt: ${token({ exp: NOW - 500 })}`), listener: 'noted' },
    { ...passes('noted: of nobody', '/anyone', `x-jwt: ${token({ iss: 'nobody' })}`), listener: 'noted' },
    ...[good, token({ exp: NOW - 500 }), raw(head, payload, 'AAAA'), token({ iss: 'nobody' }), 'nonsense', ''].map(
      (text, nth) => ({
        ...passes(`extracted without validation: ${nth}`, '/', ...(text === '' ? [] : [bearer(text)])),
        listener: 'extracts',
      }),
    ),
  ],
});
