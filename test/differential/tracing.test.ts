// Tracing: who is traced, what the next hop is told, and what the collector is sent.
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { expect, test } from 'vitest';
import { raw, respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Case, get, request, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import { figuresOfBoth } from './harness/statistics.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = `traceparent: 00-${TRACE}-b7ad6b7169203331`;
const ID = '01234567-89ab-4def-8123-456789abcdef';

const tracing = (change = '', provider = '') => `
stream_idle_timeout: 300s
tracing:
  ${change}
  provider:
    name: envoy.tracers.opentelemetry
    typed_config:
      '@type': type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig
      service_name: front
      http_service: {http_uri: {uri: 'http://collector/v1/traces', cluster: c, timeout: 1s}}
      ${provider}
`;
const SAMPLERS = 'type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3';
const sampler = (type: string, fields = ''): string =>
  `{name: s, typed_config: {'@type': ${SAMPLERS}.${type}${fields}}}`;
const RATIO = (numerator: number): string =>
  sampler('TraceIdRatioBasedSamplerConfig', `, sampling_percentage: {numerator: ${numerator}}`);
const TAGS = `custom_tags:
  - {tag: literal, literal: {value: v}}
  - {tag: header, request_header: {name: x-a, default_value: none}}
  - {tag: absent, request_header: {name: x-b}}
  - {tag: environment, environment: {name: HOME}}
  - {tag: formatted, value: '%REQ(X-A)% of %RESPONSE_CODE%'}
  - {tag: expression, value: '%CEL(request.method)%'}
  - {tag: empty, value: '%REQ(X-B)%'}
  - {tag: route, metadata: {kind: {route: {}}, metadata_key: {key: ns, path: [{key: k}]}}}
  max_path_tag_length: 4`;

const NAMES = `spawn_upstream_span: true
  operation: 'all %REQ(X-A)% %RESPONSE_CODE% %ROUTE_NAME% %REQ(X-ADDED)% %REQ(:PATH)%'
  upstream_operation: 'each %REQ(X-A)% %RESPONSE_CODE% %UPSTREAM_CLUSTER% %REQ(X-ADDED)% %REQ(:PATH)%'`;

const suite: Suite = {
  name: 'tracing',
  bootstrap:
    'layered_runtime: {layers: [{name: base, static_layer: {tracing.opentelemetry.flush_interval_ms: 50, tracing.opentelemetry.min_flush_spans: 1}}]}',
  listeners: {
    front: { manager: tracing() },
    never: { manager: tracing('random_sampling: {value: 0}') },
    nothing: { manager: tracing('overall_sampling: {value: 0}') },
    tagged: { manager: tracing(TAGS) },
    outbound: { manager: tracing(), listener: 'traffic_direction: OUTBOUND' },
    child: { manager: tracing('spawn_upstream_span: true') },
    silent: { manager: tracing('no_context_propagation: true') },
    named: { manager: tracing(NAMES) },
    outward: { manager: tracing(NAMES), listener: 'traffic_direction: OUTBOUND' },
    verbose: { manager: tracing('verbose: true') },
    on: { manager: tracing('', `sampler: ${sampler('AlwaysOnSamplerConfig')}`) },
    ratio0: { manager: tracing('', `sampler: ${RATIO(0)}`) },
    ratio100: { manager: tracing('', `sampler: ${RATIO(100)}`) },
    parent: {
      manager: tracing('', `sampler: ${sampler('ParentBasedSamplerConfig', `, wrapped_sampler: ${RATIO(0)}`)}`),
    },
    own: { manager: tracing('spawn_upstream_span: true') },
  },
  virtualHosts: `
- name: all
  domains: [test.local]
  routes:
  - {match: {prefix: /direct}, direct_response: {status: 204}}
  - {match: {prefix: /named}, route: {cluster: a}, decorator: {operation: my operation}}
  - {match: {prefix: /secret}, route: {cluster: a}, decorator: {operation: my operation, propagate: false}}
  - {match: {prefix: /rewritten}, route: {cluster: a, prefix_rewrite: /other}, request_headers_to_add: [{header: {key: x-added, value: added}}]}
  - {match: {prefix: /route/never}, route: {cluster: a}, tracing: {random_sampling: {numerator: 0}}}
  - {match: {prefix: /route/always}, route: {cluster: a}, tracing: {random_sampling: {numerator: 1000000, denominator: MILLION}}}
  - {match: {prefix: /route/default}, route: {cluster: a}, tracing: {}}
  - {match: {prefix: /route/no-client}, route: {cluster: a}, tracing: {client_sampling: {numerator: 0}, random_sampling: {numerator: 0}}}
  - {match: {prefix: /route/nothing}, route: {cluster: a}, tracing: {overall_sampling: {numerator: 0}}}
  - match: {prefix: /route/tags}
    route: {cluster: a}
    tracing:
      custom_tags:
      - {tag: literal, literal: {value: of the route}}
      - {tag: more, request_header: {name: x-a}}
  - {match: {prefix: /route/operation}, route: {cluster: a}, tracing: {operation: 'route %REQ(X-A)%', upstream_operation: 'try %REQ(X-A)%'}}
  - {match: {prefix: /route/decorated}, route: {cluster: a}, decorator: {operation: decorated}, tracing: {operation: 'route %REQ(X-A)%'}}
  - {match: {prefix: /retried}, route: {cluster: a, retry_policy: {retry_on: '5xx', num_retries: 1, retry_back_off: {base_interval: 0.001s}}}}
  - {match: {prefix: /try-late}, route: {cluster: a, retry_policy: {retry_on: '5xx', num_retries: 1, per_try_timeout: 0.7s}}}
  - {match: {prefix: /late}, route: {cluster: a, timeout: 0.2s}}
  - {match: {prefix: /refused}, route: {cluster: refused}}
  - {match: {prefix: /none/}, route: {cluster: nobody}}
  - {match: {prefix: /}, route: {cluster: a}, metadata: {filter_metadata: {ns: {k: rv}}}}
`,
  routeConfiguration: 'validate_clusters: false',
  cases: [],
};

const CASES: readonly (Pick<Case, 'name' | 'send' | 'script' | 'listener'> & { readonly spans: number })[] = [
  { name: 'a plain request', send: get('/x?q=1'), spans: 1 },
  { name: 'a body', send: request('POST', '/x', { body: 'abc', headers: ['user-agent: ua'] }), spans: 1 },
  { name: 'a direct response', send: get('/direct'), spans: 1 },
  { name: 'a decorated route', send: get('/named'), spans: 1 },
  { name: 'a name from the proxy before', send: get('/named', 'x-envoy-decorator-operation: theirs'), spans: 1 },
  { name: 'no name from the proxy before', send: get('/named', 'x-envoy-decorator-operation:'), spans: 1 },
  { name: 'a name that is kept', send: get('/secret'), spans: 1 },
  { name: 'a name for the next proxy', listener: 'outbound', send: get('/named'), spans: 1 },
  { name: 'a name that is kept from the next proxy', listener: 'outbound', send: get('/secret'), spans: 1 },
  {
    name: 'a name from the next proxy',
    listener: 'outbound',
    send: get('/named', 'x-envoy-decorator-operation: client'),
    script: { a: [respond({ headers: { 'x-envoy-decorator-operation': 'theirs' } })] },
    spans: 1,
  },
  { name: 'a rewritten path', send: get('/rewritten/x'), spans: 1 },
  { name: 'an error', send: get('/x'), script: { a: [respond({ status: 503 })] }, spans: 1 },
  { name: 'nobody listens', send: get('/refused'), spans: 1 },
  { name: 'no cluster', send: get('/none/'), spans: 1 },
  {
    name: 'gRPC',
    send: request('POST', '/s/m', { headers: ['content-type: application/grpc', 'grpc-timeout: 1S'], body: '' }),
    script: { a: [respond({ headers: { 'grpc-status': '14', 'grpc-message': 'gone' } })] },
    spans: 1,
  },
  { name: 'a sampled parent', send: get('/x', `${PARENT}-01`, 'tracestate: a=1'), spans: 1 },
  { name: 'a parent that is not sampled', send: get('/x', `${PARENT}-00`), spans: 0 },
  // A broken parent is not here: Envoy makes no span of such a request, W3C trace context 4.3 asks for a new trace.
  { name: 'an id that says no', send: get('/x', `x-request-id: ${ID}`), spans: 1 },
  { name: 'a client trace id', send: get('/x', 'x-client-trace-id: mine'), spans: 1 },
  { name: 'never, by chance', listener: 'never', send: get('/x'), spans: 0 },
  { name: 'never, but for the client', listener: 'never', send: get('/x', 'x-client-trace-id: mine'), spans: 1 },
  {
    name: 'never, an id that was sampled',
    listener: 'never',
    send: get('/x', `x-request-id: ${ID.replace('-4', '-9')}`),
    spans: 1,
  },
  {
    name: 'never, an id that was forced',
    listener: 'never',
    send: get('/x', `x-request-id: ${ID.replace('-4', '-a')}`),
    spans: 1,
  },
  { name: 'never, a sampled parent', listener: 'never', send: get('/x', `${PARENT}-01`), spans: 0 },
  { name: 'nothing at all', listener: 'nothing', send: get('/x', 'x-client-trace-id: mine'), spans: 0 },
  { name: 'custom tags', listener: 'tagged', send: get('/long/path', 'x-a: av'), spans: 1 },
  { name: 'custom tags by default', listener: 'tagged', send: get('/x'), spans: 1 },
  { name: 'an outbound listener', listener: 'outbound', send: get('/x'), spans: 1 },
  { name: 'a span of the attempt', listener: 'child', send: get('/x'), spans: 2 },
  { name: 'no propagation', listener: 'silent', send: get('/x'), spans: 1 },
  ...Object.entries({ on: [1, 1, 1], ratio0: [0, 0, 0], ratio100: [1, 1, 1], parent: [0, 1, 0] }).flatMap(
    ([listener, [alone, sampled, not]]) => [
      { name: `sampler ${listener}`, listener, send: get('/x'), spans: alone! },
      { name: `sampler ${listener}, a sampled parent`, listener, send: get('/x', `${PARENT}-01`), spans: sampled! },
      { name: `sampler ${listener}, a parent that is not`, listener, send: get('/x', `${PARENT}-00`), spans: not! },
    ],
  ),
  { name: 'a route that is never traced', send: get('/route/never'), spans: 0 },
  {
    name: 'a route that is never traced, but for the client',
    send: get('/route/never', 'x-client-trace-id: mine'),
    spans: 1,
  },
  { name: 'a route that is always traced', listener: 'never', send: get('/route/always'), spans: 1 },
  { name: 'a route that is traced by default', listener: 'never', send: get('/route/default'), spans: 1 },
  {
    name: 'a route that is not traced for clients',
    send: get('/route/no-client', 'x-client-trace-id: mine'),
    spans: 0,
  },
  { name: 'a route of which nothing is traced', send: get('/route/nothing', 'x-client-trace-id: mine'), spans: 0 },
  { name: 'tags of a route', listener: 'tagged', send: get('/route/tags', 'x-a: av'), spans: 1 },
  { name: 'tags of a route alone', send: get('/route/tags', 'x-a: av'), spans: 1 },
  ...['own', 'named'].flatMap((listener) => [
    { name: `spans by default, ${listener}`, listener, send: get('/x', 'x-a: av'), spans: 2 },
    { name: `spans without a value, ${listener}`, listener, send: get('/x'), spans: 2 },
    { name: `spans of a route, ${listener}`, listener, send: get('/route/operation', 'x-a: av'), spans: 2 },
    { name: `spans of a decorated route, ${listener}`, listener, send: get('/named', 'x-a: av'), spans: 2 },
    {
      name: `spans of a decorated route with operation, ${listener}`,
      listener,
      send: get('/route/decorated', 'x-a: av'),
      spans: 2,
    },
    {
      name: `a name from the proxy before, ${listener}`,
      listener,
      send: get('/route/operation', 'x-envoy-decorator-operation: theirs'),
      spans: 2,
    },
    { name: `direct response, ${listener}`, listener, send: get('/direct', 'x-a: av'), spans: 1 },
  ]),
  {
    name: 'a name from the next proxy, beside one of the configuration',
    listener: 'outward',
    send: get('/named', 'x-a: av'),
    script: { a: [respond({ headers: { 'x-envoy-decorator-operation': 'theirs' } })] },
    spans: 2,
  },
  { name: 'a rewritten path, named', listener: 'named', send: get('/rewritten/x', 'x-a: av'), spans: 2 },
  { name: 'no route, named', listener: 'named', send: request('GET', '/x', { host: 'else' }), spans: 1 },
  { name: 'tags of a route, named', listener: 'named', send: get('/route/tags', 'x-a: av'), spans: 2 },
  ...['front', 'own', 'outbound', 'outward'].flatMap((listener) => [
    {
      name: `not found, ${listener}`,
      listener,
      send: get('/x'),
      script: { a: [respond({ status: 404 })] },
      spans: ['own', 'outward'].includes(listener) ? 2 : 1,
    },
    {
      name: `a gRPC error, ${listener}`,
      listener,
      send: request('POST', '/s/m', { headers: ['content-type: application/grpc'], body: '' }),
      script: { a: [respond({ headers: { 'grpc-status': '14' } })] },
      spans: ['own', 'outward'].includes(listener) ? 2 : 1,
    },
    {
      name: `a gRPC error of the client, ${listener}`,
      listener,
      send: request('POST', '/s/m', { headers: ['content-type: application/grpc'], body: '' }),
      script: { a: [respond({ headers: { 'grpc-status': '5' } })] },
      spans: ['own', 'outward'].includes(listener) ? 2 : 1,
    },
  ]),
  {
    name: 'a span of each attempt',
    listener: 'own',
    send: get('/retried'),
    script: { a: [respond({ status: 503 }), respond({})] },
    spans: 3,
  },
  {
    name: 'a span of an attempt that was cut off',
    listener: 'own',
    send: get('/retried'),
    script: { a: [raw('', 'close'), respond({})] },
    spans: 3,
  },
  {
    name: 'spans of attempts that are cut off',
    listener: 'own',
    send: get('/retried'),
    script: { a: [raw('', 'close'), raw('', 'close')] },
    spans: 3,
  },
  {
    name: 'a span of an attempt that takes too long',
    listener: 'own',
    send: get('/try-late'),
    script: { a: [raw('', 'hang'), respond({})] },
    spans: 3,
  },
  {
    name: 'a span of the last attempt that takes too long',
    listener: 'own',
    send: get('/late'),
    script: { a: [raw('', 'hang')] },
    spans: 2,
  },
  { name: 'a span where nobody listens', listener: 'own', send: get('/refused'), spans: 2 },
  { name: 'verbose', listener: 'verbose', send: request('POST', '/x', { body: 'abc' }), spans: 1 },
];

compareWithEnvoy(suite, (pair) => {
  test.each(CASES.map((one, nth) => ({ ...one, id: `t${nth}` })))('$name', async ({ id, spans, ...one }) => {
    const [theirs, mine] = await Promise.all(
      [pair().reference, pair().ours].map((stand) => traced(stand, one, id, spans)),
    );
    expect(mine).toEqual(theirs);
  });

  test('the same decisions are counted', async () => {
    const counted = async (stand: Pair['ours']) => {
      const answer = await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats?filter=^http.*tracing`);
      // Envoy has those of its admin interface too.
      return (await answer.text()).replace(/^http\.admin.*\n/gm, '');
    };
    const [theirs, mine] = await figuresOfBoth(pair(), counted);
    expect(mine).toBe(theirs);
  });
});

async function traced(stand: Pair['ours'], one: Omit<(typeof CASES)[number], 'spans'>, id: string, spans: number) {
  const { upstreams, responses } = await observe(stand, { ...one, wants: { status: 0 } }, id);
  const collector = stand.upstreams.find(({ name }) => name === 'c')!;
  const received = () => collector.received.flatMap(({ body }) => readSpans(Buffer.from(body, 'latin1')));
  if (spans > 0) await waitFor(`spans of ${stand.subject}`, () => received().length >= spans);
  const seen = upstreams.find(({ upstream }) => upstream === 'a')?.headers ?? [];
  return {
    seen: seen
      .filter((line) => /^(traceparent|tracestate|x-request-id|x-client|x-envoy-decorator)/.test(line))
      .map(masked),
    told: responses.map(({ headers }) => headers.filter((line) => line.startsWith('x-envoy-decorator'))),
    spans: received()
      .map(({ attributes, ...span }) => ({
        ...span,
        // Envoy keeps custom tags in no order.
        attributes: attributes.map((line) => masked(stand.withoutPorts(line))).sort(),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Ids that are drawn anew; the given ones stay. */
function masked(line: string): string {
  return line
    .replace(
      /(traceparent: 00-)([0-9a-f]{32})-[0-9a-f]{16}/,
      (_, start: string, trace: string) => `${start}${trace === TRACE ? trace : '<trace>'}-<span>`,
    )
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/, '<uuid $1>');
}

type Span = {
  readonly name: string;
  readonly kind: number;
  readonly status: number;
  readonly hasParent: boolean;
  readonly state: string;
  readonly attributes: string[];
  readonly events: readonly string[];
};

/** ExportTraceServiceRequest.resource_spans[].scope_spans[].spans[]. */
function readSpans(bytes: Uint8Array): Span[] {
  const below = (parents: readonly Uint8Array[], field: number) =>
    parents.flatMap((parent) => fieldsOf(parent).get(field) ?? []);
  return below(below(below([bytes], 1), 2), 2).map((span) => {
    const fields = fieldsOf(span);
    const text = (field: number) => Buffer.from(fields.get(field)?.[0] ?? []).toString();
    return {
      name: text(5),
      state: text(3),
      kind: Number(text(6)),
      hasParent: fields.has(4),
      status: Number(
        Buffer.from(fieldsOf(fields.get(15)?.[0] ?? new Uint8Array()).get(3)?.[0] ?? Buffer.from('0')).toString(),
      ),
      events: (fields.get(11) ?? []).map((event) => Buffer.from(fieldsOf(event).get(2)?.[0] ?? []).toString()),
      attributes: (fields.get(9) ?? []).map((pair) => {
        const [[key], [any]] = [fieldsOf(pair).get(1)!, fieldsOf(pair).get(2)!];
        return `${Buffer.from(key!).toString()}: ${Buffer.from(fieldsOf(any!).get(1)?.[0] ?? []).toString()}`;
      }),
    };
  });
}

/** Fields of a message by number; numbers as decimal text. */
function fieldsOf(message: Uint8Array): Map<number, Uint8Array[]> {
  const reader = new BinaryReader(message);
  const fields = new Map<number, Uint8Array[]>();
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const value = wire === 2 ? reader.bytes() : wire === 0 ? Buffer.from(String(reader.uint32())) : reader.skip(wire);
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}
