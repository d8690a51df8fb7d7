// Every form of header matchers, of the conditions of RBAC, and of what they make of metadata: a path for each, allowed where it holds.
import { expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { get } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import type { Stand } from './harness/stand.ts';

const HEADERS: Readonly<Record<string, string>> = {
  exact: 'exact_match: ab',
  regex: 'safe_regex_match: { regex: "a[bc]*" }',
  prefix: 'prefix_match: a',
  suffix: 'suffix_match: b',
  contains: 'contains_match: ab',
  range: 'range_match: { start: -2, end: 7 }',
  present: 'present_match: true',
  absent: 'present_match: false',
  string: 'string_match: { exact: AB, ignore_case: true }',
  any: '',
};
const VARIANTS: Readonly<Record<string, string>> = {
  plain: '',
  inverted: 'invert_match: true',
  filled: 'treat_missing_header_as_empty: true',
  both: 'invert_match: true, treat_missing_header_as_empty: true',
};
const forms = Object.entries(HEADERS).flatMap(([form, match]) =>
  Object.entries(VARIANTS).map(([variant, more]) => ({ path: `/${form}/${variant}`, fields: [match, more] })),
);
const SENT: readonly (readonly string[])[] = [
  [],
  ['x-h: '],
  ['x-h: ab'],
  ['x-h: AB'],
  ['x-h: 6'],
  ['x-h: -2'],
  ['x-h: xab', 'x-h: abb'],
];

compareWithEnvoy(
  {
    name: 'header matchers',
    virtualHosts: `
- name: all
  domains: ["*"]
  routes:
${forms
  .map(
    ({ path, fields }) =>
      `    - { match: { path: ${path}, headers: [{ ${['name: X-H', ...fields].filter(Boolean).join(', ')} }] }, direct_response: { status: 210 } }`,
  )
  .join('\n')}
    - { match: { prefix: / }, direct_response: { status: 211 } }
`,
    cases: [],
  },
  (pair) =>
    answersAlike(
      pair,
      forms.map(({ path }) => path),
      SENT,
    ),
);

const FILTER = 'type.googleapis.com/envoy.extensions.filters.http';
const value = (match: string, more = ''): string =>
  `{ sourced_metadata: { metadata_matcher: { filter: n, path: [{ key: k }, { key: v }], value: { ${match} }, ${more} } } }`;
const of = (key: string, match: string): string =>
  `{ metadata: { filter: n, path: [{ key: k }, { key: ${key} }], value: { ${match} } } }`;
const OR = 'or_match: { value_matchers: [{ string_match: { exact: w } }, { string_match: { exact: v } }] }';
const NEAR = '{ address_prefix: 127.0.0.0, prefix_len: 8 }';
const FAR = '{ address_prefix: 10.0.0.0, prefix_len: 8 }';
const ANY = '{ any: true }';
const HAS = '{ header: { name: x-h } }';

/** Permissions and principals by path. */
const RULES: Readonly<Record<string, readonly [permission: string, principal: string]>> = {
  '/text': [value('string_match: { exact: v }'), ANY],
  '/text-other': [value('string_match: { exact: w }'), ANY],
  '/text-inverted': [value('string_match: { exact: w }', 'invert: true'), ANY],
  '/or': [value(OR), ANY],
  '/null': [of('nothing', 'null_match: {}'), ANY],
  '/null-text': [of('v', 'null_match: {}'), ANY],
  '/null-absent': [of('absent', 'null_match: {}'), ANY],
  '/number': [of('number', 'double_match: { range: { start: 3, end: 4 } }'), ANY],
  '/number-end': [of('number', 'double_match: { range: { start: 3, end: 3.5 } }'), ANY],
  '/exactly': [of('number', 'double_match: { exact: 3.5 }'), ANY],
  '/flag': [of('flag', 'bool_match: true'), ANY],
  '/list': [of('list', 'list_match: { one_of: { string_match: { prefix: b } } }'), ANY],
  '/list-none': [of('list', 'list_match: { one_of: { string_match: { prefix: c } } }'), ANY],
  '/present': [of('v', 'present_match: true'), ANY],
  '/present-false': [of('v', 'present_match: false'), ANY],
  '/present-list': [of('list', 'present_match: true'), ANY],
  '/present-object': [of('object', 'present_match: true'), ANY],
  '/present-empty': [of('empty', 'present_match: true'), ANY],
  '/present-null': [of('nothing', 'present_match: true'), ANY],
  '/present-false-null': [of('nothing', 'present_match: false'), ANY],
  '/absent': [of('absent', 'present_match: false'), ANY],
  '/absent-present': [of('absent', 'present_match: true'), ANY],
  '/principal': [ANY, value('string_match: { exact: v }')],
  '/to': [`{ destination_ip: ${NEAR} }`, ANY],
  '/to-far': [`{ destination_ip: ${FAR} }`, ANY],
  '/ports': ['{ destination_port_range: { start: 1, end: 65536 } }', ANY],
  '/ports-low': ['{ destination_port_range: { start: 1, end: 2 } }', ANY],
  '/source': [ANY, `{ source_ip: ${NEAR} }`],
  '/and': [ANY, `{ and_ids: { ids: [{ source_ip: ${NEAR} }, ${HAS}] } }`],
  '/or-ids': [ANY, `{ or_ids: { ids: [{ source_ip: ${FAR} }, ${HAS}] } }`],
  '/not': [ANY, `{ not_id: ${HAS} }`],
  '/path': [ANY, '{ url_path: { path: { prefix: /pa } } }'],
};
const policies = Object.entries(RULES).map(
  ([path, [permission, principal]], nth) =>
    `p${nth}: { permissions: [{ and_rules: { rules: [{ url_path: { path: { exact: ${path} } } }, ${permission}] } }], principals: [${principal}] }`,
);

compareWithEnvoy(
  {
    name: 'conditions',
    listeners: {
      front: {
        filters: `[
  { name: notes, typed_config: { "@type": ${FILTER}.set_metadata.v3.Config, metadata: [{ metadata_namespace: n, value: { k: { v: v, nothing: null, number: 3.5, flag: true, list: [a, b], object: { a: b }, empty: "" } } }] } },
  { name: rbac, typed_config: { "@type": ${FILTER}.rbac.v3.RBAC, rules: { action: ALLOW, policies: { ${policies.join(', ')} } } } }]`,
      },
    },
    virtualHosts:
      '[{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, direct_response: { status: 200 } }] }]',
    cases: [],
  },
  (pair) => answersAlike(pair, Object.keys(RULES), [[], ['x-h: 1']]),
);

/** A test for each path: what is sent to it is answered with the same statuses. `sent`: headers of each request. */
function answersAlike(pair: () => Pair, paths: readonly string[], sent: readonly (readonly string[])[]): void {
  const seen = new Set<number>();
  test.each(paths)('%s', async (path) => {
    const [theirs, mine] = await Promise.all(
      [pair().reference, pair().ours].map((stand) => statuses(stand, path, sent)),
    );
    for (const status of theirs!) seen.add(status);
    expect(mine).toEqual(theirs);
  });
  test('both outcomes were seen', () => {
    expect(seen.size).toBe(2);
  });
}

/** All on one connection. */
async function statuses(stand: Stand, path: string, sent: readonly (readonly string[])[]): Promise<readonly number[]> {
  using connection = await RawConnection.open(stand.portOf('front'));
  const found: number[] = [];
  for (const headers of sent) {
    connection.send(get(path, ...headers));
    found.push((await connection.response()).status);
  }
  return found;
}
