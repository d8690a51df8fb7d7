// What is decided together with the cluster of a route: by weight or header, filters of a weighted cluster, mirrors, hashes, hosts that a retry leaves out.
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, type Wants } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const FILTERS = 'type.googleapis.com/envoy.extensions.filters.http';
const OFF = '{ "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true }';
const MUTATION = 'envoy.filters.http.header_mutation';
const sets = (value: string, name = 'x-mark'): string =>
  `{ request_mutations: [{ append: { header: { key: ${name}, value: ${value} }, append_action: ${name === 'x-mark' ? 'APPEND_IF_EXISTS_OR_ADD' : 'OVERWRITE_IF_EXISTS_OR_ADD'} } }] }`;
const mutation = (value: string, name?: string): string =>
  `{ "@type": ${FILTERS}.header_mutation.v3.HeaderMutation, mutations: ${sets(value, name)} }`;
const ofRoute = (value: string): string =>
  `{ "@type": ${FILTERS}.header_mutation.v3.HeaderMutationPerRoute, mutations: ${sets(value)} }`;
const fault = (status: number): string =>
  `{ "@type": ${FILTERS}.fault.v3.HTTPFault, abort: { http_status: ${status}, percentage: { numerator: 100 } } }`;
const overrides = (...entries: (readonly [name: string, config: string])[]): string =>
  `typed_per_filter_config: { ${entries.map(([name, config]) => `${name}: ${config}`).join(', ')} }`;

/** The place among the weights comes from `x-place`. */
const byPlace = (...clusters: string[]): string =>
  `weighted_clusters: { header_name: x-place, clusters: [${clusters.map((one) => `{ ${one} }`).join(', ')}] }`;
const TWO = byPlace('name: a, weight: 2', 'name: b, weight: 3');
const RETRY = 'type.googleapis.com/envoy.extensions.retry.host';
const leavesOut = (metadata: string): string =>
  `cluster: labelled, timeout: 0s, hash_policy: [{ header: { header_name: x-key } }], retry_policy: { retry_on: 5xx, num_retries: 2, host_selection_retry_max_attempts: 30, retry_host_predicate: [{ name: envoy.retry_host_predicates.omit_host_metadata, typed_config: { "@type": ${RETRY}.omit_host_metadata.v3.OmitHostMetadataConfig, metadata_match: { filter_metadata: { envoy.lb: { ${metadata} } } } } }] }`;
const TLS =
  'transport_socket: { name: envoy.transport_sockets.tls, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: { tls_certificates: [{ certificate_chain: { filename: <folder>/server.pem }, private_key: { filename: <folder>/server-key.pem } }] } } }';
const SAFE =
  'predicates: [{ name: p, typed_config: { "@type": type.googleapis.com/envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig } }]';

const ROUTES: readonly (readonly [path: string, route: string, more?: string])[] = [
  ['/place', TWO],
  ['/place-named', byPlace('weight: 1, cluster_header: x-to', 'name: b, weight: 1')],
  ['/early', 'cluster_header: x-set'],
  [
    '/early-weight',
    `weighted_clusters: { header_name: x-set, clusters: [{ name: a, weight: 1 }, { name: b, weight: 1 }] }`,
  ],
  [
    '/filters',
    byPlace(
      `name: a, weight: 1, ${overrides([MUTATION, ofRoute('of-a')])}`,
      'name: b, weight: 1',
      `name: c, weight: 1, ${overrides([MUTATION, OFF], ['fault', fault(418)])}`,
    ),
    overrides([MUTATION, ofRoute('of-route')]),
  ],
  ['/filters-only', byPlace(`name: a, weight: 1, ${overrides(['fault', fault(503)])}`, 'name: b, weight: 1')],
  [
    '/edits',
    byPlace(
      'name: a, weight: 1, host_rewrite_literal: a.test, request_headers_to_add: [{ header: { key: x-added, value: a } }], response_headers_to_add: [{ header: { key: x-answered, value: a } }], request_headers_to_remove: [x-gone]',
      'name: b, weight: 1',
    ),
    'request_headers_to_add: [{ header: { key: x-added, value: route } }], response_headers_to_add: [{ header: { key: x-answered, value: route } }]',
  ],
  ['/mirror', 'cluster: a, request_mirror_policies: [{ cluster_header: x-shadow }]'],
  [
    '/mirror-edited',
    'cluster: a, request_mirror_policies: [{ cluster: b, host_rewrite_literal: "mirror.test:80", request_headers_mutations: [{ append: { header: { key: x-copy, value: "%REQ(:PATH)%" } } }, { remove: x-secret }, { append: { header: { key: x-forwarded-for, value: 1.2.3.4 }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } }] }]',
  ],
  [
    '/mirror-unmarked',
    'cluster: a, request_mirror_policies: [{ cluster: b, disable_shadow_host_suffix_append: true }]',
  ],
  ['/state', 'cluster: ring, hash_policy: [{ filter_state: { key: tenant } }]'],
  [
    '/state-absent',
    'cluster: ring, hash_policy: [{ filter_state: { key: absent } }, { header: { header_name: x-key } }]',
  ],
  [
    '/cookie',
    'cluster: one, hash_policy: [{ cookie: { name: session, ttl: 60s, path: /p, attributes: [{ name: SameSite, value: Strict }, { name: Secure }] } }]',
  ],
  [
    '/session-cookie',
    'cluster: one, hash_policy: [{ cookie: { name: session, ttl: 0s, attributes: [{ name: Partitioned }] } }]',
  ],
  ['/no-cookie', 'cluster: a, hash_policy: [{ cookie: { name: session, ttl: 60s } }]'],
  [
    '/terminal',
    'cluster: one, hash_policy: [{ header: { header_name: x-key }, terminal: true }, { cookie: { name: session, ttl: 60s } }]',
  ],
  [
    '/host-twice',
    byPlace('name: a, weight: 1, host_rewrite_literal: cluster.test', 'name: b, weight: 1') +
      ', host_rewrite_literal: route.test, append_x_forwarded_host: true',
  ],
  [
    '/host-forwarded',
    byPlace('name: a, weight: 1, host_rewrite_literal: cluster.test', 'name: b, weight: 1') +
      ', append_x_forwarded_host: true',
  ],
  ['/not-old', leavesOut('age: old')],
  ['/not-old-and-slow', leavesOut('age: old, speed: slow')],
  ['/not-in-list', leavesOut('age: new')],
  ['/safe-scheme', `cluster: a, internal_redirect_policy: { allow_cross_scheme_redirect: true, ${SAFE} }`],
  ['/short', 'cluster: short'],
  ['/short-unless-asked', 'cluster: short, timeout: 0s'],
];

const endpoint = (port: string, labels: string, more = ''): string =>
  `{ ${more} metadata: { filter_metadata: { envoy.lb: { ${labels} } } }, endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }`;
const cluster = (name: string, fields: string, ...endpoints: string[]): string =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, ${fields} load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [${endpoints.join(', ')}] }] } }`;
const clusters = [
  cluster('ring', 'lb_policy: RING_HASH,', ...['a', 'b', 'c'].map((port) => endpoint(port, `hash_key: key-${port}`))),
  cluster('one', 'lb_policy: RING_HASH,', endpoint('a', 'x: y')),
  cluster(
    'labelled',
    'lb_policy: RING_HASH,',
    endpoint('a', 'hash_key: a, age: old, speed: slow'),
    endpoint('b', 'hash_key: b, age: old, speed: fast'),
    endpoint('c', 'hash_key: c, age: [new, newest]'),
  ),
  cluster(
    'short',
    'typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, common_http_protocol_options: { max_stream_duration: 0.7s }, explicit_http_config: { http_protocol_options: {} } } },',
    endpoint('a', 'x: y'),
  ),
];

const hang = raw('', 'hang');
const slow = raw('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', 'hang');
const busy = respond({ status: 503, reason: 'Service Unavailable', body: 'busy' });
const to = (name: string, path: string, reached: readonly string[], ...headers: string[]): Case => ({
  name,
  send: get(path, ...headers),
  wants: { status: 200, reached },
});
const marked = (name: string, path: string, mark: string | null, ...headers: string[]): Case => ({
  name,
  send: get(path, ...headers),
  wants: { status: 200, seen: { headers: { 'x-mark': mark } } },
});
const answered = (name: string, path: string, wants: Wants, ...headers: string[]): Case => ({
  name,
  send: get(path, ...headers),
  wants,
});

compareWithEnvoy({
  name: 'choosing',
  certificates: true,
  listeners: {
    locked: { chain: TLS },
    front: {
      filters: `
- { name: envoy.filters.http.header_mutation, typed_config: ${mutation('of-chain')} }
- { name: sets, typed_config: ${mutation('a', 'x-set')} }
- { name: fault, typed_config: { "@type": ${FILTERS}.fault.v3.HTTPFault } }
- name: state
  typed_config: { "@type": ${FILTERS}.set_filter_state.v3.Config, on_request_headers: [{ object_key: tenant, factory_key: envoy.hashable_string, format_string: { text_format_source: { inline_string: "%REQ(X-TENANT)%" } } }] }
`,
    },
  },
  virtualHosts: `
- name: all
  domains: ["*"]
  routes:
${ROUTES.map(([path, route, more = '']) => `    - { name: ${path.slice(1)}, match: { path: ${path} }, route: { ${route} }, ${more} }`).join('\n')}
`,
  routeConfiguration: '{ validate_clusters: false }',
  clusters: `[${clusters.join(', ')}]`,
  cases: [
    ...[0, 1, 2, 3, 4, 5, 7, 1_000_000_007].map((place) =>
      to(`place ${place} of five`, '/place', [place % 5 < 2 ? 'a' : 'b'], `x-place: ${place}`),
    ),
    to('a place over 2^53', '/place', ['a'], 'x-place: 18446744073709551615'),
    to('a cluster named by a header, by weight', '/place-named', ['c'], 'x-place: 0', 'x-to: c'),
    to('the other cluster', '/place-named', ['b'], 'x-place: 1', 'x-to: c'),
    answered(
      'a named cluster that is not there',
      '/place-named',
      { status: 503, reached: [] },
      'x-place: 0',
      'x-to: no',
    ),
    answered('a header without a cluster', '/place-named', { status: 503, reached: [] }, 'x-place: 0'),
    answered('a header set by a filter comes too late', '/early', { status: 503, reached: [] }),
    to('a header that a filter changes', '/early', ['b'], 'x-set: b'),
    to('a place that a filter changes', '/early-weight', ['b'], 'x-set: 1'),
    marked('filters of a weighted cluster', '/filters', 'of-chain & of-a & of-route', 'x-place: 0'),
    marked('filters of the route where the cluster has none', '/filters', 'of-chain & of-route', 'x-place: 1'),
    answered('another filter of a weighted cluster', '/filters', { status: 418, reached: [] }, 'x-place: 2'),
    answered('only one cluster has faults', '/filters-only', { status: 503, reached: [] }, 'x-place: 0'),
    marked('and the other has none', '/filters-only', 'of-chain', 'x-place: 1'),
    {
      name: 'edits of a weighted cluster',
      send: get('/edits', 'x-place: 0', 'x-gone: 1'),
      wants: {
        status: 200,
        seen: { headers: { host: 'a.test', 'x-added': 'a & route', 'x-gone': null } },
        headers: { 'x-answered': 'a & route' },
      },
    },
    {
      name: 'edits of the route alone',
      send: get('/edits', 'x-place: 1', 'x-gone: 1'),
      wants: { status: 200, seen: { headers: { host: 'test.local', 'x-added': 'route', 'x-gone': '1' } } },
    },
    to('a mirror named by a header', '/mirror', ['a', 'b'], 'x-shadow: b'),
    to('a mirror that is changed', '/mirror-edited', ['a', 'b'], 'x-secret: 1'),
    to('a mirror under its own name', '/mirror-unmarked', ['a', 'b']),
    to('a mirror that is not there', '/mirror', ['a'], 'x-shadow: none'),
    to('a mirror that nobody names', '/mirror', ['a']),
    ...['one', 'two', 'three', 'four', 'five', 'six'].map(
      (tenant): Case => ({
        ...answered(`hash of filter state: ${tenant}`, '/state', { status: 200 }, `x-tenant: ${tenant}`),
      }),
    ),
    ...['k1', 'k2', 'k3'].map(
      (key): Case => answered(`hash without filter state: ${key}`, '/state-absent', { status: 200 }, `x-key: ${key}`),
    ),
    ...['/not-old', '/not-old-and-slow', '/not-in-list'].flatMap((path) =>
      ['k1', 'k2', 'k3', 'k4'].map(
        (key): Case => ({
          name: `hosts left out: ${path} for ${key}`,
          send: get(path, `x-key: ${key}`),
          script: { a: [busy], b: [busy], c: [busy] },
          wants: { status: 503, flags: 'URX' },
        }),
      ),
    ),
    {
      name: 'a redirect to TLS from plain text',
      send: get('/safe-scheme'),
      script: { a: [respond({ status: 302, reason: 'Found', headers: { location: 'https://test.local/place' } })] },
      wants: { status: 302 },
    },
    {
      name: 'plain text is what it is, whatever a proxy before says',
      send: get('/safe-scheme', 'x-forwarded-proto: https', 'x-place: 3'),
      script: { a: [respond({ status: 302, reason: 'Found', headers: { location: 'http://test.local/place' } })] },
      wants: { status: 200, reached: ['a', 'b'] },
    },
    {
      name: 'a redirect to plain text from TLS',
      listener: 'locked',
      tls: (files) => ({ ca: files['ca'], servername: 'server.test' }),
      send: get('/safe-scheme', 'x-place: 3'),
      script: { a: [respond({ status: 302, reason: 'Found', headers: { location: 'http://test.local/place' } })] },
      wants: { status: 200, reached: ['a', 'b'] },
    },
    {
      name: 'duration of a stream: no head',
      send: get('/short'),
      script: { a: [hang] },
      wants: { status: 504, flags: 'UMSDR', reached: ['a'] },
    },
    {
      name: 'duration of a stream without route timeout',
      send: get('/short-unless-asked'),
      script: { a: [hang] },
      wants: { status: 504, flags: 'UMSDR', reached: ['a'] },
    },
    {
      name: 'duration of a stream: in the body',
      send: get('/short'),
      script: { a: [slow] },
      wants: { status: '200 cut' },
    },
    { name: 'a cookie with attributes', send: get('/cookie'), wants: { status: 200 } },
    {
      name: 'a cookie that is there',
      send: get('/cookie', 'cookie: session=mine'),
      wants: { status: 200, headers: { 'set-cookie': null } },
    },
    {
      name: 'no cookie where nothing is chosen by it',
      send: get('/no-cookie'),
      wants: { status: 200, headers: { 'set-cookie': null } },
    },
    {
      name: 'no cookie where a header was enough',
      send: get('/terminal', 'x-key: 1'),
      wants: { status: 200, headers: { 'set-cookie': null } },
    },
    { name: 'a cookie where the header is missing', send: get('/terminal'), wants: { status: 200 } },
    ...['/host-twice', '/host-forwarded'].flatMap((path) =>
      [0, 1].map(
        (place): Case =>
          answered(`hosts of cluster and route: ${path} ${place}`, path, { status: 200 }, `x-place: ${place}`),
      ),
    ),
    { name: 'a cookie of the session', send: get('/session-cookie'), wants: { status: 200 } },
  ],
});
