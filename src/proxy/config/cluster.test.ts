import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { cluster, packed, socket } from '../testing/resources.ts';
import type { ClusterConfig } from './types.ts';

describe('cluster', () => {
  test('defaults are Envoy’s', () => {
    expect(cluster({})).toEqual({
      name: 'c',
      discovery: { kind: 'static', endpoints: [] },
      connectTimeout: 5000,
      balancing: { kind: 'round-robin' },
      tls: [{ name: 'default', when: {}, tls: null }],
      limits: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 },
      maxRequestsPerConnection: 0,
      idleTimeout: 3_600_000,
      outlierDetection: null,
      panicThreshold: 50,
      metadata: {},
    });
  });

  const eds = { type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } } };
  const host = { lb_endpoints: [{ endpoint: { address: socket() } }] };
  const options = (json: JsonObject) => ({
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': packed(HttpProtocolOptionsSchema, json),
    },
  });
  const outlier = { interval: 10_000, baseEjection: 30_000, maxEjection: 300_000, maxEjectionPercent: 10 };
  test.each<[name: string, change: JsonObject, wants: Partial<ClusterConfig>]>([
    ['EDS', eds, { discovery: { kind: 'eds', serviceName: 'c' } }],
    [
      'EDS by another name',
      { type: 'EDS', eds_cluster_config: { eds_config: { ads: {} }, service_name: 's' } },
      { discovery: { kind: 'eds', serviceName: 's' } },
    ],
    [
      'STRICT_DNS',
      { type: 'STRICT_DNS', load_assignment: {} },
      { discovery: { kind: 'strict-dns', endpoints: [], refresh: 5000 } },
    ],
    ['least request', { lb_policy: 'LEAST_REQUEST' }, { balancing: { kind: 'least-request', choices: 2 } }],
    [
      'ring',
      { lb_policy: 'RING_HASH' },
      { balancing: { kind: 'ring-hash', minimumRingSize: 1024, maximumRingSize: 8_388_608 } },
    ],
    [
      'maglev',
      { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: '251' } },
      { balancing: { kind: 'maglev', tableSize: 251 } },
    ],
    [
      'limits',
      { circuit_breakers: { thresholds: [{ priority: 'HIGH', max_requests: 1 }, { max_requests: 2 }] } },
      { limits: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 2, maxRetries: 3 } },
    ],
    ['panic off', { common_lb_config: { healthy_panic_threshold: { value: 0 } } }, { panicThreshold: 0 }],
    [
      'options',
      options({
        common_http_protocol_options: { idle_timeout: '1s', max_requests_per_connection: 2 },
        explicit_http_config: { http_protocol_options: {} },
      }),
      { idleTimeout: 1000, maxRequestsPerConnection: 2 },
    ],
    [
      'outlier detection',
      { outlier_detection: {} },
      { outlierDetection: { consecutive5xx: 5, consecutiveGatewayFailure: 0, ...outlier } },
    ],
    [
      'outlier detectors that are off',
      {
        outlier_detection: {
          enforcing_consecutive_5xx: 0,
          enforcing_consecutive_gateway_failure: 100,
          base_ejection_time: '600s',
        },
      },
      {
        outlierDetection: {
          consecutive5xx: 0,
          consecutiveGatewayFailure: 5,
          ...outlier,
          baseEjection: 600_000,
          maxEjection: 600_000,
        },
      },
    ],
  ])('%s', (_name, change, wants) => {
    expect(cluster(change)).toMatchObject(wants);
  });

  test('sockets by endpoint, then the default', () => {
    const tls = (sni: string) => ({ name: 't', typed_config: packed(UpstreamTlsContextSchema, { sni }) });
    const match = { name: 'm', match: { tlsMode: 'istio' }, transport_socket: tls('a') };
    expect(cluster({ transport_socket_matches: [match], transport_socket: tls('b') }).tls).toMatchObject([
      { name: 'm', when: { tlsMode: 'istio' }, tls: { sni: 'a', certificate: null, validation: null } },
      { name: 'default', when: {}, tls: { sni: 'b' } },
    ]);
  });

  const extension = 'typed_extension_protocol_options[envoy.extensions.upstreams.http.v3.HttpProtocolOptions]';
  test.each<[change: JsonObject, wants: string]>([
    [{ name: '' }, 'name: is empty'],
    [{ health_checks: [{}] }, 'health_checks: is not supported'],
    [{ lb_subset_config: {} }, 'lb_subset_config: is not supported'],
    [{ type: 'ORIGINAL_DST', load_assignment: {} }, 'type: is not supported'],
    [{ type: 'STATIC' }, 'load_assignment: is required'],
    [{ type: 'EDS', eds_cluster_config: { eds_config: { path: '/x' } } }, 'eds_cluster_config.eds_config: must be ads'],
    [{ type: 'LOGICAL_DNS', load_assignment: { endpoints: [host, host] } }, 'load_assignment: must have one endpoint'],
    [{ lb_policy: 'CLUSTER_PROVIDED' }, 'lb_policy: is not supported'],
    [{ lb_policy: 'MAGLEV', maglev_lb_config: { table_size: '250' } }, 'maglev_lb_config.table_size: must be a prime'],
    [
      { lb_policy: 'RING_HASH', ring_hash_lb_config: { hash_function: 'MURMUR_HASH_2' } },
      'ring_hash_lb_config.hash_function: ',
    ],
    [
      { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: '9000000' } },
      'ring_hash_lb_config.minimum_ring_size: ',
    ],
    [{ http2_protocol_options: {} }, 'http2_protocol_options: is not supported'],
    [
      options({ explicit_http_config: { http2_protocol_options: {} } }),
      `${extension}.explicit_http_config.http2_protocol_options: is not supported`,
    ],
    [options({ use_downstream_protocol_config: {} }), `${extension}.use_downstream_protocol_config: is not supported`],
    [options({}), `${extension}.explicit_http_config.http_protocol_options: is required`],
    [
      { common_lb_config: { locality_weighted_lb_config: {} } },
      'common_lb_config.locality_weighted_lb_config: is not supported',
    ],
    [
      { circuit_breakers: { thresholds: [{ retry_budget: {} }] } },
      'circuit_breakers.thresholds[0].retry_budget: is not supported',
    ],
    [
      { outlier_detection: { enforcing_success_rate: 100 } },
      'outlier_detection.enforcing_success_rate: is not supported',
    ],
    [
      { outlier_detection: { enforcing_consecutive_5xx: 50 } },
      'outlier_detection.enforcing_consecutive_5xx: 50 is not supported',
    ],
    [{ connect_timeout: '0s' }, 'connect_timeout: must be more than 0'],
    [
      { transport_socket: { name: 't', typed_config: packed(UpstreamTlsContextSchema, { auto_host_sni: true }) } },
      'transport_socket.typed_config.auto_host_sni: is not supported',
    ],
  ])('refuses %j', (change, wants) => {
    expect(() => cluster(change)).toThrow(wants);
  });
});
