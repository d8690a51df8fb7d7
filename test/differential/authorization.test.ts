// Who may do what: the RBAC filter, its order with other answers, per route and per rule.
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const RBAC = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC';
const ANYONE = 'principals: [{ any: true }]';

function filter(name: string, action: 'ALLOW' | 'DENY', ...policies: string[]): string {
  const named = policies.map((policy, index) => `rule-${index}: { ${policy} }`).join(', ');
  return `{ name: ${name}, typed_config: { "@type": ${RBAC}, rules: { action: ${action}, policies: { ${named} } } } }`;
}

const header = (name: string, match: string): string => `{ header: { name: "${name}", string_match: { ${match} } } }`;
const path = (match: string): string => `{ url_path: { path: { ${match} } } }`;

const allow = filter(
  'envoy.filters.http.rbac',
  'ALLOW',
  `permissions: [${path('exact: /exact')}], ${ANYONE}`,
  `permissions: [${path('prefix: /prefix')}], ${ANYONE}`,
  `permissions: [{ and_rules: { rules: [${path('prefix: /and')}, ${header(':method', 'exact: POST')}] } }], ${ANYONE}`,
  `permissions: [{ or_rules: { rules: [${path('exact: /or1')}, ${path('exact: /or2')}] } }], ${ANYONE}`,
  `permissions: [{ and_rules: { rules: [${path('prefix: /not')}, { not_rule: ${header('x-bad', 'exact: yes please')} }] } }], ${ANYONE}`,
  `permissions: [${path('exact: /who')}], principals: [{ header: { name: x-user, string_match: { prefix: admin } } }]`,
  `permissions: [${path('exact: /local')}], principals: [{ direct_remote_ip: { address_prefix: 127.0.0.0, prefix_len: 8 } }]`,
  `permissions: [${path('exact: /far')}], principals: [{ direct_remote_ip: { address_prefix: 10.0.0.0, prefix_len: 8 } }]`,
  `permissions: [${path('exact: /claimed')}], principals: [{ remote_ip: { address_prefix: 10.0.0.0, prefix_len: 8 } }]`,
  `permissions: [${path('exact: /identity')}], principals: [{ authenticated: {} }]`,
  `permissions: [${path('exact: /two')}, ${path('exact: /either')}], ${ANYONE}`,
  `permissions: [${path('safe_regex: { regex: "/re/[0-9]+" }')}], ${ANYONE}`,
  `permissions: [{ uri_template: { name: t, typed_config: { "@type": type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "/files/{name}/*.txt" } } }], ${ANYONE}`,
  `permissions: [{ destination_port: 1 }], ${ANYONE}`,
  `permissions: [{ and_rules: { rules: [${path('exact: /host')}, ${header(':authority', 'exact: named.test')}] } }], ${ANYONE}`,
);

const DENY_PATH = `permissions: [${path('prefix: /deny')}], ${ANYONE}`;
const open = `permissions: [{ any: true }], ${ANYONE}`;

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - match: { prefix: /deny/off }
      route: { cluster: a }
      typed_per_filter_config: { deny: { "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute } }
    - match: { prefix: /special }
      route: { cluster: a }
      typed_per_filter_config:
        deny:
          "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute
          rbac: { rules: { action: DENY, policies: { all: { permissions: [${header('x-kind', 'exact: special')}], ${ANYONE} } } } }
    - { match: { prefix: /direct }, direct_response: { status: 200, body: { inline_string: direct } } }
    - { match: { prefix: /redirect }, redirect: { host_redirect: new.test } }
    - { match: { prefix: /empty }, route: { cluster: empty } }
    - { match: { prefix: / }, route: { cluster: a, prefix_rewrite: / } }
`;

function allowed(name: string, send: string, listener = 'front'): Case {
  return { name, listener, send, wants: { status: 200, reached: ['a'] } };
}

function denied(name: string, send: string, listener = 'front'): Case {
  return { name, listener, send, wants: { status: 403, body: 'RBAC: access denied', reached: [] } };
}

compareWithEnvoy({
  name: 'authorization',
  statistics: /rbac/,
  listeners: {
    front: { filters: `[${allow}]` },
    deny: {
      filters: `[${filter('deny', 'DENY', DENY_PATH, `permissions: [${path('prefix: /direct')}, ${path('prefix: /redirect')}, ${path('prefix: /empty')}], ${ANYONE}`)}]`,
    },
    both: { filters: `[${filter('first', 'DENY', DENY_PATH)}, ${filter('second', 'ALLOW', open)}]` },
    nobody: { filters: `[${filter('none', 'ALLOW')}]` },
    everybody: { filters: `[${filter('none', 'DENY')}]` },
    off: { filters: `[{ name: off, typed_config: { "@type": ${RBAC} } }]` },
  },
  virtualHosts,
  cases: [
    allowed('path', get('/exact')),
    allowed('path with a query', get('/exact?a=b')),
    denied('longer path', get('/exact/more')),
    denied('path in another case', get('/EXACT')),
    allowed('prefix', get('/prefixed?x')),
    denied('no rule for it', get('/elsewhere')),
    allowed('all of', request('POST', '/and', { body: '' })),
    denied('all but one of', get('/and')),
    allowed('one of', get('/or2')),
    allowed('not', get('/not')),
    allowed('not, another value', get('/not', 'x-bad: no')),
    denied('not, matched', get('/not', 'x-bad: yes please')),
    allowed('header of the caller', get('/who', 'x-user: admin-1')),
    denied('another header of the caller', get('/who', 'x-user: guest')),
    denied('no header of the caller', get('/who')),
    allowed('address of the peer', get('/local')),
    denied('another address of the peer', get('/far', 'x-forwarded-for: 10.0.0.1')),
    allowed('address the peer forwards', get('/claimed', 'x-forwarded-for: 10.0.0.1')),
    denied('no address forwarded', get('/claimed')),
    denied('an identity without TLS', get('/identity')),
    allowed('second permission of a rule', get('/either')),
    allowed('template', get('/files/a/b.txt?c')),
    denied('template, another end', get('/files/a/b.png')),
    denied('template, more segments', get('/files/a/b/c.txt')),
    allowed('regex', get('/re/123')),
    denied('regex is anchored', get('/re/123x')),
    allowed('host', request('GET', '/host', { host: 'named.test' })),
    denied('another host', request('GET', '/host', { host: 'other.test' })),
    denied('deny', get('/deny'), 'deny'),
    allowed('deny, not matched', get('/other'), 'deny'),
    denied('deny before a direct response', get('/direct'), 'deny'),
    denied('deny before a redirect', get('/redirect'), 'deny'),
    denied('deny before a missing endpoint', get('/empty'), 'deny'),
    allowed('switched off for a route', get('/deny/off'), 'deny'),
    denied('other rules for a route', get('/special', 'x-kind: special'), 'deny'),
    allowed('other rules for a route, not matched', get('/special'), 'deny'),
    denied('deny then allow, denied', get('/deny'), 'both'),
    allowed('deny then allow, allowed', get('/x'), 'both'),
    denied('an allow list without rules', get('/'), 'nobody'),
    allowed('a deny list without rules', get('/'), 'everybody'),
    allowed('no rules at all', get('/'), 'off'),
    {
      name: 'a denied POST',
      send: request('POST', '/no', { body: 'secret' }),
      wants: { status: 403, reached: [] },
    },
    {
      name: 'a denied GET leaves the connection usable',
      send: [get('/no'), get('/exact')],
      wants: { status: [403, 200], reached: ['a'] },
    },
    { name: 'denied HEAD', send: request('HEAD', '/no'), wants: { status: 403, body: '' } },
  ],
});
