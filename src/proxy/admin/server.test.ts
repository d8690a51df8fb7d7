import { request } from 'node:http';
import { create, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeAuthority } from '../../../test/support/certificates.ts';
import { Histogram } from '../../lib/histogram.ts';
import { ManualClock } from '../../lib/manual-clock.ts';
import { types } from '../../xds/descriptors/types.ts';
import { ClustersSchema } from '../../xds/gen/envoy/admin/v3/clusters_pb.ts';
import { ConfigDumpSchema } from '../../xds/gen/envoy/admin/v3/config_dump_pb.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { typeUrl } from '../../xds/resource.ts';
import { readBootstrap } from '../bootstrap/bootstrap.ts';
import { ALL_DEFAULTS } from '../bootstrap/stats-tags.ts';
import { ResourceLog } from '../discovery/resource-log.ts';
import type { StoredSecret } from '../discovery/secret-store.ts';
import { cluster, endpoint } from '../testing/configs.ts';
import { hostOf } from '../testing/hosts.ts';
import { viewOf } from './cluster-status.ts';
import type { AdminView } from './endpoints.ts';
import { type AdminServer, serveAdmin } from './server.ts';
import { nameTagger } from './statistic-tags.ts';

const clock = new ManualClock();
const done: string[] = [];
const secrets: StoredSecret[] = [];
let broken = false;
let state: ReturnType<AdminView['state']> = 'PRE_INITIALIZING';
let level = 'info';
let collecting: Promise<void> | null = null;
let server: AdminServer;

const name = 'outbound|80||web.shop.svc';
const host = hostOf(endpoint(8080));
host.activeRequests = 2;

const histogram = new Histogram();

beforeAll(async () => {
  histogram.record(7);
  histogram.exemplify({ value: 7, label: 'trace_id="abc"', epoch: 1_700_000_000_123 });
  const resources = new ResourceLog(() => clock.epoch());
  const bytes = toBinary(ClusterSchema, create(ClusterSchema, { name }));
  resources.received(typeUrl.cluster, name, '7', bytes);
  resources.activated(typeUrl.cluster, name);
  resources.received(typeUrl.cluster, 'fixed', '', bytes);
  resources.activated(typeUrl.cluster, 'fixed');
  resources.received(typeUrl.cluster, 'slow', '8', bytes);
  resources.received(typeUrl.listener, 'l', '9', toBinary(ListenerSchema, create(ListenerSchema, { name: 'l' })));
  resources.rejected(typeUrl.listener, 'l', 'address: in use');
  const authority = await makeAuthority();
  const leaf = await authority.issue({ uris: ['spiffe://cluster.local/ns/shop/sa/web'] });
  secrets.push(
    { source: 'sds-grpc', name: 'default', value: { kind: 'certificate', chain: leaf.certificate, key: leaf.key } },
    { source: 'sds-grpc', name: 'ROOTCA', value: { kind: 'trust', roots: authority.certificate } },
  );
  const view: AdminView = {
    bootstrap: await readBootstrap(
      'node: {id: n}\nlayered_runtime: {layers: [{name: base, static_layer: {a: {b: 5}}}, {name: admin, admin_layer: {}}]}',
      'b.yaml',
    ),
    resources,
    clock,
    tagger: nameTagger(ALL_DEFAULTS),
    version: 'test',
    concurrency: 2,
    collect: () => collecting,
    memory: () => ({ heapUsed: 1, heapTotal: 2, external: 3, rss: 4 }),
    state: () => state,
    secrets: () => secrets,
    clusters: () => [{ config: cluster(name, [8080]), hosts: [viewOf(host)] }],
    listeners() {
      if (broken) throw new Error('a bug');
      return [{ config: { name: 'l', address: '127.0.0.1' }, port: 15001 }];
    },
    statistics: () => [
      [`cluster.${name}.upstream_rq_total`, 3],
      [`cluster.${name}.upstream_rq_200`, 2],
      ['http.in.downstream_cx_active', 1],
      ['listener.127.0.0.1_80.ssl.handshake', 0],
    ],
    meshMetrics: () => 'istio_requests_total{} 5\n',
    logLevel(change) {
      if (change === 'loud') return null;
      level = change ?? level;
      return level;
    },
    histograms: () => [[`cluster.${name}.upstream_rq_time`, histogram]],
    resetCounters: () => void done.push('reset'),
    reopenLogs: () => void done.push('reopen'),
    failHealth: (fail) => void done.push(`fail ${fail}`),
    drain: (options) => void done.push(`drain ${JSON.stringify(options)}`),
    quit: () => void done.push('quit'),
    onFault: (error) => void done.push(String(error)),
  };
  server = await serveAdmin(view, { address: '127.0.0.1', port: 0 });
});
afterAll(() => server.close());

const ask = async (path: string, method = 'GET', headers: Record<string, string> = {}) => {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method, headers });
  return { status: response.status, text: await response.text() };
};

it('is ready only when it is', async () => {
  expect(await ask('/ready')).toEqual({ status: 503, text: 'PRE_INITIALIZING\n' });
  state = 'LIVE';
  expect(await ask('/ready')).toEqual({ status: 200, text: 'LIVE\n' });
});

it('dumps the configuration as Envoy does, without private keys', async () => {
  const { text } = await ask('/config_dump?include_eds');
  expect(text).not.toMatch(/BEGIN PRIVATE KEY/);
  const json: JsonValue = JSON.parse(text);
  const dump = fromJson(ConfigDumpSchema, json, { registry: types });
  const kinds = dump.configs.map((config) => config.typeUrl.split('.').at(-1));
  expect(kinds).toEqual([
    'BootstrapConfigDump',
    'ClustersConfigDump',
    'EndpointsConfigDump',
    'ListenersConfigDump',
    'RoutesConfigDump',
    'SecretsConfigDump',
  ]);
  expect(json).toMatchObject({
    configs: [
      { bootstrap: { node: { id: 'n' } } },
      {
        static_clusters: [{ cluster: { name } }],
        dynamic_active_clusters: [{ version_info: '7', cluster: { '@type': typeUrl.cluster, name } }],
        dynamic_warming_clusters: [{ version_info: '8' }],
      },
      {},
      { dynamic_listeners: [{ name: 'l', error_state: { details: 'address: in use', version_info: '9' } }] },
      {},
      {
        dynamic_active_secrets: [{ secret: { tls_certificate: { private_key: { inline_string: '[redacted]' } } } }, {}],
      },
    ],
  });
});

it('shows clusters as text and as JSON', async () => {
  const { text } = await ask('/clusters');
  expect(text).toContain(`${name}::127.0.0.1:8080::rq_active::2\n`);
  expect(text).toContain(`${name}::127.0.0.1:8080::health_flags::healthy\n`);
  const parsed = fromJson(ClustersSchema, JSON.parse((await ask('/clusters?format=json')).text));
  expect(parsed.clusterStatuses[0]?.hostStatuses[0]?.stats).toContainEqual(
    expect.objectContaining({ name: 'rq_active', value: 2n }),
  );
});

it('answers 500 where an exception comes out of an answer, and counts it', async () => {
  broken = true;
  expect(await ask('/listeners')).toEqual({ status: 500, text: 'internal error\n' });
  broken = false;
  expect(done.splice(0)).toEqual(['Error: a bug']);
  expect((await ask('/listeners')).status).toBe(200);
});

it('shows certificates and how long they are good', async () => {
  const { certificates } = JSON.parse((await ask('/certs')).text);
  expect(certificates[0].cert_chain[0].subject_alt_names).toEqual([{ uri: 'spiffe://cluster.local/ns/shop/sa/web' }]);
  expect(Number(certificates[0].cert_chain[0].days_until_expiration)).toBeGreaterThan(0);
});

const METRICS = `# HELP envoy_cluster_upstream_rq Envoy's statistic cluster.*.upstream_rq_200
# TYPE envoy_cluster_upstream_rq counter
envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="${name}"} 2
# HELP envoy_cluster_upstream_rq_total Envoy's statistic cluster.*.upstream_rq_total
# TYPE envoy_cluster_upstream_rq_total counter
envoy_cluster_upstream_rq_total{envoy_cluster_name="${name}"} 3
# HELP envoy_http_downstream_cx_active Envoy's statistic http.*.downstream_cx_active
# TYPE envoy_http_downstream_cx_active gauge
envoy_http_downstream_cx_active{envoy_http_conn_manager_prefix="in"} 1
# HELP envoy_listener_ssl_handshake Envoy's statistic listener.*.handshake
# TYPE envoy_listener_ssl_handshake counter
envoy_listener_ssl_handshake{envoy_listener_address="127.0.0.1_80"} 0
`;

it('prints statistics for Prometheus', async () => {
  expect((await ask('/stats/prometheus?type=Counters')).text).toBe(
    `istio_requests_total{} 5\n${METRICS.replace(/# HELP envoy_http[\s\S]*?} 1\n/, '')}`,
  );
  const { text } = await ask('/stats/prometheus?filter=rq_time');
  expect(text).toContain(`envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="${name}",le="5"} 0\n`);
  expect(text).toContain(`envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="${name}",le="10"} 1\n`);
  expect(text).toContain(`envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="${name}"} 7\n`);
});

it('gives exemplars in OpenMetrics only', async () => {
  const { text } = await ask('/stats/prometheus', 'GET', { accept: 'application/openmetrics-text; version=1.0.0' });
  expect(text).toContain('le="10"} 1 # {trace_id="abc"} 7 1700000000.123\n');
  expect(text).toContain('# TYPE envoy_cluster_upstream_rq_total unknown\n');
  expect(text.endsWith('# EOF\n')).toBe(true);
});

it.each([
  ['/stats?filter=upstream_rq_t.*l', `cluster.${name}.upstream_rq_total: 3\n`],
  ['/stats?filter=cluster&invert_filter&usedonly', 'http.in.downstream_cx_active: 1\n'],
  ['/stats?type=Gauges', 'http.in.downstream_cx_active: 1\n'],
  ['/stats?filter=handshake', 'listener.127.0.0.1_80.ssl.handshake: 0\n'],
  ['/listeners', 'l::127.0.0.1:15001\n'],
])('answers %s', async (path, text) => {
  expect(await ask(path)).toEqual({ status: 200, text });
});

it('shows histograms as text and as JSON', async () => {
  expect((await ask('/stats?type=Histograms')).text).toMatch(
    /^cluster\..*\.upstream_rq_time: P0\(7,7\) P25\(7\.025,7\.025\) .* P100/,
  );
  const { stats } = JSON.parse((await ask('/stats?format=json&filter=rq_time|rq_total')).text);
  expect(stats[0]).toEqual({ name: `cluster.${name}.upstream_rq_total`, value: 3 });
  expect(stats[1].histograms.computed_quantiles[0].values[2]).toEqual({ interval: 7.05, cumulative: 7.05 });
});

it.each([
  ['cumulative', /^[^ ]+: B0\.5\(0,0\) .*B5\(0,0\) B10\(1,1\) .*B1\.8e\+06\(1,1\)/],
  ['disjoint', /: .*B10\(1,1\) B25\(0,0\)/],
  ['detailed', /upstream_rq_time:\n {2}totals=7,0\.1:1\n {2}intervals=7,0\.1:1\n {2}summary=P0\(7,7\)/],
])('shows buckets: %s', async (form, wants) => {
  expect((await ask(`/stats?type=Histograms&histogram_buckets=${form}`)).text).toMatch(wants);
});

it.each([
  ['/stats?filter=(', 'Invalid re2 regex'],
  ['/stats?type=Nonsense', 'invalid &type= param'],
  ['/stats?format=html', 'usage: /stats?format='],
  ['/stats?histogram_buckets=x', 'usage: /stats?histogram_buckets='],
  ['/config_dump?name_regex=(', 'Error while parsing name_regex'],
  ['/config_dump?resource=bootstrap', 'bootstrap is not a repeated field'],
  ['/config_dump?resource=dynamic_listeners&mask=nothing', 'could not be successfully used'],
])('refuses %s', async (path, text) => {
  const answer = await ask(path);
  expect(answer.status).toBe(400);
  expect(answer.text).toContain(text);
});

it('selects parts of the configuration', async () => {
  const configs = async (query: string) => JSON.parse((await ask(`/config_dump?${query}`)).text).configs;
  expect(await configs('resource=dynamic_active_clusters')).toMatchObject([
    { '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump.DynamicCluster', version_info: '7' },
  ]);
  expect(await configs('mask=bootstrap.node.id')).toEqual([
    { '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump', bootstrap: { node: { id: 'n' } } },
  ]);
  expect(await configs('resource=dynamic_listeners&name_regex=l')).toHaveLength(1);
  expect(await configs('resource=dynamic_listeners&name_regex=x')).toHaveLength(0);
  expect(await ask('/config_dump?resource=nothing')).toEqual({
    status: 404,
    text: 'nothing not found in config dump',
  });
});

it('keeps runtime values of layers and overrides', async () => {
  expect((await ask('/runtime_modify?a.b=7', 'POST')).text).toBe('OK\n');
  const { layers, entries } = JSON.parse((await ask('/runtime')).text);
  expect(layers).toEqual(['base', 'admin']);
  expect(entries).toEqual({ 'a.b': { layer_values: ['5', '7'], final_value: '7' } });
  await ask('/runtime_modify?a.b=', 'POST');
  expect(JSON.parse((await ask('/runtime')).text).entries['a.b'].final_value).toBe('5');
});

it('says what waits, how much memory there is, and what it can be asked', async () => {
  expect(JSON.parse((await ask('/init_dump')).text).unready_targets_dumps).toHaveLength(1);
  expect(Number(JSON.parse((await ask('/memory')).text).total_physical_bytes)).toBeGreaterThan(0);
  expect((await ask('/help')).text).toContain('  /quitquitquit (POST): exit the server\n');
  expect((await ask('/nothing')).status).toBe(404);
});

it('changes things on POST only', async () => {
  const paths = [
    '/quitquitquit',
    '/drain_listeners?graceful',
    '/healthcheck/fail',
    '/healthcheck/ok',
    '/reset_counters',
    '/reopen_logs',
  ];
  for (const path of paths) expect((await ask(path)).status).toBe(405);
  expect(done).toEqual([]);
  for (const path of paths) expect((await ask(path, 'POST')).text).toBe('OK\n');
  expect(done).toEqual([
    'quit',
    'drain {"graceful":true,"inboundOnly":false}',
    'fail true',
    'fail false',
    'reset',
    'reopen',
  ]);
  expect((await ask('/logging?level=loud', 'POST')).status).toBe(400);
  expect((await ask('/logging?level=debug', 'POST')).text).toBe('active loggers:\n  proxy: debug\n\n');
});

it.each([
  ['a name that was pointed here', { host: 'evil.example' }, 403],
  ['localhost', { host: 'localhost:1' }, 200],
  ['IPv6 loopback', { host: '[::1]:1' }, 200],
  ['a page of another origin', { host: '127.0.0.1', origin: 'http://evil.example' }, 403],
])('looks at Host and Origin: %s', async (_, headers, status) => {
  const got = await new Promise((resolve, reject) => {
    const options = { port: server.port, host: '127.0.0.1', path: '/server_info', headers };
    request(options, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(got).toBe(status);
});

it('says that its port is taken', async () => {
  await expect(serveAdmin({} as AdminView, { address: '127.0.0.1', port: server.port })).rejects.toThrow(
    `admin cannot listen on 127.0.0.1:${server.port}`,
  );
});

it('waits for what has to be collected first, but not to say whether the proxy is ready', async () => {
  let collected: () => void = () => undefined;
  collecting = new Promise((resolve) => {
    collected = resolve;
  });
  const order: string[] = [];
  const stats = ask('/stats?filter=x').then(() => order.push('stats'));
  await ask('/ready');
  order.push('ready');
  collected();
  await stats;
  collecting = null;
  expect(order).toEqual(['ready', 'stats']);
});
