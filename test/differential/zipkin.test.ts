// Zipkin: what the next hop is told by B3, and the spans that the collector is sent.
import { expect, test } from 'vitest';
import { respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Case, get, request, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';

const tracing = (provider = '', change = '') => `
tracing:
  ${change}
  provider:
    name: envoy.tracers.zipkin
    typed_config: {'@type': type.googleapis.com/envoy.config.trace.v3.ZipkinConfig, collector_cluster: c, collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON${provider}}
`;
const TRACE = '463ac35c9f6413ad48485a3953bb6124';
const SPAN = 'a2fb4a1d1a96d312';
const PARENT = '0020000000000001';
const B3 = [`x-b3-traceid: ${TRACE}`, `x-b3-spanid: ${SPAN}`, `x-b3-parentspanid: ${PARENT}`];

const suite: Suite = {
  name: 'zipkin',
  bootstrap: `
node: {id: here, cluster: shop}
layered_runtime: {layers: [{name: base, static_layer: {tracing.zipkin.flush_interval_ms: 50, tracing.zipkin.min_flush_spans: 1}}]}`,
  listeners: {
    front: { manager: tracing() },
    outbound: { manager: tracing(), listener: 'traffic_direction: OUTBOUND' },
    apart: { manager: tracing(', shared_span_context: false, trace_id_128bit: true, collector_hostname: zipkin.test') },
    child: { manager: tracing('', 'spawn_upstream_span: true') },
    split: { manager: tracing(', split_spans_for_request: true') },
    both: { manager: tracing(', trace_context_option: USE_B3_WITH_W3C_PROPAGATION') },
    service: {
      manager: tracing(
        ", collector_service: {http_uri: {uri: 'http://zipkin.test/api/v2/spans', cluster: c, timeout: 1s}}",
      ),
    },
    never: { manager: tracing('', 'random_sampling: {value: 0}') },
    verbose: { manager: tracing('', 'verbose: true\n  spawn_upstream_span: true') },
    stamped: { manager: tracing(', timestamp_trace_ids: true') },
    wide: { manager: tracing(', timestamp_trace_ids: true, trace_id_128bit: true') },
  },
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - {match: {prefix: /direct}, direct_response: {status: 204}}
  - {match: {prefix: /named}, route: {cluster: a}, decorator: {operation: my operation}}
  - {match: {prefix: /refused}, route: {cluster: refused}}
  - {match: {prefix: /}, route: {cluster: a}}
`,
  cases: [],
};

const CASES: readonly (Pick<Case, 'name' | 'send' | 'script' | 'listener'> & { readonly spans: number })[] = [
  { name: 'a trace begins', send: get('/x?q=1'), spans: 1 },
  { name: 'a body', send: request('POST', '/x', { body: 'abc', headers: ['user-agent: ua'] }), spans: 1 },
  { name: 'a direct response', send: get('/direct'), spans: 1 },
  { name: 'a decorated route', send: get('/named'), spans: 1 },
  { name: 'an error', send: get('/x'), script: { a: [respond({ status: 503 })] }, spans: 1 },
  { name: 'nobody listens', send: get('/refused'), spans: 1 },
  { name: 'a caller that is traced', send: get('/x', ...B3, 'x-b3-sampled: 1'), spans: 1 },
  { name: 'a caller that leaves it open', send: get('/x', ...B3), spans: 1 },
  { name: 'a caller that is not traced', send: get('/x', ...B3, 'x-b3-sampled: 0'), spans: 0 },
  { name: 'debugging', send: get('/x', ...B3, 'x-b3-flags: 1'), spans: 1 },
  { name: 'one header', send: get('/x', `b3: ${TRACE}-${SPAN}-1`), spans: 1 },
  { name: 'one header that says no', send: get('/x', `b3: ${TRACE}-${SPAN}-0-${PARENT}`), spans: 0 },
  { name: 'a client', listener: 'outbound', send: get('/x'), spans: 1 },
  { name: 'a client of a trace', listener: 'outbound', send: get('/x', ...B3, 'x-b3-sampled: 1'), spans: 1 },
  { name: 'spans apart, wide ids', listener: 'apart', send: get('/x'), spans: 1 },
  { name: 'spans apart, in a trace', listener: 'apart', send: get('/x', ...B3, 'x-b3-sampled: 1'), spans: 1 },
  { name: 'a span of the attempt', listener: 'child', send: get('/x'), spans: 2 },
  { name: 'split', listener: 'split', send: get('/x'), spans: 1 },
  { name: 'split, in a trace', listener: 'split', send: get('/x', ...B3, 'x-b3-sampled: 1'), spans: 1 },
  { name: 'both headers', listener: 'both', send: get('/x'), spans: 1 },
  { name: 'both headers, of B3', listener: 'both', send: get('/x', ...B3, 'x-b3-sampled: 1'), spans: 1 },
  { name: 'both headers, of W3C', listener: 'both', send: get('/x', `traceparent: 00-${TRACE}-${SPAN}-01`), spans: 1 },
  {
    name: 'both headers, not sampled',
    listener: 'both',
    send: get('/x', `traceparent: 00-${TRACE}-${SPAN}-00`),
    spans: 0,
  },
  { name: 'a collector by its address', listener: 'service', send: get('/x'), spans: 1 },
  { name: 'never', listener: 'never', send: get('/x'), spans: 0 },
  { name: 'what happened when', listener: 'verbose', send: request('POST', '/x', { body: 'abc' }), spans: 2 },
  { name: 'what happened when to an answer of our own', listener: 'verbose', send: get('/direct'), spans: 1 },
  { name: 'what happened when nobody listens', listener: 'verbose', send: get('/refused'), spans: 2 },
  { name: 'an id with the time', listener: 'stamped', send: get('/x'), spans: 1 },
  { name: 'a wide id with the time', listener: 'wide', send: get('/x'), spans: 1 },
  { name: 'an id of somebody else', listener: 'wide', send: get('/x', ...B3, 'x-b3-sampled: 1'), spans: 1 },
  { name: 'never, but in a trace', listener: 'never', send: get('/x', ...B3, 'x-b3-sampled: 1'), spans: 1 },
];

compareWithEnvoy(suite, (pair) => {
  test.each(CASES.map((one, nth) => ({ ...one, id: `z${nth}` })))('$name', async ({ id, spans, ...one }) => {
    const [theirs, mine] = await Promise.all(
      [pair().reference, pair().ours].map((stand) => traced(stand, one, id, spans)),
    );
    expect(mine).toEqual(theirs);
  });
});

type Span = Record<string, unknown> & { readonly name: string };

async function traced(stand: Pair['ours'], one: Omit<(typeof CASES)[number], 'spans'>, id: string, spans: number) {
  const { upstreams } = await observe(stand, { ...one, wants: { status: 0 } }, id);
  const collector = stand.upstreams.find(({ name }) => name === 'c')!;
  const received = () => collector.received.flatMap(({ body }) => JSON.parse(body) as Span[]);
  if (spans > 0) await waitFor(`spans of ${stand.subject}`, () => received().length >= spans);
  const seen = upstreams.find(({ upstream }) => upstream === 'a')?.headers ?? [];
  const asked = collector.received.map(({ startLine, headers }) => [
    startLine,
    ...headers.filter(([name]) => /^(host|content-type)$/i.test(name)).map(([, value]) => value),
  ]);
  const ids = new Map<string, string>();
  return {
    asked,
    seen: seen.filter((line) => /^(x-b3|b3|trace)/.test(line)).map((line) => masked(line, ids)),
    spans: received()
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((span) => JSON.parse(masked(stand.withoutPorts(JSON.stringify(inOrder(shown(span)))), ids)) as unknown),
  };
}

/** Times by whether they are there; an annotation's is the span's end. */
function shown({ timestamp, duration, annotations, ...span }: Span): object {
  const told = annotations as { value: string }[];
  return {
    ...span,
    timed: typeof timestamp === 'number' && Number(duration) > 0,
    annotations: told.map((one) => one.value),
  };
}

/** Envoy writes members as its maps have them, in another order with each start: ids would get other numbers. */
function inOrder(span: object): object {
  return Object.fromEntries(Object.entries(span).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Ids that are drawn anew, in the order they come; the given ones stay. A time in the first half of an id shows as `<now>`. */
function masked(text: string, ids: Map<string, string>): string {
  const now = Math.floor(Date.now() / 1000);
  return text
    .replace(/"traceId":"([0-9a-f]{8})[0-9a-f]{8}/g, (whole, first: string) =>
      Math.abs(Number.parseInt(first, 16) - now) < 60 ? `"timed":true,${whole}` : whole,
    )
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>')
    .replace(/\b(?:[0-9a-f]{16}){1,2}\b/g, (id) => {
      if ([TRACE, SPAN, PARENT].includes(id)) return id;
      if (!ids.has(id)) ids.set(id, `<id ${ids.size} of ${id.length}>`);
      return ids.get(id)!;
    });
}
