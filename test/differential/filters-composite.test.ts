// Filters that are there by what a matcher says (ExtensionWithMatcher, composite): when it is asked, what it may choose, what routes say instead.
import { respond } from '../support/upstream.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const API = 'type.googleapis.com/envoy.extensions';
const HTTP = `${API}.filters.http`;
const typed = (type: string, fields = ''): string => `typed_config: { "@type": ${type}${fields && `, ${fields}`} }`;
const named = (name: string, type: string, fields = ''): string => `{ name: ${name}, ${typed(type, fields)} }`;

const input = (type: string, fields = ''): string =>
  `input: ${named('in', `type.googleapis.com/envoy.type.matcher.v3.${type}`, fields)}`;
const header = input('HttpRequestHeaderMatchInput', 'header_name: x-pick');
const map = (asked: string, ...entries: [string, string][]): string =>
  `matcher_tree: { ${asked}, exact_match_map: { map: { ${entries.map(([key, action]) => `"${key}": { action: ${action} }`).join(', ')} } } }`;

const mutation = (side: 'request' | 'response', value: string): string =>
  `mutations: { ${side}_mutations: [{ append: { header: { key: x-by, value: "${value}" } } }] }`;
const mutates = (side: 'request' | 'response', value: string): string =>
  named('mutates', `${HTTP}.header_mutation.v3.HeaderMutation`, mutation(side, value));
const deny = named(
  'deny',
  `${HTTP}.rbac.v3.RBAC`,
  'rules: { action: DENY, policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } } }',
);
const holds = named('holds', `${HTTP}.buffer.v3.Buffer`, 'max_request_bytes: 20');

const EXECUTE = `${HTTP}.composite.v3.ExecuteFilterAction`;
const execute = (fields: string): string => named('act', EXECUTE, fields);
const one = (filter: string, more = ''): string => execute(`typed_config: ${filter}${more}`);
const chain = (...filters: string[]): string => execute(`filter_chain: { typed_config: [${filters.join(', ')}] }`);
const skip = named('skip', `${API}.filters.common.matcher.action.v3.SkipFilter`);
const percent = (numerator: number): string => `, sample_percent: { default_value: { numerator: ${numerator} } }`;

const MATCHED = `${API}.common.matching.v3.ExtensionWithMatcher`;
const matched = (filter: string, matcher: string): string =>
  named('picks', MATCHED, `extension_config: ${filter}${matcher && `, xds_matcher: { ${matcher} }`}`);
const composite = (fields = ''): string => named('composite', `${HTTP}.composite.v3.Composite`, fields);
const perRoute = (matcher: string): string =>
  `typed_per_filter_config: { picks: { "@type": ${MATCHED}PerRoute, xds_matcher: { ${matcher} } } }`;
const ofComposite = (matcher: string): string =>
  `typed_per_filter_config: { composite: { "@type": ${HTTP}.composite.v3.CompositePerRoute, matcher: { ${matcher} } } }`;

const choices = map(
  header,
  ['request', one(mutates('request', 'one'))],
  ['response', one(mutates('response', 'one'))],
  ['deny', one(deny)],
  ['hold', one(holds)],
  ['chain', chain(mutates('request', 'first'), mutates('request', 'second'), mutates('response', 'last'), holds)],
  ['denied chain', chain(mutates('response', 'first'), deny, mutates('response', 'last'))],
  ['never', one(mutates('request', 'never'), percent(0))],
  ['always', one(mutates('request', 'always'), percent(100))],
  ['named', execute('filter_chain_name: known')],
  ['unknown', execute('filter_chain_name: unknown')],
  ['skip', skip],
);
const known = `named_filter_chains: { known: { typed_config: [${mutates('request', 'named')}, ${mutates('response', 'named')}] } }`;
const shows = named(
  'shows',
  `${HTTP}.header_mutation.v3.HeaderMutation`,
  'mutations: { response_mutations: [{ append: { header: { key: x-state, value: "%FILTER_STATE(envoy.extensions.filters.http.composite.matched_actions:TYPED)% %FILTER_STATE(envoy.extensions.filters.http.composite.matched_actions:PLAIN)%" } } }] }',
);
const byStatus = map(input('HttpResponseStatusCodeMatchInput'), ['404', one(mutates('response', 'absent'))]);
const byClass = map(input('HttpResponseStatusCodeClassMatchInput'), ['5xx', one(mutates('response', 'failed'))]);
const byAnswer = map(input('HttpResponseHeaderMatchInput', 'header_name: x-answer'), [
  'yes',
  one(mutates('response', 'answered')),
]);
const byQuery = map(input('HttpRequestQueryParamMatchInput', 'query_param: pick'), [
  'yes',
  one(mutates('request', 'asked')),
]);
const otherwise = `${map(header, ['skip', skip])}, on_no_match: { action: ${one(mutates('request', 'otherwise'))} }`;

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    - { match: { prefix: /route }, route: { cluster: a }, ${perRoute(map(header, ['route', one(mutates('request', 'route'))], ['named', execute('filter_chain_name: known')], ['skip', skip]))} }
    - { match: { prefix: /off }, route: { cluster: a }, typed_per_filter_config: { picks: { "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true } } }
    - { match: { prefix: /allow }, route: { cluster: a }, typed_per_filter_config: { picks: { "@type": ${HTTP}.rbac.v3.RBACPerRoute, rbac: { rules: { action: ALLOW, policies: { admin: { permissions: [{ header: { name: x-admin, present_match: true } }], principals: [{ any: true }] } } } } } } }
    - { match: { prefix: /own }, route: { cluster: a }, ${ofComposite(map(header, ['own', one(mutates('request', 'own'))]))} }
    - { match: { prefix: /direct }, direct_response: { status: 404, body: { inline_string: no } } }
    - { match: { prefix: / }, route: { cluster: a } }
`;

const seen = (by: string | null): Partial<Case['wants']> => ({ reached: ['a'], seen: { headers: { 'x-by': by } } });
const pick = (name: string, value: string, wants: Partial<Case['wants']>, target = '/', listener = 'front'): Case => ({
  name,
  listener,
  send: get(target, `x-pick: ${value}`),
  wants: { status: 200, ...wants },
});
const answered = (name: string, listener: string, status: number, by: string | null, target = '/'): Case => ({
  name,
  listener,
  send: get(target, 'x-pick: none'),
  script: { a: [respond({ status, headers: { 'x-answer': 'yes' } })] },
  wants: { status, headers: { 'x-by': by } },
});

compareWithEnvoy({
  name: 'filters-composite',
  statistics: /\.composite\.|rbac\.(allowed|denied)/,
  listeners: {
    front: { filters: `[${shows}, ${matched(composite(known), choices)}]` },
    own: { filters: `[${shows}, ${composite(`${known}, matcher: { ${choices} }`)}]` },
    bare: { filters: `[${matched(composite(known), '')}]` },
    status: { filters: `[${matched(composite(), byStatus)}]` },
    class: { filters: `[${matched(composite(), byClass)}]` },
    answer: { filters: `[${matched(composite(), byAnswer)}]` },
    query: { filters: `[${matched(composite(), byQuery)}]` },
    otherwise: { filters: `[${matched(composite(), otherwise)}]` },
    skips: { filters: `[${matched(deny, map(header, ['skip', skip]))}]` },
    early: { filters: `[${deny}, ${matched(composite(), otherwise)}]` },
    earlystatus: {
      filters: `[${deny}, ${matched(composite(), map(input('HttpResponseStatusCodeMatchInput'), ['403', one(mutates('response', 'refused'))]))}]`,
    },
  },
  virtualHosts,
  cases: [
    pick('a filter for requests', 'request', seen('one')),
    pick('a filter for responses', 'response', { headers: { 'x-by': 'one' } }),
    pick('nothing', 'else', seen(null)),
    pick('a filter that answers', 'deny', { status: 403, reached: [] }),
    pick('a filter that is skipped', 'skip', seen(null)),
    pick('never sampled', 'never', seen(null)),
    pick('always sampled', 'always', seen('always')),
    pick('a chain by its name', 'named', { ...seen('named'), headers: { 'x-by': 'named' } }),
    pick('a chain that there is not', 'unknown', seen(null)),
    pick('a chain that is refused in the middle', 'denied chain', { status: 403, reached: [] }),
    {
      name: 'a chain with a body',
      listener: 'front',
      send: request('POST', '/', { headers: ['x-pick: chain'], body: 'hello' }),
      wants: { status: 200, reached: ['a'], headers: { 'x-by': 'last' } },
    },
    {
      name: 'a chain with a body that is too large',
      listener: 'front',
      send: request('POST', '/', { headers: ['x-pick: chain'], body: 'a body of more than twenty bytes' }),
      wants: { status: 413, reached: [] },
    },
    {
      name: 'a body is held',
      listener: 'front',
      send: request('POST', '/', { headers: ['x-pick: hold'], body: 'hello' }),
      wants: { status: 200, reached: ['a'] },
    },
    pick('the matcher of a route', 'route', seen('route'), '/route'),
    pick('the matcher of a route: a chain of the filter', 'named', seen('named'), '/route'),
    pick('the matcher of a route: nothing of the filter', 'request', seen(null), '/route'),
    pick('off for a route', 'deny', seen(null), '/off'),
    pick('its own matcher', 'request', seen('one'), '/', 'own'),
    pick('its own matcher: a chain', 'named', seen('named'), '/', 'own'),
    pick('its own matcher: skip', 'skip', seen(null), '/', 'own'),
    pick('its own matcher of a route', 'own', seen('own'), '/own', 'own'),
    pick('no matcher', 'request', seen(null), '/', 'bare'),
    pick('no matcher but of a route', 'route', seen('route'), '/route', 'bare'),
    answered('a status', 'status', 404, 'absent'),
    answered('another status', 'status', 200, null),
    answered('a status of our own', 'status', 404, 'absent', '/direct'),
    answered('a class of statuses', 'class', 503, 'failed'),
    answered('another class', 'class', 404, null),
    answered('a header of the response', 'answer', 200, 'answered'),
    pick('a parameter', '', seen('asked'), '/?pick=yes', 'query'),
    pick('another parameter', '', seen(null), '/?pick=no', 'query'),
    pick('what is left', 'else', seen('otherwise'), '/', 'otherwise'),
    pick('a filter of another kind', 'else', { status: 403, reached: [] }, '/', 'skips'),
    pick('a filter of another kind is skipped', 'skip', seen(null), '/', 'skips'),
    pick(
      'a filter of another kind that a route knows otherwise',
      'else',
      { status: 403, reached: [] },
      '/allow',
      'skips',
    ),
    pick('a filter of another kind that a route knows otherwise is skipped', 'skip', seen(null), '/allow', 'skips'),
    pick('an answer given before', 'else', { status: 403, reached: [] }, '/', 'early'),
    pick('an answer given before, by its status', 'else', { status: 403, reached: [] }, '/', 'earlystatus'),
  ],
});
