// CEL: every attribute and function in logs, in text and JSON, and which exchanges a filter lets through.
import { expect, test } from 'vitest';
import { expressionTree } from '../../src/proxy/testing/expression-tree.ts';
import { respond } from '../support/upstream.ts';
import { type CertificateFiles, get, request, type Suite } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { fileLog, linesOf, read } from './harness/log-file.ts';
import { observe } from './harness/observation.ts';

/** The same at both proxies for the same request. */
const SAME = [
  'request.path',
  'request.url_path',
  'request.query',
  'request.host',
  'request.scheme',
  'request.method',
  'request.headers',
  "request.headers['x-a']",
  "request.headers['X-A']",
  "request.headers['none']",
  "request.headers[':path']",
  "request.headers[':authority']",
  "request.headers['host']",
  "request.headers['a b']",
  'request.headers[1]',
  'request.size',
  'request.protocol',
  'request.referer',
  'request.useragent',
  'request.nothing',
  "request['path']",
  'request',
  'response.code',
  'response.size',
  "response.headers['x-r']",
  "response.headers[':status']",
  'response.trailers',
  'response.flags',
  'response.grpc_status',
  'response.code_details',
  'connection.mtls',
  'connection.requested_server_name',
  'connection.termination_details',
  'connection.tls_version',
  'connection.transport_failure_reason',
  'connection.uri_san_peer_certificate',
  'upstream.address',
  'upstream.locality',
  'upstream.locality.region',
  'upstream.locality.sub_zone',
  'upstream.locality.none',
  'upstream.transport_failure_reason',
  'upstream.request_attempt_count',
  'upstream.tls_version',
  'destination.address',
  'metadata',
  'metadata.filter_metadata',
  'metadata.filter_metadata.dyn.k',
  "metadata.filter_metadata['dyn']['n']",
  "metadata.filter_metadata['dyn']['l'][1]",
  "metadata.filter_metadata['dyn']['o'].z",
  'metadata.filter_metadata.dyn == {}',
  'metadata.filter_metadata.dyn.n + 1',
  'metadata.filter_metadata.dyn.n + 1.0',
  'metadata.filter_metadata.none',
  'metadata.typed_filter_metadata',
  "filter_state['tenant']",
  "filter_state['tenant'] == b'blue'",
  "filter_state['tenant'] == 'blue'",
  'filter_state.none',
  "upstream_filter_state['none']",
  'xds',
  'xds.cluster_name',
  'xds.cluster_metadata',
  "xds.cluster_metadata.filter_metadata['ns']['k']",
  'xds.route_name',
  'xds.route_metadata',
  "has(xds.route_name) ? xds.virtual_host_name : 'none'",
  'xds.upstream_host_metadata',
  "has(xds.route_name) ? xds.virtual_host_metadata.filter_metadata.ns.k : 'none'",
  'xds.upstream_host_locality_metadata',
  'xds.filter_chain_name',
  'xds.listener_metadata',
  'xds.listener_direction',
  'plugin_name',
  'nothing',
  "'a' + 'b'",
  '[1] + [2]',
  '1 + 2',
  '1 / 0',
  'size(request.path)',
  "size('é')",
  "request.headers['x-u'] == 'é'",
  "request.headers['x-u']",
  "request.path.matches('^/m')",
  "matches(request.path, '.x')",
  'request.path.matches(request.path)',
  "request.path.startsWith('/m') || request.path.endsWith('z') || request.path.contains('y')",
  "request.headers['x-a'] == 'abc' && response.code >= 200",
  "request.headers['none'] == '1' || true",
  "request.headers['none'] == '1'",
  'has(request.headers.none)',
  'has(request.path)',
  "'x-a' in request.headers",
  '[1, 2]',
  "{'a': 1}",
  "{'a': 1}.a",
  "{'a': 1}.b",
  '[1, 2][5]',
  "b'abc'",
  "'é'",
  "bytes('é')",
  '1.5',
  '2.0',
  '1e100',
  '0.1 + 0.2',
  '123456789.0',
  '-1.0 / 0.0',
  '1u - 2u',
  'null',
  "timestamp('2020-01-01T00:00:00.100Z')",
  "timestamp('x')",
  "duration('3723.5s')",
  "duration('1500us')",
  "duration('-90s')",
  "duration('0s')",
  "duration('90s').getMinutes()",
  "int(duration('2s'))",
  'duration(1)',
  "request.time > timestamp('2020-01-01T00:00:00Z')",
  "request.duration >= duration('0s')",
  'type(request.path) == string',
  'type(1)',
  '1 == 1.0',
  "1 == 'a'",
  'response.code == 200u',
  'response.code in [200, 404]',
  "re.extract(request.path, '/(m)(.)', '\\\\2x\\\\1')",
  "re.extract(request.path, 'nowhere', 'a')",
  "re.capture(request.path, '/(m).*')",
  "re.capture(request.path, '/m')",
  "re.captureN(request.path, '/(m).*')['1']",
  "re.captureN(request.path, '/(m).*')",
  "request.path == '/direct' ? 'y' : 'n'",
  '1 ? 2 : 3',
  'nothing && false',
  'nothing || false',
  'request == request',
  'a.b.c',
];

/** Times, sizes, ports and ids: only their form is compared. */
const ALIKE = [
  'request.time',
  'request.duration',
  'request.headers_bytes',
  'request.total_size',
  'response.headers_bytes',
  'response.total_size',
  'response.backend_latency',
  'connection.id',
  'source.address',
  'source.port',
  'destination.port',
  'upstream.port',
  'upstream.local_address',
];

const TYPED = [
  '1',
  '1u',
  '1.5',
  'true',
  "'a'",
  "b'abc'",
  'null',
  'nothing',
  'metadata',
  'metadata.filter_metadata.dyn',
  'xds.cluster_metadata',
  'upstream.locality',
  'request',
  'type(1)',
  '{1: 2, 0: [true]}',
  "duration('1.5s')",
  "timestamp('2020-01-01T00:00:00Z')",
  '9007199254740993',
];

const TYPE = 'type.googleapis.com/envoy.extensions';
const quoted = (text: string) => JSON.stringify(text);
const json = (command: string, sources: readonly string[], more = '') =>
  `{${more} json_format: {case: '%REQ(X-CASE)%', ${sources.map((one) => `${quoted(one)}: ${quoted(`%${command}(${one})%`)}`).join(', ')}}}`;

const ALLOWED = [
  'string(1)',
  'string(1.5)',
  "string(duration('1.5s'))",
  "'a' + 'b'",
  "'aBé'.lowerAscii()",
  "'abc'.substring(1, 2)",
  "'a,b'.split(',')[1]",
  "['a', 'b'].join('-')",
  "'abc'.reverse()",
  "'abb'.replace('b', 'x', 1)",
  "'%s'.format(['a'])",
  "strings.quote('a')",
];
const allowing = `formatters: [{name: cel, typed_config: {'@type': '${TYPE}.formatter.cel.v3.Cel', cel_config: {enable_string_conversion: true, enable_string_concat: true, enable_string_functions: true}}}],`;

const FILTERS: Readonly<Record<string, string>> = {
  code: 'response.code >= 400',
  path: "request.url_path.startsWith('/m')",
  header: "'x-a' in request.headers",
  missing: "request.headers['x-a'] == 'abc'",
  number: 'response.code',
  flags: 'response.flags != 0',
  route: "has(xds.route_name) && xds.route_name == 'main'",
};
const expressionFilter = (expression: string) =>
  `{extension_filter: {name: cel, typed_config: {'@type': '${TYPE}.access_loggers.filters.cel.v3.ExpressionFilter', expression: ${quoted(expression)}}}}`;

/** Policies whose permission is a path, so that each is asked alone. */
const CONDITIONS: Readonly<Record<string, string>> = {
  header: "request.headers['x-a'] == 'abc'",
  missing: "request.headers['none'] == 'abc'",
  response: 'response.code >= 0 || true',
  number: 'request.size',
  path: "request.url_path.matches('^/m/[a-z]+$') && request.method in ['GET', 'HEAD']",
  text: "'a' + 'b' == 'ab'",
  filter_state: "filter_state['tenant'] == b'blue' && metadata.filter_metadata.dyn.n == 3",
  route: "xds.route_name == 'main'",
  cluster: "xds.cluster_name == 'described'",
  address: "source.address.startsWith('127.0.0.1:') && destination.port > 0 && !connection.mtls",
};
const policies = Object.entries(CONDITIONS).map(
  ([name, text]) =>
    `${name}: {permissions: [{url_path: {path: {exact: /m/${name}}}}], principals: [{any: true}], condition: ${JSON.stringify(expressionTree(text))}}`,
);

/** Of a client's certificate. */
const CERTIFICATE = [
  'connection.mtls',
  'connection.tls_version',
  'connection.requested_server_name',
  'connection.subject_peer_certificate',
  'connection.subject_local_certificate',
  'connection.uri_san_peer_certificate',
  'connection.uri_san_local_certificate',
  'connection.dns_san_peer_certificate',
  'connection.dns_san_local_certificate',
  'connection.sha256_peer_certificate_digest',
  'connection.peer_certificate',
];
const AUTHENTICATED = `${TYPE}.rbac.principals.mtls_authenticated.v3.Config`;
const client = (name: string, fields: string) =>
  `${name}: {permissions: [{url_path: {path: {exact: /m/${name}}}}], principals: [{custom: {name: c, typed_config: {'@type': ${AUTHENTICATED}, ${fields}}}}]}`;
const CLIENTS = [
  client('any', 'any_validated_client_certificate: true'),
  client('uri', 'san_matcher: {san_type: URI, matcher: {suffix: /client}}'),
  client('other', 'san_matcher: {san_type: URI, matcher: {suffix: /other}}'),
  client('dns', 'san_matcher: {san_type: DNS, matcher: {exact: nobody.test}}'),
];

const entry = (fields: string) =>
  `{extension: {name: e, typed_config: {'@type': ${TYPE}.rate_limit_descriptors.expr.v3.Descriptor, descriptor_key: plan, ${fields}}}}`;
const one = (value: string) =>
  `{entries: [{key: plan, value: ${value}}], token_bucket: {max_tokens: 1, tokens_per_fill: 1, fill_interval: 600s}}`;
const LIMITS = `
- name: limits
  typed_config:
    '@type': ${TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit
    stat_prefix: local
    token_bucket: {max_tokens: 1000, tokens_per_fill: 1, fill_interval: 600s}
    filter_enabled: {default_value: {numerator: 100}}
    filter_enforced: {default_value: {numerator: 100}}
    descriptors: [${[one('gold'), one('"7"'), one('"true"')].join(', ')}, {entries: [{key: generic_key, value: always}], token_bucket: {max_tokens: 1, tokens_per_fill: 1, fill_interval: 600s}}]
    rate_limits:
    - actions: [${entry(`text: "request.headers['x-plan']"`)}]
    - actions: [${entry(`parsed: ${JSON.stringify(expressionTree("request.method == 'PUT'"))}`)}]
    - actions: [{header_value_match: {descriptor_key: plan, descriptor_value: gold, headers: [{name: x-error}]}}, ${entry(`text: "request.headers['none']"`)}]
    - actions: [{header_value_match: {descriptor_key: plan, descriptor_value: "7", headers: [{name: x-error}]}}, ${entry(`text: "request.headers['none']", skip_if_error: true`)}]
`;

const NOTES = `
- name: notes
  typed_config:
    '@type': ${TYPE}.filters.http.set_metadata.v3.Config
    metadata: [{metadata_namespace: dyn, value: {k: "v'é", n: 3, l: [1, a], o: {b: true, z: null}}}]
- name: state
  typed_config:
    '@type': ${TYPE}.filters.http.set_filter_state.v3.Config
    on_request_headers: [{object_key: tenant, factory_key: envoy.string, format_string: {text_format_source: {inline_string: blue}}}]
`;

const suite: Suite = {
  name: 'expressions',
  listeners: {
    front: {
      listener: '{metadata: {filter_metadata: {ns: {k: lv}}}, traffic_direction: OUTBOUND}',
      chain: 'name: chain',
      filters: NOTES,
      manager: `access_log:${[
        fileLog('same', json('CEL', SAME)),
        fileLog('host', '{text_format_source: {inline_string: "%REQ(X-CASE)%|%METADATA(VIRTUAL_HOST:ns:k)%\\n"}}'),
        fileLog('alike', json('CEL', ALIKE)),
        fileLog('typed', json('TYPED_CEL', TYPED)),
        fileLog('allowed', json('CEL', ALLOWED, allowing)),
        ...Object.entries(FILTERS).map(([name, source]) =>
          fileLog(
            `filter-${name}`,
            '{text_format_source: {inline_string: "%REQ(X-CASE)%|\\n"}}',
            expressionFilter(source),
          ),
        ),
      ].join('')}`,
    },
    conditions: {
      filters: `${NOTES}
- name: rbac
  typed_config:
    '@type': ${TYPE}.filters.http.rbac.v3.RBAC
    rules: {action: ALLOW, policies: {${policies.join(', ')}}}
`,
    },
    limited: { filters: LIMITS },
    identified: {
      listener: `listener_filters: [{name: inspector, typed_config: {'@type': ${TYPE}.filters.listener.tls_inspector.v3.TlsInspector}}]`,
      chain: `
transport_socket:
  name: tls
  typed_config:
    '@type': ${TYPE}.transport_sockets.tls.v3.DownstreamTlsContext
    common_tls_context:
      tls_certificates: [{certificate_chain: {filename: <folder>/server.pem}, private_key: {filename: <folder>/server-key.pem}}]
      validation_context: {trusted_ca: {filename: <folder>/ca.pem}}
`,
      filters: `
- name: rbac
  typed_config:
    '@type': ${TYPE}.filters.http.rbac.v3.RBAC
    rules: {action: ALLOW, policies: {${CLIENTS.join(', ')}}}
`,
      manager: `access_log:${fileLog('certificate', json('CEL', CERTIFICATE))}`,
    },
  },
  virtualHosts: `
- name: all
  domains: ['*']
  metadata: {filter_metadata: {ns: {k: hv}}}
  routes:
  - {name: direct, match: {prefix: /direct}, direct_response: {status: 418}}
  - name: main
    match: {prefix: /m}
    route: {cluster: described}
    metadata: {filter_metadata: {ns: {k: rv, n: 3}}}
  - {name: refused, match: {prefix: /refused}, route: {cluster: refused}}
`,
  clusters: `
- name: described
  type: STATIC
  connect_timeout: 1s
  metadata: {filter_metadata: {ns: {k: cv, l: [1, a]}}}
  load_assignment:
    cluster_name: described
    endpoints:
    - locality: {region: r1, zone: z1}
      lb_endpoints:
      - metadata: {filter_metadata: {ns: {k: hv}}}
        endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: <a>}}}
`,
  certificates: true,
  cases: [
    ...Object.keys(CONDITIONS).map((name) => ({
      name: `condition: ${name}`,
      listener: 'conditions',
      send: get(`/m/${name}`, 'x-a: abc'),
      wants: { status: ['missing', 'number', 'text'].includes(name) ? 403 : 200 } as const,
    })),
    limited('a header', [get('/m', 'x-plan: gold'), get('/m', 'x-plan: gold'), get('/m', 'x-plan: other')]),
    limited('a tree', [request('PUT', '/m'), request('PUT', '/m'), get('/m')]),
    limited('an error that is skipped', [get('/m', 'x-error: 1'), get('/m', 'x-error: 1'), get('/m')]),
    ...(['any', 'uri', 'other', 'dns'] as const).flatMap((name) => [
      {
        ...identified(name),
        tls: withClient,
        wants: { status: name === 'any' || name === 'uri' ? 200 : 403 } as const,
      },
      { ...identified(name), name: `${name}: without a certificate`, tls: anonymous, wants: { status: 403 } as const },
    ]),
  ],
};

function limited(name: string, send: readonly string[]) {
  return { name: `limited by ${name}`, listener: 'limited', send, wants: { status: [200, 429, 200] } } as const;
}

function identified(name: string) {
  return { name: `identified: ${name}`, listener: 'identified', send: get(`/m/${name}`) };
}

function withClient(files: CertificateFiles) {
  return { ...anonymous(files), cert: files.client!, key: files['client-key']! };
}

function anonymous(files: CertificateFiles) {
  return { ca: files.ca!, servername: 'server.test' };
}

const CASES = [
  {
    name: 'a request',
    send: get('/m/x?q=1%20&z=b', 'X-A: abc', 'Referer: http://r', 'User-Agent: ua', 'X-U: Ã©'),
    script: { a: [respond({ status: 200, headers: { 'x-r': 'resp' }, body: 'hello' })] },
  },
  { name: 'a body', send: request('POST', '/m?q', { headers: ['X-A: one', 'X-A: two'], body: 'abc' }) },
  { name: 'a direct answer', send: get('/direct') },
  { name: 'no route', send: get('/none') },
  { name: 'nobody listens', send: get('/refused', 'X-A: abc') },
  {
    name: 'gRPC',
    send: request('POST', '/m', { headers: ['content-type: application/grpc'], body: '' }),
    script: { a: [respond({ status: 200, headers: { 'grpc-status': '7' }, body: '' })] },
  },
];

compareWithEnvoy(suite, (pair) => {
  test.each(CASES.map((one, index) => ({ ...one, id: `case-${index}` })))('$name', async ({ id: mark, ...one }) => {
    const { reference, ours } = pair();
    await Promise.all([reference, ours].map((stand) => observe(stand, { ...one, wants: { status: 0 } }, mark)));
    for (const log of ['same', 'typed', 'allowed']) {
      const [theirs, mine] = (await linesOf(pair(), log, mark)).map((lines) => lines.map((line) => JSON.parse(line)));
      expect(mine, log).toEqual(theirs);
    }
    const [theirs, mine] = await linesOf(pair(), 'alike', mark);
    expect(mine!.map(shape), 'alike').toEqual(theirs!.map(shape));
  });

  test('what the virtual host of a route says', async () => {
    const [theirs, mine] = await linesOf(pair(), 'host', 'case-0');
    expect(mine).toEqual(theirs);
  });

  test('what a certificate says', async () => {
    const one = {
      name: '',
      listener: 'identified',
      send: get('/m/any'),
      tls: withClient,
      wants: { status: 200 } as const,
    };
    await Promise.all([pair().reference, pair().ours].map((stand) => observe(stand, one, 'certificate')));
    const [theirs, mine] = (await linesOf(pair(), 'certificate', '"certificate"')).map((lines) =>
      lines.map((line) => JSON.parse(line)),
    );
    expect(mine).toEqual(theirs);
  });

  test.each(Object.keys(FILTERS))('filter %s', (name) => {
    const { reference, ours } = pair();
    const [theirs, mine] = [reference, ours].map((stand) => read(stand, `filter-${name}`).sort());
    expect(mine).toEqual(theirs);
  });
});

/** Digits by how they are grouped, not by what they are. */
function shape(line: string): unknown {
  const members = Object.entries(JSON.parse(line.replaceAll('<port>', '1')) as Record<string, unknown>);
  return members.map(([key, value]) => [
    key,
    typeof value === 'string' ? value.replaceAll(/[\d.]+(ms|us|s)?/g, '0') : value,
  ]);
}
