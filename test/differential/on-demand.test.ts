// Virtual hosts and clusters that come when a request needs them, from our own control plane to both proxies.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@bufbuild/protobuf';
import { afterAll } from 'vitest';
import { grpcCluster } from '../support/grpc-server.ts';
import { type Case, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { encode, startControlPlane } from './harness/control-plane.ts';

const upstream = createServer((_, response) => response.end('fetched'));
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const { port } = upstream.address() as AddressInfo;

const address = { socket_address: { address: '127.0.0.1', port_value: port } };
const cluster = (name: string) =>
  encode('cluster', name, {
    name,
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  });
const host = (domain: string, route: JsonObject) =>
  encode('virtualHost', `rc/${domain}`, {
    name: domain,
    domains: [domain],
    routes: [{ match: { prefix: '/' }, route }],
  });
const ON_DEMAND = 'type.googleapis.com/envoy.extensions.filters.http.on_demand.v3';
const resources = [
  encode('routes', 'rc', {
    name: 'rc',
    vhds: { config_source: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0.5s' } },
    virtual_hosts: [
      {
        name: 'fixed',
        domains: ['fixed.test'],
        routes: [
          { match: { path: '/a' }, route: { cluster: 'a' } },
          {
            match: { prefix: '/never' },
            route: { cluster_header: 'x-cluster' },
            typed_per_filter_config: { on_demand: { '@type': `${ON_DEMAND}.PerRouteConfig` } },
          },
          { match: { prefix: '/by-header' }, route: { cluster_header: 'x-cluster' } },
        ],
      },
    ],
  }),
  host('a.test', { cluster: 'a' }),
  host('b.test:8080', { cluster: 'b' }),
  host('far.test', { cluster: 'behind' }),
  ...['behind', 'one', 'two', 'three'].map(cluster),
];

const control = await startControlPlane(resources);
afterAll(() => {
  control.stop();
  upstream.close();
});

const stream =
  'api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [{ envoy_grpc: { cluster_name: xds } }]';
const filter = (odcds: string) =>
  `[{ name: on_demand, typed_config: { '@type': ${ON_DEMAND}.OnDemand${odcds === '' ? '' : `, odcds: ${odcds}`} } }]`;
const ads = '{ ads: {}, resource_api_version: V3 }';
const manager = `
route_config: null
rds: { route_config_name: rc, config_source: ${ads} }`;

function ask(
  name: string,
  host: string,
  path: string,
  status: number,
  more: Partial<Case> & { cluster?: string } = {},
): Case {
  const { cluster: wanted, wants, ...rest } = more;
  const headers = wanted === undefined ? [] : [`x-cluster: ${wanted}`];
  return { name, send: request('GET', path, { host, headers }), wants: { status, ...wants }, ...rest } as Case;
}

compareWithEnvoy({
  name: 'what comes on demand',
  virtualHosts: '[]',
  clusters: grpcCluster('xds', control.port),
  bootstrap: `dynamic_resources: { ads_config: { ${stream} } }`,
  listeners: {
    front: { manager, filters: filter(`{ source: ${ads}, timeout: 1s }`) },
    own: {
      manager,
      filters: filter(`{ source: { resource_api_version: V3, api_config_source: { ${stream} } }, timeout: 1s }`),
    },
    hosts: { manager, filters: filter('') },
    nothing: { manager },
  },
  cases: [
    ask('a virtual host that was there', 'fixed.test', '/a', 200, { wants: { status: 200, reached: ['a'] } }),
    ask('one that comes', 'a.test', '/', 200, { wants: { status: 200, reached: ['a'] } }),
    ask('one that has come', 'a.test', '/', 200, { wants: { status: 200, reached: ['a'] } }),
    ask('one with a port, in capitals', 'B.test:8080', '/', 200, { wants: { status: 200, reached: ['b'] } }),
    ask('one that does not exist', 'nowhere.test', '/', 404, { wants: { status: 404, flags: 'NR' } }),
    ask('none is asked for without the filter', 'never.test', '/', 404, {
      listener: 'nothing',
      wants: { status: 404, flags: 'NR' },
    }),
    {
      name: 'a body waits, too',
      send: request('POST', '/', { host: 'a.test', body: 'hello' }),
      listener: 'hosts',
      wants: { status: 200, reached: ['a'] },
    },
    ask('a cluster that comes', 'fixed.test', '/by-header', 200, {
      cluster: 'one',
      wants: { status: 200, body: 'fetched' },
    }),
    ask('a cluster that has come', 'fixed.test', '/by-header', 200, {
      cluster: 'one',
      wants: { status: 200, body: 'fetched' },
    }),
    {
      name: 'a cluster for a request with a body',
      send: request('POST', '/by-header', { host: 'fixed.test', headers: ['x-cluster: two'], body: 'hello' }),
      wants: { status: 200, body: 'fetched' },
    },
    ask('a cluster over a stream of its own', 'fixed.test', '/by-header', 200, {
      cluster: 'three',
      listener: 'own',
      wants: { status: 200, body: 'fetched' },
    }),
    ask('a cluster that does not exist', 'fixed.test', '/by-header', 503, {
      cluster: 'nowhere',
      wants: { status: 503, flags: 'NC' },
    }),
    ask('no name of a cluster', 'fixed.test', '/by-header', 503, { wants: { status: 503, flags: 'NC' } }),
    ask('a route that asks for no clusters', 'fixed.test', '/never', 503, {
      cluster: 'behind',
      wants: { status: 503, flags: 'NC' },
    }),
    ask('a filter that asks for no clusters', 'far.test', '/', 503, {
      listener: 'hosts',
      wants: { status: 503, flags: 'NC' },
    }),
    ask('a virtual host, and then its cluster', 'far.test', '/', 200, { wants: { status: 200, body: 'fetched' } }),
  ],
});
