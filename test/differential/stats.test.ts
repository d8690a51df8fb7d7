// Statistics and the admin interface: the same requests give the same figures under the same names, in text, JSON and Prometheus.
import { beforeAll, expect, test } from 'vitest';
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, request, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import { figures, figuresOfBoth } from './harness/statistics.ts';

const suite: Suite = {
  name: 'statistics',
  // Histograms are merged when statistics are flushed.
  bootstrap: 'stats_flush_interval: 0.1s',
  listeners: { front: { manager: 'stat_prefix: ingress' } },
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - {match: {prefix: /direct}, direct_response: {status: 204}}
  - {match: {prefix: /redirect}, redirect: {path_redirect: /x}}
  - {match: {prefix: /nocluster}, route: {cluster: nobody}}
  - {match: {prefix: /refused}, route: {cluster: refused, retry_policy: {retry_on: connect-failure, num_retries: 1}}}
  - {match: {prefix: /empty}, route: {cluster: empty}}
  - {match: {prefix: /retry}, route: {cluster: b, retry_policy: {retry_on: 5xx, num_retries: 1}}}
  - {match: {prefix: /a}, route: {cluster: a}}
  - {match: {prefix: /late}, route: {cluster: placed, timeout: 0.1s}}
`,
  clusters: `
- name: placed
  type: STATIC
  connect_timeout: 1s
  outlier_detection: {interval: 60s}
  load_assignment:
    cluster_name: placed
    endpoints:
    - locality: {region: r, zone: z, sub_zone: s}
      lb_endpoints:
      - load_balancing_weight: 3
        metadata: {filter_metadata: {envoy.lb: {canary: true}}}
        endpoint: {hostname: named, address: {socket_address: {address: 127.0.0.1, port_value: <c>}}}
    - priority: 1
      lb_endpoints:
      - {health_status: DEGRADED, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: <a>}}}}
      - {health_status: UNHEALTHY, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: <b>}}}}
`,
  routeConfiguration: 'validate_clusters: false',
  cases: [],
};

const fail = respond({ status: 503, body: 'busy' });
const REQUESTS: readonly Pick<Case, 'send' | 'script'>[] = [
  { send: get('/a'), script: { a: [respond({ status: 200, body: 'hello' })] } },
  { send: request('POST', '/a', { body: 'abc' }), script: { a: [respond({ status: 201 })] } },
  { send: get('/a'), script: { a: [respond({ status: 404 })] } },
  { send: get('/a'), script: { a: [fail] } },
  { send: get('/retry'), script: { b: [fail, respond({ status: 200 })] } },
  { send: get('/retry'), script: { b: [fail, fail] } },
  ...['/direct', '/redirect', '/nocluster', '/refused', '/empty', '/none'].map((path) => ({ send: get(path) })),
  { send: get('/late'), script: { c: [raw('', 'hang')] } },
  { send: 'GET / HTTP/1.1\r\n\r\n' },
];

const CLUSTER =
  'membership_healthy membership_total upstream_cx_active upstream_cx_connect_fail upstream_cx_connect_timeout upstream_cx_destroy upstream_cx_max_requests upstream_cx_overflow upstream_cx_protocol_error upstream_cx_total upstream_rq_active upstream_rq_completed upstream_rq_pending_active upstream_rq_pending_failure_eject upstream_rq_pending_overflow upstream_rq_pending_total upstream_rq_per_try_timeout upstream_rq_retry upstream_rq_retry_limit_exceeded upstream_rq_retry_overflow upstream_rq_retry_success upstream_rq_rx_reset upstream_rq_timeout upstream_rq_total upstream_rq_tx_reset upstream_rq_200 upstream_rq_201 upstream_rq_404 upstream_rq_503 upstream_rq_2xx upstream_rq_4xx upstream_rq_5xx'.split(
    ' ',
  );
const HTTP =
  'downstream_cx_active downstream_cx_destroy downstream_cx_drain_close downstream_cx_idle_timeout downstream_cx_delayed_close_timeout downstream_cx_protocol_error downstream_cx_total downstream_rq_1xx downstream_rq_2xx downstream_rq_3xx downstream_rq_4xx downstream_rq_5xx downstream_rq_active downstream_rq_completed downstream_rq_idle_timeout downstream_rq_response_before_rq_complete downstream_rq_rx_reset downstream_rq_timeout downstream_rq_too_large downstream_rq_total downstream_rq_tx_reset no_cluster no_route'.split(
    ' ',
  );
const LISTENER =
  'downstream_cx_active downstream_cx_destroy downstream_cx_total downstream_pre_cx_active no_filter_chain_match'.split(
    ' ',
  );

const NAMES = [
  ...['a', 'b', 'refused', 'empty'].flatMap((cluster) => CLUSTER.map((field) => `cluster.${cluster}.${field}`)),
  ...HTTP.map((field) => `http.ingress.${field}`),
  ...LISTENER.map((field) => `listener.127.0.0.1_<front>.${field}`),
  'cluster_manager.active_clusters',
  'listener_manager.total_listeners_active',
  'server.live',
  'server.state',
];

compareWithEnvoy(suite, (pair) => {
  beforeAll(async () => {
    const { reference, ours } = pair();
    for (const [nth, one] of REQUESTS.entries()) {
      await Promise.all(
        [reference, ours].map((stand) => observe(stand, { ...one, name: '', wants: { status: 0 } }, `s${nth}`)),
      );
    }
    const named = async (stand: Stand) => {
      const all = await figures(stand);
      return new Map(NAMES.map((name) => [name, all.get(name) ?? 0]));
    };
    counted = await figuresOfBoth(pair(), named);
  });

  let counted: Awaited<ReturnType<typeof figuresOfBoth<ReadonlyMap<string, number>>>>;
  test.each(NAMES)('%s', (name) => {
    const [theirs, mine] = counted;
    expect(mine.get(name)).toBe(theirs.get(name));
  });

  test('the same metrics with the same labels for Prometheus', async () => {
    const [theirs, mine] = await both(pair(), samples);
    // What Envoy does not have is ours to name; what both have must look alike.
    const shared = [...mine!.keys()].filter((key) => theirs!.has(key));
    expect(shared.length).toBeGreaterThan(100);
    for (const name of [
      'envoy_cluster_upstream_rq',
      'envoy_cluster_upstream_rq_xx',
      'envoy_http_downstream_rq_xx',
      'envoy_cluster_upstream_rq_total',
    ]) {
      const of = (found: ReadonlyMap<string, number>) =>
        [...found]
          .filter(([key, value]) => value > 0 && key.startsWith(`${name}{`) && /"(a|b|refused|ingress)"/.test(key))
          .sort();
      expect(of(mine!), name).toEqual(of(theirs!));
    }
  });

  test.each([
    'envoy_cluster_upstream_rq_time',
    'envoy_cluster_upstream_cx_connect_ms',
    'envoy_http_downstream_rq_time',
    'envoy_listener_downstream_cx_length_ms',
  ])('%s has as many records', async (name) => {
    const parts = (found: ReadonlyMap<string, number>) =>
      [...found.keys()].filter(
        (key) => /^\w+_(count|bucket)\{/.test(key) && key.startsWith(name) && !key.includes('"admin"'),
      );
    const used = async (stand: Stand) => {
      const found = await samples(stand);
      return parts(found)
        .filter(
          (key) =>
            !key.includes('_bucket') || found.get(key.replace('_bucket', '_count').replace(/,le="[^"]*"/, ''))! > 0,
        )
        .map((key) => (key.includes('_bucket') ? key : `${key} ${found.get(key)}`))
        .filter((line) => !line.endsWith(' 0'))
        .sort();
    };
    const [theirs, mine] = await figuresOfBoth(pair(), used);
    expect(theirs, 'Envoy').not.toEqual([]);
    expect(mine).toEqual(theirs);
  });

  test.each([
    '/ready',
    '/listeners',
    '/certs',
    '/init_dump',
    '/listeners?format=json',
    '/hot_restart_version',
    '/stats?filter=^http.ingress.downstream_rq_[2-5]xx$',
    '/stats?filter=rq_4xx&usedonly&type=Counters&format=json',
    '/stats?type=Bogus',
    '/config_dump?resource=nothing',
    '/reset_counters',
    '/quitquitquit',
    '/logging',
    '/drain_listeners',
    '/healthcheck/fail',
    '/nowhere',
  ])('GET %s', async (path) => {
    const [theirs, mine] = await both(pair(), (stand) => answer(stand, path, 'GET'));
    expect(mine!.status).toBe(theirs!.status);
    if (theirs!.status === 200) expect(withoutExternal(mine!.text)).toBe(withoutExternal(theirs!.text));
  });

  test('health can be failed and passed', async () => {
    for (const [path, method] of [
      ['/healthcheck/fail', 'POST'],
      ['/ready', 'GET'],
      ['/healthcheck/ok', 'POST'],
      ['/ready', 'GET'],
    ] as const) {
      const [theirs, mine] = await both(pair(), (stand) => answer(stand, path, method));
      expect(mine).toEqual(theirs);
    }
  });

  // Envoy's clusters come in the order of a hash table.
  test('clusters as text', async () => {
    const [theirs, mine] = await both(pair(), async (stand) =>
      (await answer(stand, '/clusters', 'GET')).text.split('\n').sort(),
    );
    expect(mine).toEqual(theirs);
  });

  test('clusters as JSON', async () => {
    const [theirs, mine] = await both(pair(), async (stand) => {
      const parsed = JSON.parse((await answer(stand, '/clusters?format=json', 'GET')).text) as ClusterStatuses;
      return parsed.cluster_statuses
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((one) => withoutPortsIn(stand, one));
    });
    expect(mine).toEqual(theirs);
  });

  test('keys of memory figures', async () => {
    const [theirs, mine] = await both(pair(), async (stand) =>
      Object.keys(JSON.parse((await answer(stand, '/memory', 'GET')).text) as object).sort(),
    );
    expect(mine).toEqual(theirs);
  });
});

type Stand = Pair['ours'];
type ClusterStatuses = { cluster_statuses: { name: string }[] };

function withoutPortsIn(stand: Stand, status: object): unknown {
  const text = JSON.stringify(status).replace(
    /"port_value":(\d+)/g,
    (_all, port) => `"at":"${stand.withoutPorts(`:${port}`)}"`,
  );
  return JSON.parse(text);
}

function both<T>({ reference, ours }: Pair, ask: (stand: Stand) => Promise<T>): Promise<T[]> {
  return Promise.all([reference, ours].map(ask));
}

async function answer(stand: Stand, path: string, method: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${stand.portOf('admin')}${path}`, { method });
  const text = stand.withoutPorts(await response.text());
  return { status: response.status, text: text.replaceAll(String(stand.portOf('front')), '<front>') };
}

async function samples(stand: Stand): Promise<ReadonlyMap<string, number>> {
  const { text } = await answer(stand, '/stats/prometheus', 'GET');
  return new Map([...text.matchAll(/^(\w+(?:\{[^}]*\})?) (\S+)$/gm)].map(([, name, value]) => [name!, Number(value)]));
}

/** Envoy counts responses to clients from outside the mesh, which all of these are, a second time; and those of its admin interface. */
function withoutExternal(text: string): string {
  if (!text.startsWith('{"stats"')) return text;
  const { stats } = JSON.parse(text) as { stats: { name: string }[] };
  return JSON.stringify(stats.filter(({ name }) => !/external|^http\.admin|^listener\./.test(name)));
}
