// Istio's metrics as its control plane wants them: which there are, with which labels, and who is meant where only Istio's metadata say so.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { PluginConfigSchema } from '../../xds/gen/istio/stats/config_pb.ts';
import type { Exchange } from '../http/exchange.ts';
import { HeaderMap } from '../http/headers.ts';
import { chain, forward, http, listener, route, routeTable } from '../testing/configs.ts';
import { peerTls, type RequestInit, testExchange } from '../testing/exchange.ts';
import { httpOf } from '../testing/resources.ts';
import { IstioMetrics } from './istio-metrics.ts';
import { compileMetricRules } from './metric-rules.ts';
import { Peers, tellPeer } from './peer.ts';
import { ownEnd } from './workload-end.ts';

const own = ownEnd({
  WORKLOAD_NAME: 'web',
  NAMESPACE: 'shop',
  CLUSTER_ID: 'east',
  LABELS: { 'service.istio.io/canonical-name': 'front', 'service.istio.io/canonical-revision': 'r1' },
});
const rulesOf = (config: JsonObject) => compileMetricRules(fromJson(PluginConfigSchema, config), 'f');

function answered(change: Partial<Exchange> = {}, request: RequestInit = {}, status = 200): Exchange {
  const exchange = testExchange(request, { tls: null });
  exchange.response = { status, headers: new HeaderMap() };
  return Object.assign(exchange, change);
}

function exposition(
  config: JsonObject,
  exchanges: readonly Exchange[],
  direction: 'inbound' | 'outbound' = 'outbound',
) {
  const metrics = new IstioMetrics(own);
  const filters = [{ name: 'istio.stats', metrics: rulesOf(config) }];
  const observed = metrics.observe(listener([chain({ ...http(routeTable('none', {})), filters })], { direction }));
  const log = httpOf(observed.chains[0]!).accessLogs[0]!;
  for (const exchange of exchanges) log.write(exchange, exchange.started + 7);
  return metrics.text().split('\n');
}

const requests = (lines: readonly string[]) => lines.filter((line) => line.startsWith('istio_requests_total'));
const istioEndpoint = { metadata: { istio: { workload: 'orders-v2;shop;orders;v2;west' } } } as never;
const istioCluster = {
  istio: { services: [{ host: 'orders.shop.svc.cluster.local', name: 'orders', namespace: 'shop' }] },
};

describe('which metrics there are', () => {
  test('one is left out', () => {
    const lines = exposition({ metrics: [{ name: 'request_bytes', drop: true }] }, [answered()]);
    expect(lines.filter((line) => line.startsWith('istio_request_bytes'))).toEqual([]);
    expect(requests(lines).length).toBe(1);
  });

  test('all are left out', () => {
    const lines = exposition({ metrics: [{ drop: true }] }, [answered()]);
    expect(lines.filter((line) => line.startsWith('istio_'))).toEqual([]);
  });
});

describe('labels', () => {
  test('what differs only in a label that is removed counts as one', () => {
    const tags_to_remove = ['response_code', 'no such label'];
    const config = { metrics: [{ name: 'requests_total', tags_to_remove }] };
    const lines = exposition(config, [answered(), answered({}, {}, 503)]);
    expect(requests(lines).map((line) => line.at(-1))).toEqual(['2']);
    expect(requests(lines)[0]).not.toContain('response_code');
    expect(lines.filter((line) => line.startsWith('istio_request_bytes_count')).length).toBe(2);
  });

  test('expressions replace labels and add some', () => {
    const dimensions = { 'my.tag': 'request.method', source_app: "'fixed'", missing: "request.headers['x-none']" };
    const lines = exposition({ metrics: [{ dimensions }] }, [answered({}, { method: 'PUT' }), answered()]);
    expect(requests(lines).length).toBe(2);
    for (const part of ['source_app="fixed"', 'my_tag="PUT"', 'missing="unknown"'])
      expect(requests(lines)[0]).toContain(part);
    expect(requests(lines)[1]).toContain('my_tag="GET"');
  });

  test('the later of two rules counts', () => {
    const metrics: JsonObject[] = [
      { dimensions: { source_app: "'one'" } },
      { name: 'requests_total', tags_to_remove: ['source_app'] },
    ];
    expect(requests(exposition({ metrics }, [answered()]))[0]).not.toContain('source_app');
  });
});

describe('ends', () => {
  const names = (lines: readonly string[]) => requests(lines)[0]!;
  test('of what Istio says of an endpoint and its cluster', () => {
    const exchange = answered({ cluster: 'c', clusterMetadata: istioCluster, endpoint: istioEndpoint });
    const line = names(exposition({}, [exchange]));
    for (const part of [
      'reporter="source"',
      'source_canonical_service="front",source_canonical_revision="r1",source_cluster="east"',
      'destination_workload="orders-v2"',
      'destination_canonical_service="orders",destination_canonical_revision="v2",destination_cluster="west"',
      'destination_service="orders.shop.svc.cluster.local"',
      'destination_service_name="orders"',
      'destination_service_namespace="shop"',
    ])
      expect(line).toContain(part);
  });

  test('what the upstream says of itself goes before what its endpoint is said to be', () => {
    const said = tellPeer({ WORKLOAD_NAME: 'itself', NAMESPACE: 'bank', LABELS: { app: 'a' } }, []);
    const upstreamPeer = new Peers().read('', said);
    const line = names(exposition({}, [answered({ cluster: 'c', endpoint: istioEndpoint, upstreamPeer })]));
    expect(line).toContain('destination_workload="itself",destination_workload_namespace="bank"');
  });

  test('a client’s namespace is that of its certificate', () => {
    const said = tellPeer({ WORKLOAD_NAME: 'them', NAMESPACE: 'lies' }, []);
    const exchange = testExchange({}, { tls: peerTls() });
    Object.assign(exchange, { downstreamPeer: new Peers().read('', said), clusterMetadata: istioCluster });
    const line = names(exposition({}, [exchange], 'inbound'));
    expect(line).toContain('source_workload="them",source_workload_namespace="shop"');
    expect(line).toContain('destination_workload="web"');
    expect(line).toContain('destination_service_name="orders",destination_service_namespace="shop"');
    expect(line).toContain('connection_security_policy="mutual_tls"');
  });

  test.each<[what: string, config: JsonObject, change: Partial<Exchange>, wants: string]>([
    ['the Host header', {}, {}, 'destination_service="shop.example",destination_service_name="shop.example"'],
    [
      'not the Host header where that may be anybody’s',
      { disable_host_header_fallback: true },
      {},
      'destination_service="unknown",destination_service_name="unknown"',
    ],
    ['a cluster for the rest', {}, { cluster: 'PassthroughCluster' }, 'destination_service_name="PassthroughCluster"'],
    [
      'a route for what is not let out',
      {},
      { route: route(forward('x'), { name: 'block_all' }) },
      'destination_service_name="BlackHoleCluster"',
    ],
  ])('a service that nobody names: %s', (_what, config, change, wants) => {
    expect(names(exposition(config, [answered(change)]))).toContain(wants);
  });
});

test('messages of gRPC are counted where grpc_stats leaves them', () => {
  const filterState = new Map([['envoy.filters.http.grpc_stats', '3,5']]);
  const grpc = answered({ filterState }, { headers: ['content-type', 'application/grpc'] });
  const lines = exposition({}, [grpc, grpc]);
  const value = (name: string) =>
    lines
      .find((line) => line.startsWith(`${name}{`))
      ?.split(' ')
      .at(-1);
  expect([value('istio_request_messages_total'), value('istio_response_messages_total')]).toEqual(['6', '10']);
});
