// What Istio's filters do to heads and leave with the exchange; what they refuse.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { types } from '../../../xds/descriptors/types.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { HeaderMap } from '../../http/headers.ts';
import type { Protocol } from '../../http/message.ts';
import { tellPeer } from '../../log/peer.ts';
import { cluster, forward, route } from '../../testing/configs.ts';
import { testExchange } from '../../testing/exchange.ts';
import { testScope } from '../../testing/scope.ts';
import { compileFilter } from '../registry.ts';

/** As istiod writes what it has no generated code for. */
const structOf = (type: string, value: JsonObject) =>
  fromJson(
    AnySchema,
    {
      '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
      type_url: `type.googleapis.com/${type}`,
      value,
    },
    { registry: types },
  );
const compile = (type: string, config: JsonObject) => compileFilter(structOf(type, config), 'name', 'f');

const ALPN = 'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig';
const PEERS = 'io.istio.http.peer_metadata.Config';
const STATS = 'stats.PluginConfig';

const clustersOf = (change: Parameters<typeof cluster>[2], name = 'up') =>
  new Map([[name, { config: cluster(name, [], change) } as Cluster]]);

function asked(headers: readonly string[] = [], name = 'up', protocol: Protocol = 'HTTP/1.1') {
  const exchange = testExchange({ headers: [...headers], protocol });
  exchange.route = route(forward(name));
  return exchange;
}

describe('istio.alpn', () => {
  const filter = compile(ALPN, {
    alpn_override: [
      { upstream_protocol: 'HTTP10', alpn_override: ['istio-http/1.0', 'istio'] },
      { upstream_protocol: 'HTTP11', alpn_override: ['istio-http/1.1', 'istio'] },
      { upstream_protocol: 'HTTP2', alpn_override: ['istio-h2', 'istio'] },
      { upstream_protocol: 'HTTP2', alpn_override: ['too late'] },
    ],
  });
  test.each<[upstream: 'http1' | 'http2' | 'alpn' | 'downstream', client: Protocol, first: string]>([
    ['http1', 'HTTP/2', 'istio-http/1.1'],
    ['http2', 'HTTP/1.1', 'istio-h2'],
    ['alpn', 'HTTP/1.1', 'istio-h2'],
    ['downstream', 'HTTP/1.0', 'istio-http/1.0'],
    ['downstream', 'HTTP/1.1', 'istio-http/1.1'],
    ['downstream', 'HTTP/2', 'istio-h2'],
  ])('an upstream of %s, a client of %s: %s', (protocol, client, first) => {
    const exchange = asked([], 'up', client);
    filter.request!(exchange, testScope({ clusters: clustersOf({ http: { ...cluster('up', []).http, protocol } }) }));
    expect(exchange.upstreamAlpn).toEqual([first, 'istio']);
  });

  test('without a cluster nothing is said', () => {
    const exchange = asked([], 'none');
    filter.request!(exchange, testScope());
    expect(exchange.upstreamAlpn).toBe(null);
  });
});

const metadata = {
  NAME: 'web-1',
  NAMESPACE: 'shop',
  WORKLOAD_NAME: 'web',
  CLUSTER_ID: 'Kubernetes',
  OWNER: 'kubernetes://apis/apps/v1/namespaces/shop/deployments/web',
  LABELS: { app: 'front', version: 'v1', 'service.istio.io/canonical-name': 'web', secret: 'x', role: 'r' },
};

describe('istio.metadata_exchange', () => {
  const ID = 'x-envoy-peer-metadata-id';
  const SAID = 'x-envoy-peer-metadata';
  const inbound = compile(PEERS, {
    downstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }],
    downstream_propagation: [{ istio_headers: {} }],
  });
  const outbound = (more: JsonObject = {}) =>
    compile(PEERS, {
      upstream_discovery: [{ istio_headers: {} }],
      upstream_propagation: [{ istio_headers: more }],
      additional_labels: ['role'],
    });
  const scope = testScope({ node: { id: 'me', cluster: '', metadata } });
  const word = tellPeer(metadata, []);

  test('what is told is what others read, and no more', () => {
    const exchange = asked();
    outbound().request!(exchange, scope);
    const said = exchange.request.headers.get(SAID)!;
    expect(exchange.request.headers.get(ID)).toBe('me');
    const text = Buffer.from(said, 'base64').toString('latin1');
    expect(text).toContain('role');
    expect(text).toContain('deployments/web');
    expect(text).not.toContain('secret');
    inbound.request!(exchange, scope);
    expect(exchange.downstreamPeer).toEqual({
      id: 'me',
      said,
      end: {
        workload: 'web',
        namespace: 'shop',
        app: 'front',
        version: 'v1',
        service: 'web',
        revision: '',
        cluster: 'Kubernetes',
      },
    });
    expect(exchange.request.headers.has(SAID), 'it goes no further').toBe(false);
  });

  test.each<[who: string, headers: readonly string[], id: string | undefined, said: string | undefined]>([
    ['both', [ID, 'them', SAID, word], 'me', word],
    ['only its name', [ID, 'them'], 'me', undefined],
    ['only what it is', [SAID, word], undefined, word],
    ['what nobody can read', [SAID, '!!'], undefined, word],
    ['nothing', [], undefined, undefined],
  ])('who says %s is answered alike', (_who, headers, id, said) => {
    const exchange = asked(headers);
    const head = { status: 200, headers: new HeaderMap() };
    inbound.request!(exchange, scope);
    inbound.response!(exchange, head, scope);
    expect([head.headers.get(ID), head.headers.get(SAID)]).toEqual([id, said]);
  });

  test('an upstream’s answer is read and goes no further', () => {
    const exchange = asked();
    const head = { status: 200, headers: new HeaderMap([ID, 'them', SAID, word]) };
    outbound().response!(exchange, head, scope);
    expect(exchange.upstreamPeer?.end?.workload).toBe('web');
    expect(head.headers.has(ID) || head.headers.has(SAID)).toBe(false);
  });

  test.each<[cluster: string, metadata: object, skips: boolean, told: boolean]>([
    ['up', {}, true, true],
    ['up', { istio: { external: true } }, true, false],
    ['up', { istio: { external: true } }, false, true],
    ['up', { istio: { disable_mx: true } }, false, false],
    ['PassthroughCluster', {}, true, false],
    ['PassthroughCluster', {}, false, true],
  ])('cluster %s with %j, skipping %s: told %s', (name, said, skips, told) => {
    const exchange = asked([], name);
    const clusters = clustersOf({ metadata: said as Record<string, unknown> }, name);
    outbound(skips ? { skip_external_clusters: true } : {}).request!(exchange, { ...scope, clusters });
    expect(exchange.request.headers.has(SAID)).toBe(told);
  });
});

test.each<[type: string, config: JsonObject, wants: string]>([
  [PEERS, { downstream_discovery: [{ baggage: {} }] }, 'downstream_discovery[0].baggage: is not supported'],
  [PEERS, { upstream_discovery: [{}] }, 'f.upstream_discovery[0]: names no method'],
  [PEERS, { upstream_propagation: [{}] }, 'f.upstream_propagation[0]: names no method'],
  [PEERS, { shared_with_upstream: true }, 'f.shared_with_upstream: is not supported'],
  [STATS, { reporter: 'SERVER_GATEWAY' }, 'f.reporter: must be UNSPECIFIED'],
  [STATS, { definitions: [{ name: 'x' }] }, 'f.definitions: is not supported'],
  [STATS, { metrics: [{ name: 'nope' }] }, 'f.metrics[0].name: nope is no metric'],
  [STATS, { metrics: [{ dimensions: { a: '1 +' } }] }, 'f.metrics[0].dimensions[a]: is no expression'],
  [STATS, { metrics: [{ dimensions: { a: 'node.id' } }] }, 'f.metrics[0].dimensions[a]: node is not supported'],
  [STATS, { metrics: [{ match: 'x' }] }, 'f.metrics[0].match: is not supported'],
])('%s %j is refused', (type, config, wants) => {
  expect(() => compile(type, config)).toThrow(wants);
});
