import { expect, test } from 'vitest';
import type { TcpProxyConfig } from '../config/network-types.ts';
import { flag } from '../http/flags.ts';
import { chain, http, listener, routeTable } from '../testing/configs.ts';
import { peerTls, testExchange } from '../testing/exchange.ts';
import { IstioMetrics } from './istio-metrics.ts';
import { ownEnd } from './workload-end.ts';

const own = ownEnd({ WORKLOAD_NAME: 'web', NAMESPACE: 'shop', LABELS: { app: 'front', version: 'v1' } });
const orders = { host: 'orders.shop.svc.cluster.local', name: 'orders', namespace: 'shop' };
const tcp = { statPrefix: 't', onOpened: null } as unknown as TcpProxyConfig;

function observed(limit = 10, direction: 'inbound' | 'outbound' = 'outbound') {
  const metrics = new IstioMetrics(own, limit);
  const plain = chain(http(routeTable('none', {})));
  const config = listener([{ ...plain, network: { kind: 'tcp', tcp } }], {
    direction,
    metadata: { 'tulle.service': orders },
  });
  const { network } = metrics.observe(config).chains[0]!;
  const value = (name: string, label = '') => {
    const lines = metrics.text().split('\n');
    const line = lines.find((one) => one.startsWith(name) && one.includes(label));
    return line === undefined ? null : Number(line.slice(line.lastIndexOf(' ')));
  };
  return { metrics, open: network.kind === 'tcp' ? network.tcp.onOpened! : expect.unreachable(), value };
}

const outbound = () => {
  const record = testExchange();
  record.clusterMetadata = { 'tulle.service': orders };
  record.endpoint = { metadata: { 'tulle.workload': { workload: 'orders', namespace: 'shop' } } } as never;
  return record;
};

test('an open connection is counted up to now, each time somebody looks', () => {
  const { open, value } = observed();
  const record = outbound();
  const closed = open(record);
  expect(value('istio_tcp_connections_opened_total{')).toBe(1);
  record.requestBytes = 10;
  record.responseBytes = 20;
  expect([value('istio_tcp_received_bytes_total{'), value('istio_tcp_sent_bytes_total{')]).toEqual([10, 20]);
  record.requestBytes = 15;
  closed();
  expect(value('istio_tcp_received_bytes_total{')).toBe(15);
  expect(value('istio_tcp_connections_closed_total{')).toBe(1);
  record.requestBytes = 99;
  expect(value('istio_tcp_received_bytes_total{')).toBe(15);
});

test('labels as those of requests', () => {
  const { metrics, open } = observed();
  open(outbound());
  const line = metrics.text().match(/istio_tcp_connections_opened_total\{(.*)\}/)?.[1];
  for (const label of [
    'reporter="source"',
    'source_workload="web"',
    'destination_workload="orders"',
    'destination_service="orders.shop.svc.cluster.local"',
    'request_protocol="tcp"',
    'response_flags="-"',
    'connection_security_policy="unknown"',
  ]) {
    expect(line).toContain(label);
  }
});

test('the side of the server knows who calls by the certificate', () => {
  const { metrics, open } = observed(10, 'inbound');
  open(testExchange({}, { tls: peerTls() }));
  const text = metrics.text();
  expect(text).toContain('reporter="destination"');
  expect(text).toContain('source_principal="spiffe://cluster.local/ns/shop/sa/web"');
  expect(text).toContain('source_workload="unknown",source_workload_namespace="shop"');
  expect(text).toContain('connection_security_policy="mutual_tls"');
});

test('why a connection came to nothing', () => {
  const { open, value } = observed();
  const failed = testExchange();
  failed.flags = flag.upstreamConnectionFailure;
  open(failed)();
  const denied = testExchange();
  denied.terminationDetails = 'rbac_access_denied_matched_policy[none]';
  open(denied)();
  expect(value('istio_tcp_connections_closed_total{', 'response_flags="UF"')).toBe(1);
  expect(value('istio_tcp_connections_closed_total{', 'response_flags="RBAC"')).toBe(1);
});

test('too many sets of labels', () => {
  const { open, value } = observed(1);
  open(outbound())();
  open(testExchange())();
  expect(value('tulle_metrics_overflow_total ')).toBe(1);
});
