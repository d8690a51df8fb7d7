// Options of route configurations and routes that no other topic has: what a host is found by, what a path is compared without, what is hashed.
import { respond } from '../support/upstream.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

/** An answer of its own status for each route, so that it shows which was taken. */
const found = (name: string, status: number, send: string): Case => ({ name, send, wants: { status } });
const TEMPLATE =
  '{ name: envoy.path.match.uri_template, typed_config: { "@type": type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: /template } }';
const onSite = (site: string, target = '/'): string => get(target, `x-site: ${site}`);

compareWithEnvoy({
  name: 'route-configuration',
  routeConfiguration: `
vhost_header: X-Site
ignore_port_in_host_matching: true
ignore_path_parameters_in_path_matching: true
internal_only_headers: [x-inside, X-Within]
max_direct_response_body_size_bytes: 5000
`,
  virtualHosts: `
- name: one
  domains: [one.test]
  routes:
    - { match: { path: /exact }, direct_response: { status: 210 } }
    - { match: { path: /exact/z }, direct_response: { status: 211 } }
    - { match: { safe_regex: { regex: /regex/z } }, direct_response: { status: 212 } }
    - { match: { path_separated_prefix: /apart/z }, direct_response: { status: 213 } }
    - { match: { path_match_policy: ${TEMPLATE} }, direct_response: { status: 214 } }
    - { match: { prefix: "/never;x" }, direct_response: { status: 215 } }
    - { match: { prefix: /rewritten/x }, route: { cluster: b, prefix_rewrite: /new } }
    - { match: { prefix: /moved/x }, redirect: { prefix_rewrite: /new } }
    - { match: { prefix: / }, route: { cluster: a } }
- name: two
  domains: ["*.two.test"]
  routes: [{ match: { prefix: / }, direct_response: { status: 220 } }]
- name: three
  domains: ["*"]
  routes: [{ match: { prefix: / }, direct_response: { status: 230, body: { inline_string: "${'x'.repeat(4500)}" } } }]
`,
  cases: [
    found('a host by a header', 210, onSite('ONE.test', '/exact')),
    found('a host by a header, whose port is ignored', 210, onSite('one.test:80', '/exact')),
    found('a host by a wildcard for a header', 220, onSite('x.two.test')),
    found('the host for everything else', 230, onSite('else')),
    found('the host for everything else by an empty header', 230, onSite('')),
    found('no host without the header', 404, request('GET', '/exact', { host: 'one.test' })),
    found('the first of two headers', 210, get('/exact', 'x-site: one.test', 'x-site: x.two.test')),
    found('a path without its parameters', 210, onSite('one.test', '/exact;a=b;c')),
    found('a path without parameters before a query', 210, onSite('one.test', '/exact;a=b?q')),
    found('a path that has no parameters, its query does', 210, onSite('one.test', '/exact?x;y')),
    found('a path without parameters of every segment', 211, onSite('one.test', '/exact;a/z;b')),
    found('a pattern', 212, onSite('one.test', '/regex;a/z;b')),
    found('a separated prefix', 213, onSite('one.test', '/apart;x/z;y/w')),
    found('a template', 214, onSite('one.test', '/template')),
    found('a template sees parameters', 200, onSite('one.test', '/template;x')),
    found('a prefix with a parameter matches nothing', 200, onSite('one.test', '/never;x')),
    found('a path that is told from its parameters by case', 200, onSite('one.test', '/EXACT;x')),
    found('parameters behind a prefix that is rewritten', 200, onSite('one.test', '/rewritten/x;a=b/y?q=1')),
    found('parameters in a prefix that would be rewritten', 200, onSite('one.test', '/rewritten;v/x/y')),
    found('parameters in a prefix that is moved', 301, onSite('one.test', '/moved/x;v/y')),
    found('parameters in a prefix that would be moved', 301, onSite('one.test', '/moved;v/x/y?q')),
    {
      name: 'headers that are for requests from inside',
      send: get('/', 'x-site: one.test', 'X-Inside: 1', 'x-within: 2', 'x-other: 3'),
      wants: {
        status: 200,
        reached: ['a'],
        seen: { headers: { 'x-inside': null, 'x-within': null, 'x-other': '3' } },
      },
    },
  ],
});

const SET = 'type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config';
const state = (key: string, factory: string, header: string): string =>
  `{ object_key: ${key}, factory_key: ${factory}, format_string: { text_format_source: { inline_string: "%REQ(${header})%" }, omit_empty_values: true }, skip_if_empty: true }`;
const FILTERS = `[{ name: state, typed_config: { "@type": ${SET}, clear_route_cache: true, on_request_headers: [${state('tenant', 'envoy.hashable_string', 'x-tenant')}, ${state('plain', 'envoy.string', 'x-tenant')}] } }]`;

/** Policies by path. Where a hash leads does not depend on ports: clusters are chosen by it, not endpoints. */
const POLICIES: Readonly<Record<string, string>> = {
  '/header': '{ header: { header_name: X-Key } }',
  '/rewritten':
    '{ header: { header_name: x-key, regex_rewrite: { pattern: { regex: "^(\\\\w).*$" }, substitution: "\\\\1" } } }',
  '/cookie': '{ cookie: { name: k } }',
  '/cookie-and': '{ cookie: { name: k } }, { header: { header_name: x-key } }',
  '/cookie-due': '{ cookie: { name: k, ttl: 60s } }, { header: { header_name: x-key } }',
  '/query': '{ query_parameter: { name: Q } }',
  '/address': '{ connection_properties: { source_ip: true } }',
  '/address-and': '{ connection_properties: { source_ip: true } }, { header: { header_name: x-key } }',
  '/state': '{ filter_state: { key: tenant } }, { filter_state: { key: plain } }, { filter_state: { key: absent } }',
  '/two': '{ header: { header_name: x-key } }, { query_parameter: { name: q } }',
  '/terminal': '{ header: { header_name: x-key }, terminal: true }, { query_parameter: { name: q } }',
  '/pseudo': '{ header: { header_name: ":path" } }',
};
const CLUSTERS = 'clusters: [{ name: a, weight: 3 }, { name: b, weight: 5 }, { name: c, weight: 6 }]';
const hashed = (name: string, target: string, ...headers: string[]): Case => ({
  name: `hash of ${name}`,
  send: get(target, ...headers),
  wants: { status: 200 },
});
const keys = ['a', 'b', 'c', 'ab', 'x'.repeat(40)];

compareWithEnvoy({
  name: 'route-hashes',
  listeners: { front: { filters: FILTERS } },
  virtualHosts: `
- name: all
  domains: ["*"]
  routes:
${Object.entries(POLICIES)
  .map(
    ([path, policies]) =>
      `    - { match: { path: ${path} }, route: { weighted_clusters: { use_hash_policy: true, ${CLUSTERS} }, hash_policy: [${policies}] } }`,
  )
  .join('\n')}
    - { match: { path: /given }, route: { weighted_clusters: { header_name: x-key, ${CLUSTERS} }, hash_policy: [{ header: { header_name: x-key } }] } }
`,
  cases: [
    ...keys.flatMap((key) => [
      hashed(`a header ${key}`, '/header', `x-key: ${key}`),
      hashed(`a header rewritten ${key}`, '/rewritten', `x-key: ${key}`),
      hashed(`a cookie ${key}`, '/cookie', `cookie: l=1; k=${key}`),
      hashed(`a query parameter ${key}`, `/query?q=1&Q=${key}`),
      hashed(`filter state ${key}`, '/state', `x-tenant: ${key}`),
      hashed(`header and query ${key}`, `/two?q=${key}`, `x-key: ${key}`),
      hashed(`header before query ${key}`, `/terminal?q=${key}`, `x-key: 1`),
      hashed(`header missing before query ${key}`, `/terminal?q=${key}`),
      hashed(`address and header ${key}`, '/address-and', `x-key: ${key}`),
      hashed(`path ${key}`, `/pseudo?${key}`),
    ]),
    hashed('the address', '/address'),
    hashed('an empty header', '/header', 'x-key: '),
    hashed('an empty cookie, and a header', '/cookie-and', 'cookie: k=', 'x-key: q'),
    hashed('an empty cookie that is due, and a header', '/cookie-due', 'cookie: k=', 'x-key: q'),
    hashed('an empty query parameter', '/query?Q='),
    hashed('a header twice', '/header', 'x-key: a', 'x-key: b'),
    hashed('a header twice, turned round', '/header', 'x-key: b', 'x-key: a'),
    hashed('a header twice rewritten', '/rewritten', 'x-key: za', 'x-key: ab'),
    hashed('a cookie that is due, and a header', '/cookie-due', 'x-key: q'),
    hashed('a cookie that is there, and a header', '/cookie-due', 'cookie: k=1', 'x-key: q'),
    ...['0', '3', '7', '8', '13', '14', '18446744073709551615'].map((place) =>
      hashed(`no policy, but ${place} of a header`, '/given', `x-key: ${place}`),
    ),
  ],
});

/** Says where it was added, and which authority it saw. */
const edits = (place: string): string =>
  `request_headers_to_add: [${[
    `{ header: { key: x-order, value: ${place} } }`,
    `{ header: { key: x-last, value: ${place} }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }`,
    `{ header: { key: x-${place}, value: "%REQ(:AUTHORITY)%" } }`,
  ].join(', ')}]`;

for (const wins of [false, true]) {
  compareWithEnvoy({
    name: `route-edits, most_specific_header_mutations_wins: ${wins}`,
    routeConfiguration: `{ most_specific_header_mutations_wins: ${wins}, ${edits('all')} }`,
    virtualHosts: `
- name: all
  domains: ["*"]
  ${edits('host')}
  routes:
    - match: { prefix: / }
      ${edits('route')}
      route: { weighted_clusters: { clusters: [{ name: a, weight: 1, host_rewrite_literal: new.test, ${edits('cluster')} }] } }
`,
    cases: [
      {
        name: 'edits of a cluster come first',
        send: get('/'),
        wants: { status: 200, seen: { headers: { 'x-last': wins ? 'route' : 'all', 'x-cluster': 'test.local' } } },
      },
    ],
  });
}

const older = (prefix: string, fields: string): string =>
  `    - { match: { prefix: ${prefix} }, route: { cluster: a, ${fields} } }`;
const FOLLOW = 'internal_redirect_action: HANDLE_INTERNAL_REDIRECT';

compareWithEnvoy({
  name: 'older fields of redirects that are followed',
  virtualHosts: `
- name: all
  domains: ["*"]
  routes:
${[
  older('/follow', FOLLOW),
  older('/twice', `${FOLLOW}, max_internal_redirects: 2`),
  older('/count', 'max_internal_redirects: 2'),
  older('/pass', 'internal_redirect_action: PASS_THROUGH_INTERNAL_REDIRECT'),
  older('/newer', `${FOLLOW}, internal_redirect_policy: { redirect_response_codes: [303] }`),
].join('\n')}
`,
  cases: Object.entries({ '/follow': 2, '/twice': 3, '/count': 1, '/pass': 1, '/newer': 1 }).map(([path, asked]) => ({
    name: path,
    send: get(path),
    script: { a: [respond({ status: 302, headers: { location: `http://test.local${path}` } })] },
    wants: { status: 302, reached: Array.from({ length: asked }, () => 'a') },
  })),
});
