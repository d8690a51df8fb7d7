import { expect, test } from 'vitest';
import { clusterKey, envoyReader } from './envoy-reader.ts';

const self = { workload: 'web', namespace: 'shop', app: 'web', version: 'v1' };
const cart = { workload: 'cart-v2', namespace: 'shop', app: 'cart', version: 'v2' };
const name = 'outbound|80|v2|cart.shop.svc.cluster.local';
const clusters = new Map([[clusterKey(name), { destination: cart, service: { name: 'cart', namespace: 'shop' } }]]);

/** As Envoy 1.40 writes it without tag rules of ours: the name is cut at the first dot. */
const cut = (metric: string, labels: string, value: number): string =>
  `envoy_cluster_shop_svc_cluster_local_${metric}{${labels}envoy_cluster_name="outbound|80|v2|cart"} ${value}\n`;
/** As with Istio's tag rules: the whole name is in the label. */
const whole = (metric: string, labels: string, value: number): string =>
  `envoy_cluster_${metric}{${labels}envoy_cluster_name="${name}"} ${value}\n`;

test.each([
  ['cut at the dot', cut],
  ['whole', whole],
])('outbound clusters, their name %s', (_name, line) => {
  const text =
    line('upstream_rq_xx', 'envoy_response_code_class="2",', 6) +
    line('upstream_rq_xx', 'envoy_response_code_class="4",', 1) +
    line('upstream_rq_xx', 'envoy_response_code_class="5",', 2) +
    line('external_upstream_rq_xx', 'envoy_response_code_class="5",', 2) +
    line('upstream_rq', 'envoy_response_code="403",', 1) +
    line('upstream_rq', 'envoy_response_code="404",', 7) +
    line('upstream_rq_time_bucket', 'le="1",', 4) +
    line('upstream_rq_time_bucket', 'le="+Inf",', 9) +
    line('upstream_cx_total', '', 3) +
    line('ssl_handshake', '', 3);
  expect(envoyReader(self, clusters).read(text)).toEqual({
    fault: null,
    readings: [
      {
        id: clusterKey(name),
        flow: { reporter: 'source', source: self, destination: cart, service: { name: 'cart', namespace: 'shop' } },
        counts: { requests: 9, failed: 2, unsent: 0, denied: 1, secure: 9, plain: 0 },
        latency: { bounds: [1, Infinity], cumulative: [4, 9] },
      },
    ],
  });
});

test('a cluster with connections and no handshake is plain text', () => {
  const text = cut('upstream_rq_xx', 'envoy_response_code_class="2",', 6) + cut('upstream_cx_total', '', 1);
  expect(envoyReader(self, clusters).read(text).readings).toMatchObject([{ counts: { secure: 0, plain: 6 } }]);
});

test('inbound: what reached the application and what policy refused, from nobody in particular', () => {
  const text =
    'envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="inbound|8080||"} 5\n' +
    'envoy_http_rbac_denied{envoy_http_conn_manager_prefix="inbound_8080"} 2\n';
  expect(envoyReader(self, clusters).read(text).readings).toMatchObject([
    { flow: { reporter: 'destination', source: null, destination: self }, counts: { requests: 7, denied: 2 } },
  ]);
});

test('clusters that the plan does not have are left out', () => {
  const text = 'envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="xds"} 5\n';
  expect(envoyReader(self, clusters).read(text).readings).toEqual([]);
});
