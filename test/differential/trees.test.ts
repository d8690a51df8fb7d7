// The generic matcher: virtual hosts that choose their route by it, and policies.
import { expressionTree } from '../../src/proxy/testing/expression-tree.ts';
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const TYPE = 'type.googleapis.com';
const NETWORK = `${TYPE}/envoy.extensions.matching.common_inputs.network.v3`;
const FILTERS = `${TYPE}/envoy.extensions.filters.http`;
const extension = (type: string, fields = ''): string => `{ name: any, typed_config: { "@type": ${type}, ${fields} } }`;
const header = (name: string): string =>
  extension(`${TYPE}/envoy.type.matcher.v3.HttpRequestHeaderMatchInput`, `header_name: "${name}"`);
const custom = (input: string, type: string, fields: string): string =>
  `{ single_predicate: { input: ${input}, custom_match: ${extension(`${TYPE}/${type}`, fields)} } }`;
const INPUTS = 'envoy.extensions.matching.input_matchers';
const hashed = (fields: string): string =>
  custom(header('x'), `${INPUTS}.consistent_hashing.v3.ConsistentHashing`, fields);
const share = (fields: string): string =>
  custom(header('x'), `${INPUTS}.runtime_fraction.v3.RuntimeFraction`, `runtime_fraction: { ${fields} }, seed: 7`);
const holds = (text: string, form: string): string =>
  custom(
    extension(`${TYPE}/xds.type.matcher.v3.HttpAttributesCelMatchInput`),
    'xds.type.matcher.v3.CelMatcher',
    `expr_match: { ${form}: { expr: ${JSON.stringify(expressionTree(text))} } }`,
  );
const is = (input: string, match: string): string =>
  `{ single_predicate: { input: ${input}, value_match: { ${match} } } }`;
const within = (input: string, prefix: string, length: number): string =>
  `{ single_predicate: { input: ${input}, custom_match: ${extension(`${TYPE}/envoy.extensions.matching.input_matchers.ip.v3.Ip`, `stat_prefix: s, cidr_ranges: [{ address_prefix: "${prefix}", prefix_len: ${length} }]`)} } }`;
const list = (...matchers: (readonly [predicate: string, next: string])[]): string =>
  `matcher_list: { matchers: [${matchers.map(([predicate, next]) => `{ predicate: ${predicate}, on_match: { ${next} } }`).join(', ')}] }`;
const map = (type: string, input: string, entries: Record<string, string>): string =>
  `matcher_tree: { input: ${input}, ${type}: { map: { ${Object.entries(entries)
    .map(([key, next]) => `"${key}": { ${next} }`)
    .join(', ')} } } }`;
const ranges = (...entries: (readonly [prefix: string, length: number, next: string, more?: string])[]): string =>
  `matcher_tree: { input: ${header('x-ip')}, custom_match: ${extension(
    `${TYPE}/xds.type.matcher.v3.IPMatcher`,
    `range_matchers: [${entries
      .map(
        ([prefix, length, next, more = '']) =>
          `{ ranges: [{ address_prefix: "${prefix}", prefix_len: ${length} }], on_match: { ${next} }, ${more} }`,
      )
      .join(', ')}]`,
  )} }`;

const answers = (path: string, status: number): string =>
  `match: { prefix: ${path} }, direct_response: { status: ${status} }`;
const to = (status: number): string =>
  `action: ${extension(`${TYPE}/envoy.config.route.v3.Route`, answers('/', status))}`;
const never = `matcher: { ${list([is(header('x-never'), 'exact: never'), to(299)])} }`;

const HOSTS: Readonly<Record<string, string>> = {
  list: list(
    [is(header('x'), 'exact: one'), to(201)],
    [is(header('x'), 'prefix: o'), to(202)],
    [is(header('x'), 'safe_regex: { google_re2: {}, regex: "t.*" }'), to(203)],
    [is(header('x'), 'contains: AB, ignore_case: true'), to(205)],
    [is(header('x'), 'suffix: z'), to(206)],
  ),
  otherwise: `${list([is(header('x'), 'exact: one'), to(201)])}, on_no_match: { ${to(202)} }`,
  nested: list(
    [is(header('x'), 'exact: one'), `matcher: { ${list([is(header('y'), 'exact: one'), to(201)])} }`],
    [is(header('x'), 'exact: one'), to(202)],
  ),
  logic: list(
    [`{ and_matcher: { predicate: [${is(header('x'), 'exact: one')}, ${is(header('y'), 'exact: one')}] } }`, to(201)],
    [`{ or_matcher: { predicate: [${is(header('x'), 'exact: one')}, ${is(header('y'), 'exact: one')}] } }`, to(202)],
    [`{ not_matcher: ${is(header('z'), 'exact: one')} }`, to(203)],
  ),
  exact: `${map('exact_match_map', header('x'), { one: to(201), none: never, 'one,two': to(205) })}, on_no_match: { ${to(202)} }`,
  prefix: map('prefix_match_map', header(':path'), { '/a': to(201), '/a/b': never, '/a/b/c': to(203) }),
  ranges: ranges(
    ['10.0.0.0', 8, to(201)],
    ['10.1.0.0', 16, never],
    ['172.16.0.0', 12, to(203), 'exclusive: true'],
    ['172.17.0.0', 16, never],
    ['2001:db8::', 32, to(202)],
  ),
  within: list([within(header('x-ip'), '10.0.0.0', 8), to(201)], [within(header('x-ip'), '2001:db8::', 32), to(202)]),
  routes: `on_no_match: { action: ${extension(`${TYPE}/envoy.config.route.v3.RouteList`, `routes: [{ ${answers('/a', 201)} }, { ${answers('/b', 202)} }]`)} }`,
  empty: '{}',
  hashed: list([hashed('threshold: 7, modulo: 10, seed: "18446744073709551614"'), to(201)]),
  widely: list([hashed('threshold: 2000000000, modulo: 4000000000'), to(201)]),
  share: list([share('default_value: { numerator: 50 }'), to(201)]),
  runtime: list([share('default_value: { numerator: 0 }, runtime_key: trees.share'), to(201)]),
  environment: list([
    is(
      extension(`${TYPE}/envoy.extensions.matching.common_inputs.environment_variable.v3.Config`, 'name: NOT_THERE'),
      'exact: a',
    ),
    to(201),
  ]),
  state: list([is(extension(`${NETWORK}.FilterStateInput`, 'key: tenant'), 'exact: blue'), to(201)]),
};

const action = (name: string, kind: string): string =>
  `action: ${extension(`${TYPE}/envoy.config.rbac.v3.Action`, `name: ${name}, action: ${kind}`)}`;
const rbac = (matcher: string, name = 'matcher'): string =>
  `{ "@type": ${FILTERS}.rbac.v3.RBACPerRoute, rbac: { ${name}: { ${matcher} } } }`;
const POLICIES: Readonly<Record<string, string>> = {
  '/by-header': list(
    [is(header('x'), 'exact: one'), action('one', 'ALLOW')],
    [is(header('x'), 'exact: two'), action('two', 'DENY')],
  ),
  '/by-source': list([is(extension(`${NETWORK}.SourceIPInput`), 'exact: 127.0.0.1'), action('local', 'ALLOW')]),
  '/by-direct-source': list([
    within(extension(`${NETWORK}.DirectSourceIPInput`), '127.0.0.0', 8),
    action('local', 'ALLOW'),
  ]),
  '/by-destination': list([within(extension(`${NETWORK}.DestinationIPInput`), '10.0.0.0', 8), action('ten', 'ALLOW')]),
  '/by-port': list([
    `{ not_matcher: ${is(extension(`${NETWORK}.DestinationPortInput`), 'exact: "1"')} }`,
    action('port', 'ALLOW'),
  ]),
  '/by-name': list([is(extension(`${NETWORK}.ServerNameInput`), 'exact: a.test'), action('sni', 'ALLOW')]),
  '/by-state': list([
    is(extension(`${NETWORK}.FilterStateInput`, 'key: tenant'), 'exact: blue'),
    action('blue', 'ALLOW'),
  ]),
  '/by-expression': list(
    [holds("request.headers['x'] == 'one' && request.method == 'GET'", 'cel_expr_parsed'), action('one', 'ALLOW')],
    [holds("filter_state['tenant'] == b'blue'", 'cel_expr_checked'), action('blue', 'ALLOW')],
    [holds("request.headers['x'] == 'two'", 'parsed_expr'), action('two', 'ALLOW')],
    [holds('request.path', 'checked_expr'), action('text', 'ALLOW')],
  ),
  '/logged': list([is(header('x'), 'exact: one'), action('one', 'LOG')]),
};

const host = (name: string, send: string, status: number): Case => ({
  name: `${name}: ${send.split('\r\n')[0]} ${/^x.*$/m.exec(send.replace(/^x-case.*$/m, ''))?.[0] ?? ''}`,
  send: send.replace('host: test.local', `host: ${name}.test`),
  wants: { status },
});
const judged = (path: string, status: number, ...headers: string[]): Case => ({
  name: `${path} ${headers.join(' ')}`,
  send: get(path, ...headers),
  wants: { status },
});

/** A value, and what its share leads to at the hosts hashed, widely, share and runtime. */
const SHARED = [
  ['a', 404, 201, 404, 201],
  ['bb', 201, 201, 404, 201],
  ['ccc', 404, 404, 404, 201],
  ['dddd', 201, 201, 201, 201],
  ['eeeee', 201, 404, 404, 201],
  ['ffffff', 404, 404, 201, 201],
] as const;

compareWithEnvoy({
  name: 'trees',
  bootstrap:
    'layered_runtime: { layers: [{ name: static, static_layer: { trees.share: { numerator: 100, denominator: HUNDRED } } }] }',
  listeners: {
    front: {
      filters: `
- name: state
  typed_config: { "@type": ${FILTERS}.set_filter_state.v3.Config, clear_route_cache: true, on_request_headers: [{ object_key: tenant, factory_key: envoy.string, format_string: { text_format_source: { inline_string: "%REQ(X-TENANT)%" } } }] }
- { name: rbac, typed_config: { "@type": ${FILTERS}.rbac.v3.RBAC } }
`,
    },
  },
  virtualHosts: `
${Object.entries(HOSTS)
  .map(
    ([name, matcher]) =>
      `- { name: ${name}, domains: [${name}.test], matcher: ${matcher === '{}' ? matcher : `{ ${matcher} }`} }`,
  )
  .join('\n')}
- name: all
  domains: ["*"]
  routes:
${Object.entries(POLICIES)
  .map(
    ([path, policy]) =>
      `    - { match: { path: ${path} }, route: { cluster: a }, typed_per_filter_config: { rbac: ${rbac(policy)} } }`,
  )
  .join('\n')}
    - { match: { path: /moved }, direct_response: { status: 302 } }
    - { match: { path: /unchanged }, direct_response: { status: 304 } }
    - { match: { path: /shadow }, route: { cluster: a }, typed_per_filter_config: { rbac: ${rbac(POLICIES['/by-header']!, 'shadow_matcher')} } }
`,
  cases: [
    ...(['one', 'other', 'two', 'xabx', 'buzz', 'none'] as const).map((value, i) =>
      host('list', get('/', `x: ${value}`), [201, 202, 203, 205, 206, 404][i]!),
    ),
    host('otherwise', get('/', 'x: one'), 201),
    host('otherwise', get('/'), 202),
    host('nested', get('/', 'x: one', 'y: one'), 201),
    { ...host('nested', get('/', 'x: one'), 202), name: 'nested: the list goes on' },
    host('nested', get('/'), 404),
    host('logic', get('/', 'x: one', 'y: one'), 201),
    { ...host('logic', get('/', 'y: one'), 202), name: 'logic: or' },
    host('logic', get('/'), 203),
    { ...host('logic', get('/', 'z: one'), 404), name: 'logic: not' },
    host('exact', get('/', 'x: one'), 201),
    host('exact', get('/', 'x: none'), 202),
    host('exact', get('/', 'x: other'), 202),
    host('exact', get('/'), 202),
    { ...host('exact', get('/', 'x: one', 'x: two'), 205), name: 'exact: a repeated header' },
    ...(['/a', '/ax', '/a/b', '/a/b/x', '/a/b/cd', '/b'] as const).map((path, i) =>
      host('prefix', get(path), [201, 201, 201, 201, 203, 404][i]!),
    ),
    ...(['10.9.9.9', '10.1.1.1', '172.16.1.1', '172.17.1.1', '2001:db8::1', '11.1.1.1', 'ten'] as const).map(
      (address, i) => host('ranges', get('/', `x-ip: ${address}`), [201, 201, 203, 404, 202, 404, 404][i]!),
    ),
    ...(['10.9.9.9', '2001:db8::1', '11.1.1.1', 'ten'] as const).map((address, i) =>
      host('within', get('/', `x-ip: ${address}`), [201, 202, 404, 404][i]!),
    ),
    ...(['/a', '/b', '/c'] as const).map((path, i) => host('routes', get(path), [201, 202, 404][i]!)),
    host('empty', get('/'), 404),
    judged('/moved', 302),
    judged('/unchanged?q', 304),
    host('state', get('/', 'x-tenant: blue'), 201),
    host('state', get('/', 'x-tenant: red'), 404),
    ...SHARED.flatMap(([value, ...statuses]) =>
      (['hashed', 'widely', 'share', 'runtime'] as const).map((name, i) =>
        host(name, get('/', `x: ${value}`), statuses[i]!),
      ),
    ),
    host('share', get('/'), 404),
    host('hashed', get('/'), 404),
    host('environment', get('/'), 404),
    judged('/by-expression', 200, 'x: one'),
    judged('/by-expression', 200, 'x: two'),
    judged('/by-expression', 200, 'x-tenant: blue'),
    judged('/by-expression', 403, 'x: three'),
    judged('/by-expression', 403),
    judged('/by-header', 200, 'x: one'),
    judged('/by-header', 403, 'x: two'),
    judged('/by-header', 403),
    judged('/by-source', 200),
    judged('/by-source', 403, 'x-forwarded-for: 10.1.1.1'),
    judged('/by-direct-source', 200, 'x-forwarded-for: 10.1.1.1'),
    judged('/by-destination', 403),
    judged('/by-port', 200),
    judged('/by-name', 403),
    judged('/by-state', 200, 'x-tenant: blue'),
    judged('/by-state', 403, 'x-tenant: red'),
    judged('/logged', 200, 'x: one'),
    judged('/logged', 403, 'x: two'),
    judged('/shadow', 200, 'x: two'),
  ],
});
