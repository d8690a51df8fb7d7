// Which route is taken: hosts, paths, headers, query parameters, methods, order.
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const MATCHES: readonly (readonly [name: string, match: string])[] = [
  ['exact path', 'path: /exact'],
  ['exact path, any case', 'path: /AnyCase, case_sensitive: false'],
  ['regular expression', 'safe_regex: { regex: "/re/\\\\d+(/x)?" }'],
  ['header exact', 'prefix: /h, headers: [{ name: x-exact, string_match: { exact: Yes } }]'],
  ['header prefix', 'prefix: /h, headers: [{ name: x-prefix, string_match: { prefix: ab } }]'],
  ['header suffix', 'prefix: /h, headers: [{ name: x-suffix, string_match: { suffix: yz } }]'],
  ['header contains', 'prefix: /h, headers: [{ name: x-contains, string_match: { contains: mid } }]'],
  ['header any case', 'prefix: /h, headers: [{ name: x-any-case, string_match: { exact: yes, ignore_case: true } }]'],
  ['header regex', 'prefix: /h, headers: [{ name: x-regex, string_match: { safe_regex: { regex: "a+b?" } } }]'],
  ['header range', 'prefix: /h, headers: [{ name: x-range, range_match: { start: 10, end: 20 } }]'],
  ['header present', 'prefix: /h, headers: [{ name: x-present, present_match: true }]'],
  ['header absent', 'prefix: /absent, headers: [{ name: x-present, present_match: false }]'],
  ['header inverted', 'prefix: /inverted, headers: [{ name: x-not, string_match: { exact: no }, invert_match: true }]'],
  [
    'header missing as empty',
    'prefix: /missing, headers: [{ name: x-gone, string_match: { exact: "" }, treat_missing_header_as_empty: true }]',
  ],
  [
    'two headers',
    'prefix: /two, headers: [{ name: x-one, present_match: true }, { name: x-two, present_match: true }]',
  ],
  ['method', 'prefix: /m, headers: [{ name: ":method", string_match: { exact: PUT } }]'],
  ['query exact', 'prefix: /q, query_parameters: [{ name: v, string_match: { exact: "2" } }]'],
  ['query present', 'prefix: /q, query_parameters: [{ name: p, present_match: true }]'],
  ['query regex', 'prefix: /q, query_parameters: [{ name: r, string_match: { safe_regex: { regex: "[a-c]+" } } }]'],
  ['never', 'prefix: /sometimes, runtime_fraction: { default_value: { numerator: 0 } }'],
  ['always', 'prefix: /sometimes, runtime_fraction: { default_value: { numerator: 100 } }'],
  ['whole segments', 'path_separated_prefix: /segment'],
  ['longer prefix after shorter', 'prefix: /first'],
  ['never reached', 'prefix: /first/longer'],
];

const answer = (name: string): string => `direct_response: { status: 200, body: { inline_string: "${name}" } }`;
const routes = MATCHES.map(([name, match]) => `    - { match: { ${match} }, ${answer(name)} }`).join('\n');

const virtualHosts = `
- name: exact
  domains: [exact.test, "exact.test:8080"]
  routes: [{ match: { prefix: / }, ${answer('host exact')} }]
- name: suffix
  domains: ["*.suffix.test"]
  routes: [{ match: { prefix: / }, ${answer('host suffix')} }]
- name: longer-suffix
  domains: ["*.b.suffix.test"]
  routes: [{ match: { prefix: / }, ${answer('host longer suffix')} }]
- name: prefix
  domains: ["prefix.*"]
  routes: [{ match: { prefix: / }, ${answer('host prefix')} }]
- name: no-routes
  domains: [bare.test]
- name: only-path
  domains: [only.test]
  routes: [{ match: { path: /there }, ${answer('there')} }]
- name: all
  domains: ["*"]
  routes:
${routes}
    - { match: { prefix: / }, ${answer('fallback')} }
`;

function path(name: string, target: string, body: string, ...headers: string[]): Case {
  return { name, send: get(target, ...headers), wants: { status: 200, body, reached: [] } };
}

function host(name: string, value: string, body: string): Case {
  return { name, send: request('GET', '/', { host: value }), wants: { status: 200, body } };
}

compareWithEnvoy({
  name: 'routing',
  virtualHosts,
  cases: [
    host('host: exact', 'exact.test', 'host exact'),
    host('host: upper case', 'EXACT.Test', 'host exact'),
    host('host: listed with its port', 'exact.test:8080', 'host exact'),
    host('host: another port is another host', 'exact.test:81', 'fallback'),
    host('host: suffix', 'a.suffix.test', 'host suffix'),
    host('host: longest suffix wins', 'a.b.suffix.test', 'host longer suffix'),
    host('host: a suffix wants something before it', '.suffix.test', 'fallback'),
    host('host: prefix', 'prefix.anything', 'host prefix'),
    host('host: suffix before prefix', 'prefix.suffix.test', 'host suffix'),
    host('host: none of them', 'elsewhere.test', 'fallback'),
    {
      name: 'host: without routes',
      send: request('GET', '/', { host: 'bare.test' }),
      wants: { status: 404, body: '', flags: 'NR' },
    },
    {
      name: 'host: no route for the path',
      send: request('GET', '/x', { host: 'only.test' }),
      wants: { status: 404, flags: 'NR' },
    },
    path('path: exact', '/exact', 'exact path'),
    path('path: exact with a query', '/exact?a=b', 'exact path'),
    path('path: exact is not a prefix', '/exact/', 'fallback'),
    path('path: case counts', '/Exact', 'fallback'),
    path('path: case ignored', '/anycase', 'exact path, any case'),
    path('path: regex on the whole path', '/re/12/x?q', 'regular expression'),
    path('path: regex is anchored at its end', '/re/12/xy', 'fallback'),
    path('path: regex is anchored at its start', '/a/re/12', 'fallback'),
    path('path: segments', '/segment/a', 'whole segments'),
    path('path: segments alone', '/segment?x', 'whole segments'),
    path('path: half a segment', '/segmented', 'fallback'),
    path('path: first match wins', '/first/longer', 'longer prefix after shorter'),
    path('path: not decoded', '/%65xact', 'fallback'),
    path('path: dots stay without normalization', '/a/../exact', 'fallback'),
    path('path: double slashes stay', '//exact', 'fallback'),
    { name: 'path: a fragment is refused', send: get('/exact#part'), wants: { status: 400, reached: [] } },
    path('header: exact', '/h', 'header exact', 'X-Exact: Yes'),
    path('header: exact is case-sensitive', '/h', 'fallback', 'x-exact: yes'),
    path('header: spaces around it do not count', '/h', 'header exact', 'x-exact:  \t Yes  '),
    path('header: prefix', '/h', 'header prefix', 'x-prefix: abc'),
    path('header: suffix', '/h', 'header suffix', 'x-suffix: xyz'),
    path('header: contains', '/h', 'header contains', 'x-contains: amidst'),
    path('header: case ignored', '/h', 'header any case', 'x-any-case: YES'),
    path('header: regex', '/h', 'header regex', 'x-regex: aaab'),
    path('header: regex is anchored', '/h', 'fallback', 'x-regex: aaabc'),
    path('header: start of range', '/h', 'header range', 'x-range: 10'),
    path('header: end of range is out', '/h', 'fallback', 'x-range: 20'),
    path('header: no number', '/h', 'fallback', 'x-range: 15a'),
    path('header: present though empty', '/h', 'header present', 'x-present:'),
    path('header: absent', '/absent', 'header absent'),
    path('header: not absent', '/absent', 'fallback', 'x-present: 1'),
    path('header: inverted', '/inverted', 'header inverted', 'x-not: yes'),
    path('header: inverted, equal', '/inverted', 'fallback', 'x-not: no'),
    path('header: inverted, missing', '/inverted', 'fallback'),
    path('header: missing counts as empty', '/missing', 'header missing as empty'),
    path('header: repeated, one of them', '/h', 'header exact', 'x-exact: No', 'x-exact: Yes'),
    path('header: repeated, inverted', '/inverted', 'fallback', 'x-not: no', 'x-not: yes'),
    path('header: repeated, joined', '/h', 'fallback', 'x-prefix: x', 'x-prefix: y'),
    path('header: both needed', '/two', 'fallback', 'x-one: 1'),
    path('header: both there', '/two', 'two headers', 'x-one: 1', 'x-two: 2'),
    { name: 'method', send: request('PUT', '/m', { body: '' }), wants: { status: 200, body: 'method' } },
    path('method: another', '/m', 'fallback'),
    path('query: exact', '/q?v=2', 'query exact'),
    path('query: another value', '/q?v=22', 'fallback'),
    path('query: first of two counts', '/q?v=1&v=2', 'fallback'),
    path('query: present without value', '/q?p', 'query present'),
    path('query: present with value', '/q?a=1&p=0', 'query present'),
    path('query: regex', '/q?r=abc', 'query regex'),
    path('query: not decoded', '/q?v=%32', 'fallback'),
    path('fraction: 0 and 100 percent', '/sometimes', 'always'),
  ],
});
