// Filters that answer by themselves from the head of a request: CORS, CSRF, Basic, buffering.
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';
const filter = (name: string, type: string, fields = ''): string =>
  `{ name: ${name}, typed_config: { "@type": ${TYPE}.${type}, ${fields} } }`;
const PERCENT = (numerator: number): string => `{ default_value: { numerator: ${numerator} } }`;

const CORS = `"@type": ${TYPE}.cors.v3.CorsPolicy`;
const shop = 'allow_origin_string_match: [{ exact: "https://shop.test" }, { suffix: ".shop.test" }]';
const full = `${CORS}, ${shop}, allow_methods: "GET,POST", allow_headers: x-a, expose_headers: x-b, max_age: "600", allow_credentials: true, allow_private_network_access: true`;

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { path: /cors }, route: { cluster: a }, typed_per_filter_config: { cors: { ${full} } } }
    - { match: { path: /any }, route: { cluster: a }, typed_per_filter_config: { cors: { ${CORS}, allow_origin_string_match: [{ exact: "*" }] } } }
    - { match: { path: /strict }, route: { cluster: a }, typed_per_filter_config: { cors: { ${CORS}, ${shop}, forward_not_matching_preflights: false } } }
    - match: { path: /strict-full }
      route: { cluster: a }
      response_headers_to_add: [{ header: { key: x-edited, value: "1" } }]
      typed_per_filter_config: { cors: { ${full}, forward_not_matching_preflights: false } }
    - { match: { path: /shadow }, route: { cluster: a }, typed_per_filter_config: { cors: { ${CORS}, ${shop}, filter_enabled: ${PERCENT(0)}, shadow_enabled: ${PERCENT(100)} } } }
    - { match: { path: /off }, route: { cluster: a }, typed_per_filter_config: { cors: { ${CORS}, ${shop}, filter_enabled: ${PERCENT(0)} } } }
    - { match: { path: /direct }, direct_response: { status: 200, body: { inline_string: hello } }, typed_per_filter_config: { cors: { ${full} } } }
    - { match: { path: /csrf/other }, route: { cluster: a }, typed_per_filter_config: { csrf: { "@type": ${TYPE}.csrf.v3.CsrfPolicy, filter_enabled: ${PERCENT(100)}, additional_origins: [{ suffix: friend.test }] } } }
    - { match: { path: /csrf/off }, route: { cluster: a }, typed_per_filter_config: { csrf: { "@type": ${TYPE}.csrf.v3.CsrfPolicy, filter_enabled: ${PERCENT(0)} } } }
    - { match: { path: /large }, route: { cluster: a }, typed_per_filter_config: { buffer: { "@type": ${TYPE}.buffer.v3.BufferPerRoute, buffer: { max_request_bytes: 20 } } } }
    - { match: { path: /unbuffered }, route: { cluster: a }, typed_per_filter_config: { buffer: { "@type": ${TYPE}.buffer.v3.BufferPerRoute, disabled: true } } }
    - { match: { path: /others }, route: { cluster: a }, typed_per_filter_config: { basic: { "@type": ${TYPE}.basic_auth.v3.BasicAuthPerRoute, users: { inline_string: "eve:{SHA}2kuSN7rMzfGcB2DKt67EqDWQELA=" } } } }
    - match: { path: /wrapped }
      route: { cluster: a }
      typed_per_filter_config: { csrf: { "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true } }
    - { match: { prefix: / }, route: { cluster: a } }
`;

const seen = (name: string, listener: string, send: string, headers: Record<string, string | null> = {}): Case => ({
  name,
  listener,
  send,
  wants: { status: 200, reached: ['a'], headers },
});
const answered = (name: string, listener: string, send: string, status: number, body?: string): Case => ({
  name,
  listener,
  send,
  wants: { status, reached: [], ...(body === undefined ? {} : { body }) },
});
const preflight = (path: string, origin: string, ...headers: string[]): string =>
  request('OPTIONS', path, {
    headers: [`origin: ${origin}`, 'access-control-request-method: GET', ...headers],
    body: '',
  });
const basic = (credentials: string): string => `authorization: Basic ${Buffer.from(credentials).toString('base64')}`;
const chunked = (path: string, ...chunks: string[]): string =>
  `POST ${path} HTTP/1.1\r\nhost: test.local\r\nx-case: <case>\r\ntransfer-encoding: chunked\r\n\r\n${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
const RBAC_DENY = `{ name: deny, typed_config: { "@type": ${TYPE}.rbac.v3.RBAC, rules: { action: ALLOW } } }`;

compareWithEnvoy({
  name: 'filters-policies',
  statistics: /^http\.\w+\.(cors|csrf|basic_auth|buffer)\.|^http\.buffer\.downstream_rq_too_large|rs_too_large/,
  listeners: {
    cors: { filters: `[${filter('cors', 'cors.v3.Cors')}]` },
    denied: { filters: `[${RBAC_DENY}, ${filter('cors', 'cors.v3.Cors')}]` },
    deniedAfter: { filters: `[${filter('cors', 'cors.v3.Cors')}, ${RBAC_DENY}]` },
    csrf: {
      filters: `[${filter('csrf', 'csrf.v3.CsrfPolicy', `filter_enabled: ${PERCENT(100)}`)}]`,
    },
    shadow: {
      filters: `[${filter('csrf', 'csrf.v3.CsrfPolicy', `filter_enabled: ${PERCENT(0)}, shadow_enabled: ${PERCENT(100)}`)}]`,
    },
    buffer: { filters: `[${filter('buffer', 'buffer.v3.Buffer', 'max_request_bytes: 10')}]` },
    basic: {
      filters: `[${filter('basic', 'basic_auth.v3.BasicAuth', 'users: { inline_string: "ann:{SHA}qZk+NkcGgWq6PiVxeFDCbJzQ2J0=" }, forward_username_header: x-user')}]`,
    },
  },
  virtualHosts,
  cases: [
    seen('CORS: no origin', 'cors', get('/cors'), { 'access-control-allow-origin': null }),
    seen('CORS: an allowed origin', 'cors', get('/cors', 'origin: https://shop.test'), {
      'access-control-allow-origin': 'https://shop.test',
      'access-control-expose-headers': 'x-b',
    }),
    seen('CORS: by suffix', 'cors', get('/cors', 'origin: https://eu.shop.test')),
    seen('CORS: another origin', 'cors', get('/cors', 'origin: https://evil.test'), {
      'access-control-allow-origin': null,
    }),
    seen('CORS: any origin', 'cors', get('/any', 'origin: https://evil.test')),
    seen('CORS: a route without a policy', 'cors', get('/', 'origin: https://shop.test')),
    answered('CORS: preflight', 'cors', preflight('/cors', 'https://shop.test'), 200, ''),
    answered(
      'CORS: preflight of a private network',
      'cors',
      preflight('/cors', 'https://shop.test', 'access-control-request-private-network: true'),
      200,
    ),
    seen(
      'CORS: OPTIONS without a method asked for',
      'cors',
      request('OPTIONS', '/cors', { headers: ['origin: https://shop.test'], body: '' }),
    ),
    seen('CORS: preflight of another origin', 'cors', preflight('/cors', 'https://evil.test')),
    answered(
      'CORS: preflight of another origin, not forwarded',
      'cors',
      preflight('/strict', 'https://evil.test'),
      200,
    ),
    ...['https://evil.test', 'https://shop.test'].flatMap((origin) =>
      ['true', 'false'].map((near) =>
        answered(
          `CORS: preflight of ${origin}, not forwarded and not edited, private network: ${near}`,
          'cors',
          preflight('/strict-full', origin, `access-control-request-private-network: ${near}`),
          200,
        ),
      ),
    ),
    seen('CORS: shadow', 'cors', get('/shadow', 'origin: https://shop.test'), { 'access-control-allow-origin': null }),
    seen('CORS: off', 'cors', preflight('/off', 'https://shop.test')),
    answered('CORS: on a direct response', 'cors', get('/direct', 'origin: https://shop.test'), 200, 'hello'),
    answered('CORS: after a denial', 'denied', get('/cors', 'origin: https://shop.test'), 403),
    answered('CORS: before a denial', 'deniedAfter', get('/cors', 'origin: https://shop.test'), 403),

    seen('CSRF: a request that changes nothing', 'csrf', get('/csrf')),
    seen('CSRF: same origin', 'csrf', request('POST', '/csrf', { headers: ['origin: http://test.local'], body: 'x' })),
    seen(
      'CSRF: same origin by referer',
      'csrf',
      request('PUT', '/csrf', { headers: ['referer: http://test.local/page?x'], body: 'x' }),
    ),
    answered('CSRF: no origin', 'csrf', request('POST', '/csrf', { body: '' }), 403, 'Invalid origin'),
    answered(
      'CSRF: another origin',
      'csrf',
      request('DELETE', '/csrf', { headers: ['origin: http://evil.test'] }),
      403,
    ),
    answered(
      'CSRF: another port',
      'csrf',
      request('POST', '/csrf', { headers: ['origin: http://test.local:81'], body: '' }),
      403,
    ),
    answered('CSRF: the origin null', 'csrf', request('PATCH', '/csrf', { headers: ['origin: null'], body: '' }), 403),
    answered('CSRF: no URL', 'csrf', request('PATCH', '/csrf', { headers: ['origin: test'], body: '' }), 403),
    seen('CSRF: the host alone', 'csrf', request('PATCH', '/csrf', { headers: ['origin: test.local'], body: '' })),
    seen(
      'CSRF: a friend',
      'csrf',
      request('POST', '/csrf/other', { headers: ['origin: https://a.friend.test'], body: '' }),
    ),
    seen('CSRF: off for a route', 'csrf', request('POST', '/csrf/off', { body: '' })),
    seen('CSRF: off by the wrapper', 'csrf', request('POST', '/wrapped', { body: '' })),
    seen('CSRF: shadow', 'shadow', request('POST', '/csrf', { headers: ['origin: http://evil.test'], body: '' })),

    seen('buffer: without a body', 'buffer', get('/')),
    seen('buffer: small', 'buffer', request('POST', '/', { body: 'small' })),
    seen('buffer: chunks get a length', 'buffer', chunked('/', 'ab', 'cd')),
    answered('buffer: too large', 'buffer', request('POST', '/', { body: '12345678901' }), 413, 'Payload Too Large'),
    answered('buffer: chunks too large', 'buffer', chunked('/', '123456', '123456'), 413),
    seen('buffer: larger for a route', 'buffer', request('POST', '/large', { body: '12345678901' })),
    seen('buffer: off for a route', 'buffer', chunked('/unbuffered', '12345678901')),

    seen('Basic: the right password', 'basic', get('/', basic('ann:abc')).replace('ann', 'ann')),
    answered('Basic: a wrong password', 'basic', get('/', basic('ann:abd')), 401),
    answered('Basic: a wrong user', 'basic', get('/', basic('bob:abc')), 401),
    answered('Basic: nothing', 'basic', get('/a?b'), 401),
    answered('Basic: another scheme', 'basic', get('/', 'authorization: Bearer x'), 401),
    answered('Basic: no colon', 'basic', get('/', basic('ann')), 401),
    answered('Basic: users of a route', 'basic', get('/others', basic('ann:abc')), 401),
    answered('Basic: in lower case', 'basic', get('/', basic('ann:abc').replace('Basic', 'basic')), 401),
  ],
});
