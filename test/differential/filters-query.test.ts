// Edits of the query by header_mutation: in the chain, of routes, and in which order.
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3';
const append = (key: string, value: string, action = 'APPEND_IF_EXISTS_OR_ADD') =>
  `{append: {record: {key: "${key}", value: "${value}"}, action: ${action}}}`;
const mutation = (edits: string, more = '') =>
  `[{name: edits, typed_config: {'@type': ${TYPE}.HeaderMutation, mutations: {query_parameter_mutations: [${edits}], ${more}}}}]`;
const REMOVE = '{remove: a}';
const both = (action: string) => `${append('a', 'new', action)}, ${append('n', 'new', action)}`;

const EDITS: Readonly<Record<string, string>> = {
  add: append('n', 'v w&=é%REQ(X-A)%'),
  empty: append('n', '%REQ(X-NONE)%'),
  absent: both('ADD_IF_ABSENT'),
  over: both('OVERWRITE_IF_EXISTS'),
  set: both('OVERWRITE_IF_EXISTS_OR_ADD'),
  remove: REMOVE,
  several: `${REMOVE}, ${append('a', '1')}, ${append('a', '2')}`,
};
const PATHS = ['/p', '/p?', '/p?a', '/p?b=2&a=x&a=1&c', '/p?=x&&y=', '/p?a=1=2&x=/:@!~*()'];

compareWithEnvoy({
  name: 'filters-query',
  listeners: {
    ...Object.fromEntries(Object.entries(EDITS).map(([name, edits]) => [name, { filters: mutation(edits) }])),
    headers: {
      filters: mutation(
        append('path', '%REQ(:path)%'),
        'request_mutations: [{append: {header: {key: x-query, value: "%REQ(:path)%"}}}]',
      ),
    },
  },
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - match: {prefix: /route}
    route: {cluster: a}
    typed_per_filter_config:
      edits: {'@type': ${TYPE}.HeaderMutationPerRoute, mutations: {query_parameter_mutations: [${append('a', 'route')}]}}
  - {match: {prefix: /}, route: {cluster: a}}
`,
  cases: [
    ...Object.keys(EDITS).flatMap((listener) => PATHS.map((path): Case => ask(listener, path))),
    // Not after `add`: Envoy decodes what it has encoded, and sends on a space.
    ask('set', '/route?a=1'),
    ask('remove', '/route?a=1'),
    ask('headers', '/p?b=1'),
  ],
});

function ask(listener: string, path: string): Case {
  return {
    name: `${listener}: ${path}`,
    listener,
    send: get(path, 'x-a: 1 2'),
    wants: { status: 200, reached: ['a'] },
  };
}
