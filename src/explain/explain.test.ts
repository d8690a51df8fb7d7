// The walk: what is asked in which order, and how shares end. What a match or a policy means is the proxy's own tests' business,
// so here the decoders are tables of ready configurations.

import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import type { ProxyPlan } from '../mesh/plan.ts';
import { port, type SpiffeId } from '../model/units.ts';
import { adsSource } from '../proxy/config/config-source.ts';
import { plainAssignment } from '../proxy/config/endpoints.ts';
import type { DownstreamTlsConfig } from '../proxy/config/tls-types.ts';
import type { ClusterConfig, ListenerConfig } from '../proxy/config/types.ts';
import type { Decoders } from '../proxy/discovery/decoders.ts';
import type { HttpFilter } from '../proxy/filter/filter.ts';
import type { RbacFilter } from '../proxy/filter/rbac/filter.ts';
import type { RouteTable } from '../proxy/route/table.ts';
import {
  chain,
  cluster,
  downstreamTls,
  endpoint,
  forward,
  http,
  listener,
  route,
  routeTable,
  upstreamTls,
} from '../proxy/testing/configs.ts';
import { ClusterSchema } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../xds/gen/envoy/config/route/v3/route_pb.ts';
import { type EncodedResource, type Snapshot, type TypeUrl, typeUrl } from '../xds/resource.ts';
import { answerQuestion, type ExplainedMesh } from './question.ts';

/** One proxy's ready configurations. */
type Ready = {
  readonly listeners: readonly ListenerConfig[];
  readonly clusters?: readonly ClusterConfig[];
  readonly table?: RouteTable;
  readonly routes?: RouteConfiguration;
};

const [clientId, serverId] = ['sidecar~client', 'sidecar~server'];
const origin = (name: string) => ({
  dialect: 'istio',
  group: '',
  kind: 'VirtualService',
  namespace: 'shop',
  name,
  path: 'spec',
  file: 'a.yaml',
  line: 7,
});
const secret = { kind: 'sds', name: 'default', source: adsSource } as const;
const serverTls = downstreamTls(secret, { requireClientCertificate: true });
const clientTls = upstreamTls(secret);
const overTls = {
  tls: [
    { name: 'tls', when: { tlsMode: 'istio' }, tls: clientTls, proxyHeader: null },
    { name: 'plain', when: {}, tls: null, proxyHeader: null },
  ],
};
const inMesh = (workload: string) => ({
  metadata: { 'envoy.transport_socket_match': { tlsMode: 'istio' }, 'tulle.workload': { workload } },
});

const inbound = (filters: readonly HttpFilter[] = [], tls: DownstreamTlsConfig | null = serverTls): ListenerConfig =>
  listener([chain(http(routeTable('app', {}), { filters, normalizePath: true }), { tls })], {
    name: 'inbound_8080',
    port: 8080,
    metadata: { 'tulle.policies': { 'Policy/shop/no-admin[0]': origin('no-admin') } },
  });

const rbac = (action: 'allow' | 'deny', refused: (path: string, peer: string) => string | null): RbacFilter => ({
  kind: 'rbac',
  name: `tulle.rbac.istio.${action}`,
  rules: null,
  shadowRules: null,
  judge: ({ request, downstream }) => {
    const policy = refused(request.path, downstream.tls?.uriSans[0] ?? '');
    if (policy === null) return undefined;
    return { status: 403, body: '', details: `rbac_access_denied_matched_policy[${policy}]`, flags: 0, headers: null };
  },
});

const outbound = (table: RouteTable): ListenerConfig =>
  listener([chain(http(table, { routes: { kind: 'rds', name: table.name, source: adsSource } }))], {
    name: 'outbound_proxy',
    port: 15001,
  });

const catalog = (change: Partial<ClusterConfig> = {}): ClusterConfig =>
  cluster('catalog', [], {
    discovery: { kind: 'static', assignment: plainAssignment([endpoint(8080, inMesh('catalog-v1'))]) },
    ...overTls,
    ...change,
  });

/** Everything under / to `catalog`. */
const toCatalog = routeTable('outbound_proxy', {
  '/': route(forward('catalog'), { metadata: { 'tulle.origin': origin('web') } }),
});

function ask(client: Ready, server: Ready | null, to = 'http://catalog/items') {
  const answer = answerQuestion(
    mesh(client, server),
    { from: 'client', to, method: 'GET', headers: [] },
    decoders(client, server),
  );
  if (answer.kind === 'error') throw new Error(answer.error);
  return answer.answer;
}

describe('endings', () => {
  test('forwarded, with the object behind the route', () => {
    const answer = ask(
      { listeners: [outbound(toCatalog)], clusters: [catalog()], table: toCatalog },
      { listeners: [inbound()] },
    );
    expect(answer).toMatchObject({ verdict: 'forwarded', status: null, summary: 'forwarded to catalog-v1' });
    expect(answer.steps.map(({ stage, outcome }) => `${stage} ${outcome}`)).toEqual([
      'listener passed',
      'route passed',
      'route note',
      'cluster passed',
      'endpoint passed',
      'transport passed',
    ]);
    expect(answer.steps[1]?.origin).toMatchObject({ name: 'web', place: { file: 'a.yaml', line: 7 } });
    expect(answer.steps.at(-1)?.text).toContain('mutual TLS to catalog-v1 as spiffe://td/ns/shop/sa/client');
  });

  test('denied by a policy, with its origin, on the path the server sees', () => {
    const filter = rbac('deny', (path) => (path === '/admin' ? 'Policy/shop/no-admin[0]' : null));
    const client = { listeners: [outbound(toCatalog)], clusters: [catalog()], table: toCatalog };
    const server = { listeners: [inbound([filter])] };
    expect(ask(client, server, 'http://catalog/items')).toMatchObject({ verdict: 'forwarded' });
    const denied = ask(client, server, 'http://catalog/%61dmin');
    expect(denied).toMatchObject({ verdict: 'denied', status: 403 });
    expect(denied.steps.at(-1)).toMatchObject({ stage: 'policy', outcome: 'refused', origin: { name: 'no-admin' } });
  });

  test('denied because nobody allows this identity', () => {
    const filter = rbac('allow', (_, peer) => (peer.endsWith('/sa/frontend') ? null : 'none'));
    const answer = ask(
      { listeners: [outbound(toCatalog)], clusters: [catalog()], table: toCatalog },
      { listeners: [inbound([filter])] },
    );
    expect(answer).toMatchObject({
      verdict: 'denied',
      status: 403,
      summary: 'no istio policy at catalog-v1 allows it',
    });
  });

  test.each([
    ['plain text to a strict server', { tls: [] }, serverTls, 'catalog-v1 takes mutual TLS only'],
    ['TLS to a server without it', {}, null, 'catalog-v1 takes no TLS'],
  ])('%s', (_, change, tls, text) => {
    const answer = ask(
      { listeners: [outbound(toCatalog)], clusters: [catalog(change)], table: toCatalog },
      { listeners: [inbound([], tls)] },
    );
    expect(answer).toMatchObject({ verdict: 'failed', status: 503, summary: text });
  });

  test('no route, no cluster, no endpoint, no proxy', () => {
    const listeners = [outbound(toCatalog)];
    const nowhere = routeTable('outbound_proxy', { '/other': route(forward('catalog')) });
    expect(ask({ listeners, table: nowhere }, null)).toMatchObject({ verdict: 'failed', status: 404 });
    expect(ask({ listeners, table: toCatalog }, null)).toMatchObject({
      verdict: 'failed',
      status: 503,
      summary: 'backend catalog does not exist',
    });
    const empty = cluster('catalog', []);
    expect(ask({ listeners, table: toCatalog, clusters: [empty] }, null)).toMatchObject({
      status: 503,
      summary: 'catalog has no ready endpoint',
    });
    expect(ask({ listeners, table: toCatalog, clusters: [cluster('catalog', [9090])] }, null)).toMatchObject({
      verdict: 'forwarded',
    });
  });

  test('answered by the route itself', () => {
    const table = routeTable('outbound_proxy', { '/': route({ kind: 'respond', status: 418, body: '' }) });
    expect(ask({ listeners: [outbound(table)], table }, null)).toMatchObject({ verdict: 'answered', status: 418 });
  });
});

test('shares of weighted clusters, each to its end; the largest decides the verdict', () => {
  const picks = forward('', {
    pickCluster: (_, random) => ({
      cluster: random < 0.9 ? 'catalog' : 'gone',
      subset: null,
      filters: null,
      editRequest: () => undefined,
      editResponse: () => undefined,
    }),
    clusterNotFoundStatus: 500,
  });
  const table = routeTable('outbound_proxy', { '/': route(picks) });
  const routes = create(RouteConfigurationSchema, {
    name: 'outbound_proxy',
    virtualHosts: [
      {
        name: 'test',
        routes: [
          {
            name: 'route',
            action: {
              case: 'route',
              value: {
                clusterSpecifier: {
                  case: 'weightedClusters',
                  value: {
                    clusters: [
                      { name: 'catalog', weight: 9 },
                      { name: 'gone', weight: 1 },
                    ],
                  },
                },
              },
            },
          },
        ],
      },
    ],
  });
  const answer = ask(
    { listeners: [outbound(table)], table, routes, clusters: [catalog()] },
    { listeners: [inbound()] },
  );
  expect(answer).toMatchObject({
    verdict: 'forwarded',
    summary: '90 % forwarded to catalog-v1; 10 % backend gone does not exist',
  });
});

describe('questions that cannot be asked', () => {
  const ready: Ready = { listeners: [outbound(toCatalog)], table: toCatalog };
  test.each([
    ['no URL', { from: 'client', to: 'catalog' }, 'catalog is not an http URL'],
    ['another scheme', { from: 'client', to: 'ftp://catalog' }, 'ftp://catalog is not an http URL'],
    ['nobody', { from: 'nobody', to: 'http://catalog' }, 'no workload with a proxy is called nobody'],
    ['no way out', { from: 'server', to: 'http://catalog' }, 'proxy server-0 has no listener for catalog'],
  ])('%s', (_, question, error) => {
    const answer = answerQuestion(
      mesh(ready, ready),
      { ...question, method: 'GET', headers: [] },
      decoders(ready, null),
    );
    expect(answer).toMatchObject({ kind: 'error', error });
  });
});

function mesh(client: Ready, server: Ready | null): ExplainedMesh {
  const bind = { host: '127.0.0.1', port: port(15001) };
  const plans = [
    plan(clientId, 'client', [{ kind: 'forward-proxy', name: 'outbound_proxy', bind, routeTable: 'outbound_proxy' }]),
    plan(serverId, 'server', [
      {
        kind: 'inbound',
        name: 'inbound_8080',
        bind: { host: '127.0.0.1', port: port(8080) },
        containerPort: port(8080),
        protocol: 'http',
        cluster: '',
        service: null,
        transport: {
          mode: 'strict',
          origin: { dialect: 'tulle', group: '', kind: 'Default', namespace: '', name: '', path: '', place: null },
        },
        authorization: [],
        shapedBy: [],
      },
    ]),
  ];
  const snapshots = new Map([
    [clientId, snapshot(client)],
    ...(server === null ? [] : [[serverId, snapshot(server)] as const]),
  ]);
  return { plans, snapshotOf: (id) => snapshots.get(id) ?? null };
}

const plan = (id: string, name: string, listeners: ProxyPlan['listeners']): ProxyPlan => ({
  proxy: {
    id,
    kind: 'sidecar',
    name: `${name}-0`,
    namespace: 'shop',
    dataPlane: 'tulle',
    identity: `spiffe://td/ns/shop/sa/${name}` as SpiffeId,
    workload: { workload: name, namespace: 'shop', app: '', version: '' },
  },
  listeners,
  routeTables: [],
  clusters: [],
});

/** Resources that hold their names, and routes where a test gives them. */
function snapshot({ listeners, clusters = [], table, routes }: Ready): Snapshot {
  const named = (type: TypeUrl, name: string, bytes: Uint8Array): [string, EncodedResource] => [
    name,
    { typeUrl: type, name, version: '1', bytes, origins: [] },
  ];
  const configuration = routes ?? create(RouteConfigurationSchema, { name: table?.name ?? '' });
  return {
    resources: new Map([
      [
        typeUrl.listener,
        new Map(
          listeners.map(({ name }) =>
            named(typeUrl.listener, name, toBinary(ListenerSchema, create(ListenerSchema, { name }))),
          ),
        ),
      ],
      [
        typeUrl.cluster,
        new Map(
          clusters.map(({ name }) =>
            named(typeUrl.cluster, name, toBinary(ClusterSchema, create(ClusterSchema, { name }))),
          ),
        ),
      ],
      [
        typeUrl.routes,
        new Map([named(typeUrl.routes, configuration.name, toBinary(RouteConfigurationSchema, configuration))]),
      ],
    ]),
  };
}

function decoders(client: Ready, server: Ready | null): Decoders {
  const find = <T extends { readonly name: string }>(list: readonly T[], name: string): T => {
    const found = list.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  };
  return {
    decodeListener: ({ name }) => find([...client.listeners, ...(server?.listeners ?? [])], name),
    decodeCluster: ({ name }) => find(client.clusters ?? [], name),
    decodeRoutes: ({ name }) => find(client.table === undefined ? [] : [client.table], name),
    decodeEndpoints: ({ clusterName }) => ({ name: clusterName, assignment: plainAssignment([]) }),
    decodeSecret: () => ({ kind: 'trust', roots: '' }),
  };
}
