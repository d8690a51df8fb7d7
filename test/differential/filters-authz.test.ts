// Asking an authorization server over HTTP: what it is sent, what its answer does.
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const EXT_AUTHZ = 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3';
const uri = (cluster: string, timeout: string): string =>
  `server_uri: { uri: "http://auth.test/", cluster: ${cluster}, timeout: ${timeout} }`;
const filter = (http: string, fields = '', cluster = 'b', timeout = '5s'): string =>
  `[{ name: authz, typed_config: { "@type": ${EXT_AUTHZ}.ExtAuthz, http_service: { ${uri(cluster, timeout)}, ${http} }, ${fields} } }]`;

const rich = filter(
  `path_prefix: /check, authorization_request: { headers_to_add: [{ key: x-added, value: "1" }] }, authorization_response: {
    allowed_upstream_headers: { patterns: [{ exact: x-user }, { prefix: x-auth- }] }, allowed_upstream_headers_to_append: { patterns: [{ exact: x-list }] },
    allowed_client_headers: { patterns: [{ exact: x-reason }] }, allowed_client_headers_on_success: { patterns: [{ exact: x-granted }] } }`,
  'allowed_headers: { patterns: [{ exact: x-in }, { exact: cookie }] }, disallowed_headers: { patterns: [{ exact: cookie }] }, clear_route_cache: true, status_on_error: { code: ServiceUnavailable }',
);

const PER_ROUTE = `${EXT_AUTHZ}.ExtAuthzPerRoute`;
const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { path: /off }, route: { cluster: a }, typed_per_filter_config: { authz: { "@type": ${PER_ROUTE}, disabled: true } } }
    - { match: { path: /unread }, route: { cluster: a }, typed_per_filter_config: { authz: { "@type": ${PER_ROUTE}, check_settings: { disable_request_body_buffering: true } } } }
    - { match: { path: /more }, route: { cluster: a }, typed_per_filter_config: { authz: { "@type": ${PER_ROUTE}, check_settings: { with_request_body: { max_request_bytes: 20 } } } } }
    - { match: { prefix: /, headers: [{ name: x-user, string_match: { exact: admin } }] }, route: { cluster: c } }
    - { match: { path: /direct }, direct_response: { status: 200, body: { inline_string: hello } } }
    - { match: { prefix: / }, route: { cluster: a } }
`;

const grants = respond();
const denies = respond({ status: 403, body: 'go away', headers: { 'x-reason': 'because', 'x-secret': 's' } });
type Answer = NonNullable<Case['script']>[string];
const asked = (name: string, answer: Answer, wants: Case['wants'], send = get('/'), listener = 'front'): Case => ({
  name,
  listener,
  send,
  script: { b: answer },
  wants,
});
const granted = { status: 200, reached: ['a', 'b'] } as const;
const refused = (status: number, more: Partial<Case['wants']> = {}): Case['wants'] => ({
  status,
  reached: ['b'],
  ...more,
});
const body = (text: string, path = '/'): string => request('POST', path, { body: text });
const hangs = [raw('', 'hang')];

compareWithEnvoy({
  name: 'filters-authz',
  statistics: /ext_authz|^cluster\.a\.upstream_rq_[45]/,
  listeners: {
    front: { filters: filter('') },
    rich: { filters: rich },
    instead: { filters: filter('path_override: "/ask?it"') },
    again: {
      filters: filter('retry_policy: { num_retries: 1, retry_on: "5xx", retry_back_off: { base_interval: 0.01s } }'),
    },
    body: { filters: filter('', 'with_request_body: { max_request_bytes: 10 }') },
    partial: { filters: filter('', 'with_request_body: { max_request_bytes: 10, allow_partial_message: true }') },
    open: { filters: filter('', 'failure_mode_allow: true, failure_mode_allow_header_add: true') },
    unreachable: { filters: filter('', '', 'refused') },
    hasty: { filters: filter('', '', 'b', '0.2s') },
    hastyAndOpen: {
      filters: filter('', 'failure_mode_allow: true, failure_mode_allow_header_add: true', 'b', '0.2s'),
    },
    half: { filters: filter('', 'filter_enabled: { default_value: { numerator: 0 } }') },
    closed: {
      filters: filter(
        '',
        'filter_enabled: { default_value: { numerator: 0 } }, deny_at_disable: { default_value: true, runtime_key: x }',
      ),
    },
  },
  virtualHosts,
  cases: [
    asked('granted', [grants], granted, get('/path?q=1', 'authorization: token', 'cookie: a=b', 'x-in: 1')),
    asked('granted: POST without a body', [grants], granted, request('POST', '/', { body: '' })),
    asked('granted: a body passes', [grants], granted, body('hello')),
    asked('denied', [denies], refused(403, { body: 'go away', flags: 'UAEX' })),
    asked('denied: with a body', [denies], refused(403), body('hello')),
    asked(
      'denied: 401 and how to log in',
      [respond({ status: 401, headers: { 'www-authenticate': 'Basic', location: '/login' } })],
      refused(401),
    ),
    asked(
      'denied: a redirect',
      [respond({ status: 302, headers: { location: 'http://login.test/', 'set-cookie': 'a=b' } })],
      refused(302),
    ),
    asked('denied: HEAD', [denies], refused(403), request('HEAD', '/')),
    asked('denied: a direct response', [denies], refused(403), get('/direct')),
    asked('granted: a direct response', [grants], { status: 200, reached: ['b'], body: 'hello' }, get('/direct')),
    asked('another success is none', [respond({ status: 204 })], refused(204)),
    asked('an error of the server', [respond({ status: 500 })], refused(403, { body: '' })),
    asked('no answer in time', hangs, refused(403, { flags: 'UAEX' }), get('/'), 'hasty'),
    asked('no answer at all', [raw('', 'close')], refused(403)),
    {
      name: 'a server that is not there',
      listener: 'unreachable',
      send: get('/'),
      wants: { status: 403, reached: [], flags: 'UAEX' },
    },

    asked(
      'rich: what is sent',
      [grants],
      granted,
      get('/a?b', 'x-in: 1', 'x-out: 2', 'cookie: c=d', 'authorization: t'),
      'rich',
    ),
    asked(
      'rich: headers for the upstream',
      [respond({ headers: { 'x-user': 'ann', 'x-auth-a': '1', 'x-other': '2', 'x-granted': 'yes', 'x-list': 'b' } })],
      granted,
      get('/', 'x-user: forged', 'x-list: a'),
      'rich',
    ),
    asked('rich: nothing to append to', [respond({ headers: { 'x-list': 'b' } })], granted, get('/'), 'rich'),
    asked(
      'rich: headers to remove',
      [respond({ headers: { 'x-envoy-auth-headers-to-remove': 'x-out, x-in' } })],
      granted,
      get('/', 'x-in: 1', 'x-out: 2'),
      'rich',
    ),
    asked(
      'rich: another route',
      [respond({ headers: { 'x-user': 'admin' } })],
      { status: 200, reached: ['b', 'c'] },
      get('/'),
      'rich',
    ),
    asked(
      'rich: denied, with headers for the client',
      [denies],
      refused(403, { headers: { 'x-reason': 'because', 'x-secret': null } }),
      get('/'),
      'rich',
    ),
    asked('rich: an error', [respond({ status: 503 })], refused(503), get('/'), 'rich'),

    asked('body: sent along', [grants], granted, body('hello'), 'body'),
    asked('body: none there', [grants], granted, get('/'), 'body'),
    asked('body: denied', [denies], refused(403), body('hello'), 'body'),
    { name: 'body: too large', listener: 'body', send: body('12345678901'), wants: { status: 413, reached: [] } },
    asked('body: larger for a route', [grants], granted, body('12345678901', '/more'), 'body'),
    asked('body: not for a route', [grants], granted, body('12345678901', '/unread'), 'body'),
    asked('body: the first part', [grants], granted, body('1234567890123456'), 'partial'),
    asked('body: all of it', [grants], granted, body('12345'), 'partial'),
    asked('body: the first part, denied', [denies], refused(403), body('1234567890123456'), 'partial'),

    asked('open: an error passes', [respond({ status: 500 })], granted, get('/'), 'open'),
    asked('open: no answer passes', hangs, granted, body('hello'), 'hastyAndOpen'),
    asked('open: denied is denied', [denies], refused(403), get('/'), 'open'),
    { name: 'off: not asked', listener: 'half', send: get('/'), wants: { status: 200, reached: ['a'] } },
    { name: 'off: denied', listener: 'closed', send: get('/'), wants: { status: 403, reached: [] } },
    { name: 'off for a route', send: get('/off'), wants: { status: 200, reached: ['a'] } },
    asked('another path', [grants], granted, get('/a?b'), 'instead'),
    asked('asked again', [respond({ status: 503 }), grants], { status: 200 }, get('/'), 'again'),
    asked('asked again in vain', [respond({ status: 503 })], { status: 403 }, get('/'), 'again'),
    asked('not asked again', [denies], refused(403), get('/'), 'again'),
  ],
});
