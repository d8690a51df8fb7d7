// Filters of a cluster (http_filters of its HttpProtocolOptions): what each try is sent with, and what of its answer the router sees.
import { raw, respond } from '../support/upstream.ts';
import { type Case, get } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const API = 'type.googleapis.com/envoy.extensions';
const MUTATION = `${API}.filters.http.header_mutation.v3.HeaderMutation`;
const add = (key: string, value: string, action = 'APPEND_IF_EXISTS_OR_ADD'): string =>
  `{ append: { header: { key: ${key}, value: "${value}" }, append_action: ${action} } }`;
const mutates = (name: string, fields: string): string =>
  `{ name: ${name}, typed_config: { "@type": ${MUTATION}, mutations: { ${fields} } } }`;
const codec = `{ name: codec, typed_config: { "@type": ${API}.filters.http.upstream_codec.v3.UpstreamCodec } }`;
const cluster = (name: string, port: string, ...filters: string[]): string => `
- name: ${name}
  type: STATIC
  connect_timeout: 1s
  load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }] }] }
  typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": ${API}.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http_protocol_options: {} }, http_filters: [${[...filters, codec].join(', ')}] } }
`;
const both = [
  mutates(
    'one',
    `request_mutations: [${add('x-sent', 'one')}, ${add('x-from', '%REQ(x-case)%', 'OVERWRITE_IF_EXISTS_OR_ADD')}, { remove: x-gone }], response_mutations: [${add('x-got', 'one %RESP(x-answer)%')}]`,
  ),
  mutates(
    'two',
    `request_mutations: [${add('x-sent', 'two')}], response_mutations: [${add('x-got', 'two')}, { remove: x-answer }]`,
  ),
];
const RETRIES = 'retry_policy: { retry_on: 5xx, num_retries: 2, retry_back_off: { base_interval: 0.001s } }';

const virtualHosts = `
- name: all
  domains: ["*"]
  response_headers_to_add: [{ header: { key: x-seen, value: "%RESP(x-got)%" } }]
  routes:
    - { match: { prefix: /retried }, route: { cluster: edits, ${RETRIES} } }
    - { match: { prefix: /listed }, route: { cluster: listed, retry_policy: { retry_on: retriable-headers, num_retries: 1, retriable_headers: [{ name: x-again, present_match: true }], retry_back_off: { base_interval: 0.001s } } } }
    - { match: { prefix: /route }, route: { cluster: edits }, typed_per_filter_config: { two: { "@type": ${MUTATION}PerRoute, mutations: { request_mutations: [${add('x-sent', 'route')}], response_mutations: [${add('x-got', 'route')}] } } } }
    - { match: { prefix: /query }, route: { cluster: query } }
    - { match: { prefix: /codec }, route: { cluster: codec } }
    - { match: { prefix: /down }, route: { cluster: down } }
    - { match: { prefix: / }, route: { cluster: edits } }
`;
const answered = { a: [respond({ headers: { 'x-answer': 'yes', 'x-got': 'upstream' } })] };
const meets = (name: string, path: string, more: Partial<Case> = {}): Case => ({
  name,
  send: get(path, 'x-gone: 1', 'x-sent: client'),
  script: answered,
  wants: { status: 200, reached: ['a'] },
  ...more,
});

compareWithEnvoy({
  name: 'filters-upstream',
  clusters: [
    cluster('edits', '<a>', ...both),
    cluster('listed', '<a>', mutates('again', `response_mutations: [${add('x-again', 'yes')}]`)),
    cluster(
      'query',
      '<a>',
      mutates('query', 'query_parameter_mutations: [{ append: { record: { key: added, value: yes } } }]'),
    ),
    cluster('codec', '<a>'),
    cluster('down', '<dead>', ...both),
  ].join(''),
  virtualHosts,
  cases: [
    meets('heads are edited, the router sees it', '/', {
      wants: { status: 200, reached: ['a'], headers: { 'x-answer': null } },
    }),
    meets('each try is edited', '/retried', {
      script: { a: [respond({ status: 503 }), raw('', 'reset'), ...answered.a] },
      wants: { status: 200, reached: ['a', 'a', 'a'] },
    }),
    meets('an edited answer is retried', '/listed', { wants: { status: 200, reached: ['a', 'a'] } }),
    meets('edits of a route', '/route'),
    meets('a query', '/query?a=b'),
    meets('nothing but the codec', '/codec'),
    meets('no endpoint', '/down', { wants: { status: 503, reached: [] } }),
  ],
});
