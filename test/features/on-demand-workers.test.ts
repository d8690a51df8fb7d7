// What comes when a request needs it, asked for by two workers at once: the main thread asks for all, and every worker gets it.
import { createServer } from 'node:http';
import { type DescMessage, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { afterEach, expect, test } from 'vitest';
import { SnapshotCache } from '../../src/xds/cache.ts';
import { types } from '../../src/xds/descriptors/types.ts';
import { ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { VirtualHostSchema } from '../../src/xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { RuntimeSchema } from '../../src/xds/gen/envoy/service/runtime/v3/rtds_pb.ts';
import { type EncodedResource, type TypeUrl, typeUrl } from '../../src/xds/resource.ts';
import { adsBootstrap, startAds } from '../support/ads.ts';
import { freePorts } from '../support/ports.ts';
import { address, ProxyUnderTest } from '../support/proxy-under-test.ts';
import { RawConnection } from '../support/raw-http.ts';
import { waitFor } from '../support/wait-for.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const schemas = {
  cluster: ClusterSchema,
  routes: RouteConfigurationSchema,
  virtualHost: VirtualHostSchema,
  runtime: RuntimeSchema,
} satisfies Partial<Record<keyof typeof typeUrl, DescMessage>>;

function encode(kind: keyof typeof schemas, name: string, json: JsonObject): EncodedResource {
  const schema: DescMessage = schemas[kind];
  const bytes = toBinary(schema, fromJson(schema, json, { registry: types }));
  return { typeUrl: typeUrl[kind], name, version: JSON.stringify(json), bytes, origins: [] };
}

const NODE = 'gateway~on-demand';
const TYPE = 'type.googleapis.com/envoy.extensions.filters';
const ads = { ads: {}, resource_api_version: 'V3' };
const WORKERS = [0, 1];

const manager = {
  '@type': `${TYPE}.network.http_connection_manager.v3.HttpConnectionManager`,
  stat_prefix: 'front',
  rds: { route_config_name: 'rc', config_source: ads },
  http_filters: [
    {
      name: 'on_demand',
      typed_config: { '@type': `${TYPE}.http.on_demand.v3.OnDemand`, odcds: { source: ads, timeout: '5s' } },
    },
    { name: 'router', typed_config: { '@type': `${TYPE}.http.router.v3.Router` } },
  ],
};

/** A share of requests for /share that the runtime says. */
const share = { default_value: { numerator: 0 }, runtime_key: 'share' };
const routes = encode('routes', 'rc', {
  name: 'rc',
  vhds: { config_source: ads },
  virtual_hosts: [
    {
      name: 'fixed',
      domains: ['fixed.test'],
      routes: [
        { match: { path: '/share', runtime_fraction: share }, direct_response: { status: 201 } },
        { match: { path: '/share' }, direct_response: { status: 202 } },
        { match: { prefix: '/' }, route: { cluster_header: 'x-cluster' } },
      ],
    },
  ],
});

test('two workers ask for the same virtual host and the same cluster, and hear of the same values', async () => {
  const upstream = createServer((_, response) => response.end('fetched'));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => upstream.close());
  const bound = upstream.address();
  const endpoint = { endpoint: { address: address(typeof bound === 'object' && bound !== null ? bound.port : 0) } };
  const [port = 0, admin = 0, xds = 0] = await freePorts(3);
  const cache = new SnapshotCache();
  const set = (value: number) =>
    cache.setSnapshot(NODE, {
      resources: new Map<TypeUrl, Map<string, EncodedResource>>(
        [
          routes,
          encode('virtualHost', 'rc/late.test', {
            name: 'late',
            domains: ['late.test'],
            routes: [{ match: { prefix: '/' }, route: { cluster: 'late' } }],
          }),
          encode('cluster', 'late', {
            name: 'late',
            load_assignment: { cluster_name: 'late', endpoints: [{ lb_endpoints: [endpoint] }] },
          }),
          encode('runtime', 'values', { name: 'values', layer: { share: value } }),
        ].map((one) => [one.typeUrl, new Map([[one.name, one]])]),
      ),
    });
  set(0);
  const server = await startAds(cache, NODE, xds);
  cleanups.push(() => server.close());
  const { dynamic_resources, ...rest } = adsBootstrap(NODE, xds) as {
    dynamic_resources: { ads_config: object };
    static_resources: object;
  };
  const proxy = await ProxyUnderTest.start(
    admin,
    () => ({
      ...rest,
      dynamic_resources: { ads_config: dynamic_resources.ads_config },
      layered_runtime: { layers: [{ name: 'sent', rtds_layer: { name: 'values', rtds_config: ads } }] },
      static_resources: {
        ...rest.static_resources,
        listeners: [
          {
            name: 'front',
            address: address(port),
            filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
          },
        ],
      },
    }),
    { options: ['--concurrency', '2'] },
  );
  cleanups.push(() => proxy[Symbol.asyncDispose]());

  const total = (worker: number) => proxy.stat(`listener.127.0.0.1_${port}.worker_${worker}.downstream_cx_total`);
  /** Statuses and bodies, each once, of requests that came to both workers. */
  const askBoth = async (path: string, host: string, ...headers: string[]): Promise<readonly string[]> => {
    const before = await Promise.all(WORKERS.map(total));
    const answers = new Set<string>();
    await waitFor('connections to both workers', async () => {
      const asked = Array.from({ length: 8 }, () => ask(port, path, host, headers));
      for (const answer of await Promise.all(asked)) answers.add(answer);
      const now = await Promise.all(WORKERS.map(total));
      return now.every((count = 0, worker) => count > (before[worker] ?? 0));
    });
    return [...answers];
  };

  expect(await askBoth('/', 'fixed.test', 'x-cluster: late')).toEqual(['200 fetched']);
  expect(await askBoth('/', 'late.test')).toEqual(['200 fetched']);
  expect(await askBoth('/', 'nowhere.test')).toEqual(['404 ']);
  expect(await askBoth('/', 'fixed.test', 'x-cluster: nowhere')).toEqual(['503 ']);

  expect(await askBoth('/share', 'fixed.test')).toEqual(['202 ']);
  set(100);
  await waitFor('the new value', async () => {
    const answers = await askBoth('/share', 'fixed.test');
    return answers.length === 1 && answers[0] === '201 ';
  });
});

async function ask(port: number, path: string, host: string, headers: readonly string[]): Promise<string> {
  using connection = await RawConnection.open(port);
  connection.send([`GET ${path} HTTP/1.1`, `host: ${host}`, ...headers, '', ''].join('\r\n'));
  const { status, body } = await connection.response();
  return `${status} ${body.toString()}`;
}
