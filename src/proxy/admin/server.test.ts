import { request } from 'node:http';
import { create, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeAuthority } from '../../../test/support/certificates.ts';
import { ManualClock } from '../../lib/manual-clock.ts';
import { types } from '../../xds/descriptors/types.ts';
import { ClustersSchema } from '../../xds/gen/envoy/admin/v3/clusters_pb.ts';
import { ConfigDumpSchema } from '../../xds/gen/envoy/admin/v3/config_dump_pb.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { typeUrl } from '../../xds/resource.ts';
import { readBootstrap } from '../bootstrap/bootstrap.ts';
import { Host } from '../cluster/host.ts';
import { ResourceLog } from '../discovery/resource-log.ts';
import type { StoredSecret } from '../discovery/secret-store.ts';
import { cluster, endpoint } from '../testing/configs.ts';
import type { AdminView } from './endpoints.ts';
import { type AdminServer, serveAdmin } from './server.ts';

const clock = new ManualClock();
const done: string[] = [];
const secrets: StoredSecret[] = [];
let state: ReturnType<AdminView['state']> = 'PRE_INITIALIZING';
let level = 'info';
let server: AdminServer;

const name = 'outbound|80||web.shop.svc';
const host = new Host(endpoint(8080), null as never, null as never, 0);
host.activeRequests = 2;

beforeAll(async () => {
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
    bootstrap: await readBootstrap('node: {id: n}', 'b.yaml'),
    resources,
    clock,
    version: 'test',
    state: () => state,
    secrets: () => secrets,
    clusters: () => [{ config: cluster(name, [8080]), hosts: [host] }],
    listeners: () => [{ config: { name: 'l', address: '127.0.0.1' }, port: 15001 }],
    statistics: () => [
      [`cluster.${name}.upstream_rq_total`, 3],
      ['http.in.downstream_cx_active', 1],
    ],
    meshMetrics: () => 'istio_requests_total{} 5\n',
    logLevel(change) {
      if (change === 'loud') return null;
      level = change ?? level;
      return level;
    },
    drain: (graceful) => void done.push(`drain ${graceful}`),
    quit: () => void done.push('quit'),
  };
  server = await serveAdmin(view, { address: '127.0.0.1', port: 0 });
});
afterAll(() => server.close());

const ask = async (path: string, method = 'GET') => {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
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
  expect(parsed.clusterStatuses[0]?.hostStatuses[0]?.stats[0]).toMatchObject({ name: 'rq_active', value: 2n });
});

it('shows certificates and how long they are good', async () => {
  const { certificates } = JSON.parse((await ask('/certs')).text);
  expect(certificates[0].cert_chain[0].subject_alt_names).toEqual([{ uri: 'spiffe://cluster.local/ns/shop/sa/web' }]);
  expect(Number(certificates[0].cert_chain[0].days_until_expiration)).toBeGreaterThan(0);
});

it('prints statistics by name and for Prometheus', async () => {
  expect((await ask('/stats?filter=upstream')).text).toBe(`cluster.${name}.upstream_rq_total: 3\n`);
  expect((await ask('/stats/prometheus')).text).toBe(
    'istio_requests_total{} 5\n' +
      `# TYPE envoy_cluster_upstream_rq_total counter\nenvoy_cluster_upstream_rq_total{envoy_cluster_name="${name}"} 3\n` +
      '# TYPE envoy_http_downstream_cx_active gauge\nenvoy_http_downstream_cx_active{envoy_http_conn_manager_prefix="in"} 1\n',
  );
});

it.each([
  ['/listeners', 'l::127.0.0.1:15001\n'],
  ['/logging', 'level: info\n'],
])('answers %s', async (path, text) => {
  expect(await ask(path)).toEqual({ status: 200, text });
});

it('changes things on POST only', async () => {
  for (const path of ['/quitquitquit', '/drain_listeners?graceful']) {
    expect((await ask(path)).status).toBe(405);
  }
  expect(done).toEqual([]);
  await ask('/drain_listeners?graceful', 'POST');
  await ask('/quitquitquit', 'POST');
  expect(done).toEqual(['drain true', 'quit']);
  expect((await ask('/logging?level=loud', 'POST')).status).toBe(400);
  expect((await ask('/logging?level=debug', 'POST')).text).toBe('level: debug\n');
  expect((await ask('/nothing')).status).toBe(404);
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
