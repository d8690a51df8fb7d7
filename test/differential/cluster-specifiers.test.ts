// Clusters that an extension names: the matcher of cluster_specifier_plugins, and routes whose extension nobody knows.
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3';
const INPUT = 'type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput';
const leads = (cluster: string): string =>
  `{ action: { name: to, typed_config: { "@type": ${TYPE}.ClusterAction, cluster: ${cluster} } } }`;
const header = (name: string): string =>
  `{ name: request-headers, typed_config: { "@type": ${INPUT}, header_name: ${name} } }`;
const specifier = (matcher: string): string =>
  `typed_config: { "@type": ${TYPE}.MatcherClusterSpecifier, cluster_matcher: ${matcher} }`;

const MAP = `{ matcher_tree: { input: ${header('x-to')}, exact_match_map: { map: { a: ${leads('a')}, lost: ${leads('lost')} } } } }`;
const LIST = `{ matcher_list: { matchers: [{ predicate: { single_predicate: { input: ${header('x-to')}, value_match: { prefix: b } } }, on_match: ${leads('b')} }] }, on_no_match: ${leads('c')} }`;

const to = (name: string, path: string, value: string, wants: Case['wants']): Case => ({
  name,
  send: get(path, `x-to: ${value}`),
  wants,
});
const NOWHERE = { status: 503, flags: 'NC', reached: [] } as const;

compareWithEnvoy({
  name: 'cluster specifiers',
  routeConfiguration: `
validate_clusters: false
cluster_specifier_plugins:
  - extension: { name: named, ${specifier(MAP)} }
  - { is_optional: true, extension: { name: unknown, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } } }
`,
  virtualHosts: `
- name: all
  domains: ["*"]
  routes:
    - { match: { path: /named }, route: { cluster_specifier_plugin: named } }
    - { match: { path: /again }, route: { cluster_specifier_plugin: named, prefix_rewrite: /new }, request_headers_to_add: [{ header: { key: x-to, value: lost }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }] }
    - { match: { path: /unknown }, route: { cluster_specifier_plugin: unknown } }
    - { match: { path: /unknown-first }, route: { cluster_specifier_plugin: unknown } }
    - { match: { path: /unknown-first }, route: { cluster: b } }
    - { match: { path: /inline }, route: { inline_cluster_specifier_plugin: { extension: { name: i, ${specifier(LIST)} } } } }
`,
  cases: [
    to('named', '/named', 'a', { status: 200, reached: ['a'] }),
    to('no match', '/named', 'x', NOWHERE),
    to('a cluster that is not there', '/named', 'lost', NOWHERE),
    to('edits come later', '/again', 'a', { status: 200, reached: ['a'] }),
    to('an extension that nobody knows', '/unknown', 'x', { status: 404, flags: 'NR', reached: [] }),
    to('an extension that nobody knows, and another route', '/unknown-first', 'x', { status: 200, reached: ['b'] }),
    to('inline', '/inline', 'b1', { status: 200, reached: ['b'] }),
    to('inline, otherwise', '/inline', 'x', { status: 200, reached: ['c'] }),
  ],
});
