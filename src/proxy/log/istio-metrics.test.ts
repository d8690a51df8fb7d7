import { describe, expect, test } from 'vitest';
import type { ListenerConfig } from '../config/types.ts';
import type { Exchange, PeerTls } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import { HeaderMap } from '../http/headers.ts';
import { chain, http, listener, routeTable } from '../testing/configs.ts';
import { peerTls, type RequestInit, testExchange } from '../testing/exchange.ts';
import { httpOf } from '../testing/resources.ts';
import { IstioMetrics } from './istio-metrics.ts';
import { ownEnd, peerEnd, unknownEnd } from './workload-end.ts';

const noRoutes = routeTable('none', {});
const plain = chain(http(noRoutes));
const own = ownEnd({ WORKLOAD_NAME: 'web', NAMESPACE: 'shop', LABELS: { app: 'front', version: 'v1' } });
const peer = 'workload=web;namespace=shop;app=front;version=v1';
const orders = { host: 'orders.shop.svc.cluster.local', name: 'orders', namespace: 'shop' };

function finished(
  change: Partial<Exchange> = {},
  request: RequestInit = {},
  tls: PeerTls | null = peerTls(),
): Exchange {
  const exchange = testExchange(request, { tls });
  exchange.response = { status: 200, headers: new HeaderMap() };
  return Object.assign(exchange, change);
}

/** Writes the exchanges through a listener and reads the samples of one metric. */
function samples(
  config: Partial<ListenerConfig>,
  exchanges: readonly Exchange[],
  metric = 'istio_requests_total',
  limit = 10,
) {
  const metrics = new IstioMetrics(own, limit);
  const observed = metrics.observe(listener([plain], config));
  const [log] = httpOf(observed.chains[0]!).accessLogs;
  for (const exchange of exchanges) log!.write(exchange, exchange.started + 7);
  return metrics
    .text()
    .split('\n')
    .filter((line) => line.startsWith(metric));
}

const inbound = { direction: 'inbound', metadata: { 'tulle.service': orders } } as const;
const outbound = { direction: 'outbound' } as const;
const endpoint = {
  metadata: { 'tulle.workload': { workload: 'orders', namespace: 'shop', app: 'o', version: 'v2' } },
} as never;

describe('labels', () => {
  test('a client’s side', () => {
    const exchange = finished({ cluster: 'c', clusterMetadata: { 'tulle.service': orders }, endpoint });
    const [sample] = samples(outbound, [exchange, exchange]);
    expect(sample).toMatch(/ 2$/);
    for (const label of [
      'reporter="source"',
      'source_workload="web"',
      'source_workload_namespace="shop"',
      'source_app="front"',
      'source_version="v1"',
      'destination_workload="orders"',
      'destination_version="v2"',
      'destination_service="orders.shop.svc.cluster.local"',
      'destination_service_name="orders"',
      'destination_service_namespace="shop"',
      'request_protocol="http"',
      'response_code="200"',
      'response_flags="-"',
      'connection_security_policy="unknown"',
    ]) {
      expect(sample).toContain(label);
    }
  });

  test('a server’s side', () => {
    const [sample] = samples(inbound, [finished({ peer })]);
    for (const label of [
      'reporter="destination"',
      'source_workload="web"',
      'source_principal="spiffe://cluster.local/ns/shop/sa/web"',
      'destination_principal="spiffe://cluster.local/ns/shop/sa/orders"',
      'destination_service_name="orders"',
      'connection_security_policy="mutual_tls"',
    ]) {
      expect(sample).toContain(label);
    }
  });

  test.each<[name: string, exchange: Exchange, wants: string]>([
    ['plain text is seen', finished({}, {}, null), 'connection_security_policy="none"'],
    ['nobody is believed without a certificate', finished({ peer }, {}, null), 'source_workload="unknown"'],
    [
      'a refusal has a flag of its own',
      finished({ details: 'rbac_access_denied_matched_policy[none]' }),
      'response_flags="RBAC"',
    ],
    ['flags are Envoy’s', finished({ flags: flag.noHealthyUpstream }), 'response_flags="UH"'],
    ['no response', finished({ response: null }), 'response_code="0"'],
    [
      'gRPC',
      finished(
        { response: { status: 200, headers: new HeaderMap(['grpc-status', '14']) } },
        { headers: ['content-type', 'application/grpc'] },
      ),
      'request_protocol="grpc",response_code="200",grpc_response_status="14"',
    ],
  ])('%s', (_name, exchange, wants) => {
    expect(samples(inbound, [exchange]).join()).toContain(wants);
  });

  test('hostile values are escaped', () => {
    const metadata = { 'tulle.service': { ...orders, name: 'a"b\\c\nd' } };
    expect(samples({ ...inbound, metadata }, [finished()])[0]).toContain('destination_service_name="a\\"b\\\\c\\nd"');
  });
});

describe('who the peer is', () => {
  const principal = 'spiffe://cluster.local/ns/shop/sa/web';
  const certified = { ...unknownEnd, namespace: 'shop' };
  test.each([
    ['its own namespace', peer, principal, { ...unknownEnd, ...own, service: 'front', revision: 'v1' }],
    ['another namespace', peer.replace('=shop', '=bank'), principal, certified],
    ['a namespace that begins alike', peer.replace('=shop', '=sho'), principal, certified],
    ['no namespace', 'workload=web', principal, certified],
    ['no certificate', peer, '', unknownEnd],
    ['nothing', '', principal, certified],
    ['a certificate of another kind', '', 'spiffe://cluster.local/web', unknownEnd],
    ['too much', `${peer};app=${'x'.repeat(2000)}`, principal, certified],
  ])('%s', (_name, header, name, wants) => {
    expect(peerEnd(header, name)).toEqual(wants);
  });
});

test('durations fall into Istio’s buckets', () => {
  const lines = samples(inbound, [finished(), finished()], 'istio_request_duration_milliseconds');
  const bucket = (bound: string) =>
    lines
      .find((line) => line.includes(`le="${bound}"`))
      ?.split(' ')
      .at(-1);
  expect([bucket('5'), bucket('10'), bucket('3600000'), bucket('+Inf')]).toEqual(['0', '2', '2', '2']);
  expect(lines.find((line) => line.includes('_sum'))).toMatch(/ 14$/);
  expect(lines.find((line) => line.includes('_count'))).toMatch(/ 2$/);
});

test('series are bounded; what is over is counted', () => {
  const exchanges = Array.from({ length: 15 }, (_, i) =>
    finished({ response: { status: 200 + i, headers: new HeaderMap() } }),
  );
  expect(samples(inbound, exchanges)).toHaveLength(10);
  expect(samples(inbound, exchanges, 'tulle_metrics_overflow_total')).toEqual(['tulle_metrics_overflow_total 5']);
});

test('a listener keeps its own logs, on every chain', () => {
  const log = { write: () => undefined };
  const config = listener([chain(http(noRoutes, { accessLogs: [log] }))], { defaultChain: plain });
  const observed = new IstioMetrics(own).observe(config);
  expect(httpOf(observed.chains[0]!).accessLogs[0]).toBe(log);
  expect(httpOf(observed.defaultChain!).accessLogs).toHaveLength(1);
});

test('every metric has its HELP and TYPE once, before its samples', () => {
  const lines = samples(outbound, [finished({ cluster: 'c', clusterMetadata: {}, endpoint })], '');
  const seen: string[] = [];
  for (const line of lines.filter((each) => each !== '')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') seen.push(name);
    else if (kind === 'TYPE') expect(`${seen.at(-1)} ${rest}`).toMatch(new RegExp(`^${name} (counter|histogram)$`));
    else expect(line).toMatch(new RegExp(`^${seen.at(-1)}(_bucket|_sum|_count)?[{ ]`));
  }
  expect(seen).toEqual([
    'istio_requests_total',
    'istio_request_duration_milliseconds',
    'istio_request_bytes',
    'istio_response_bytes',
    'istio_request_messages_total',
    'istio_response_messages_total',
    'tulle_metrics_overflow_total',
    'istio_tcp_connections_opened_total',
    'istio_tcp_connections_closed_total',
    'istio_tcp_sent_bytes_total',
    'istio_tcp_received_bytes_total',
  ]);
});
