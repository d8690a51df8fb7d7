import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { DnsClusterSchema } from '../../xds/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import { LeastRequestSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts';
import { RandomSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts';
import { WrrLocalitySchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import { UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { defaultHttp2Options } from '../http2/options.ts';
import { endpoint, limits, outlierDetection } from '../testing/configs.ts';
import { cluster, packed, socket } from '../testing/resources.ts';
import { adsSource } from './config-source.ts';
import { plainAssignment } from './endpoints.ts';
import type { ClusterConfig } from './types.ts';

const struct = (type: string, value: JsonObject) => ({
  '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
  type_url: `type.googleapis.com/tulle.${type}`,
  value,
});
const typedPolicies = (...configs: JsonObject[]) => ({
  load_balancing_policy: {
    policies: configs.map((typed_config, i) => ({ typed_extension_config: { name: `p${i}`, typed_config } })),
  },
});

describe('cluster', () => {
  const warming = { window: 60_000, aggression: 2, aggressionKey: 'k', minWeightPercent: 10 };
  test('defaults are Envoy’s', () => {
    expect(cluster({})).toEqual({
      name: 'c',
      statName: 'c',
      discovery: { kind: 'static', assignment: plainAssignment([]) },
      connectTimeout: 5000,
      balancing: { kind: 'round-robin', slowStart: null },
      localities: { kind: 'zone-aware', minClusterSize: 6, routedPercent: 100, failOnPanic: false, forceDirect: false },
      subsets: null,
      overrideHeaders: [],
      overrideHealths: ['unknown', 'healthy', 'degraded'],
      tls: [{ name: 'default', when: {}, tls: null, proxyHeader: null }],
      socketOptions: [],
      limits: { default: limits(), high: limits() },
      maxRequestsPerConnection: 0,
      idleTimeout: 3_600_000,
      outlierDetection: null,
      healthChecks: [],
      ignoreNewHosts: false,
      ignoreHealthOnRemoval: false,
      sources: [],
      poolPerConnection: false,
      closeOnHealthFailure: false,
      closeOnSetChange: false,
      http: {
        protocol: 'http1',
        http2: defaultHttp2Options,
        maxConnectionDuration: 0,
        maxStreamDuration: 0,
        preconnectRatio: 1,
        requestNames: null,
      },
      panicThreshold: 50,
      tracksSizes: false,
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
  const dns = { refresh: 5000, failureRefresh: null, respectTtl: false, jitter: 0, family: 'auto' } as const;
  const hashing = { key: 'address', balanceFactor: 0 } as const;
  const speaks = (protocol: ClusterConfig['http']['protocol'], maxConcurrentStreams: number) => ({
    http: {
      protocol,
      http2: { ...defaultHttp2Options, maxConcurrentStreams },
      maxConnectionDuration: 0,
      maxStreamDuration: 0,
      preconnectRatio: 1,
      requestNames: null,
    },
  });
  test.each<[name: string, change: JsonObject, wants: Partial<ClusterConfig>]>([
    [
      'HTTP/2',
      options({ explicit_http_config: { http2_protocol_options: { max_concurrent_streams: 7 } } }),
      speaks('http2', 7),
    ],
    ['HTTP/2 the old way', { http2_protocol_options: { max_concurrent_streams: 8 } }, speaks('http2', 8)],
    ['by ALPN', options({ auto_config: {} }), speaks('alpn', 1024)],
    ['as downstream', options({ use_downstream_protocol_config: {} }), speaks('downstream', 1024)],
    ['EDS', eds, { discovery: { kind: 'eds', serviceName: 'c', source: adsSource } }],
    [
      'EDS by another name',
      { type: 'EDS', eds_cluster_config: { eds_config: { ads: {} }, service_name: 's' } },
      { discovery: { kind: 'eds', serviceName: 's', source: adsSource } },
    ],
    [
      'STRICT_DNS',
      { type: 'STRICT_DNS', load_assignment: {} },
      { discovery: { kind: 'strict-dns', assignment: plainAssignment([]), ...dns } },
    ],
    [
      'DNS in every detail',
      {
        type: 'STRICT_DNS',
        load_assignment: {},
        dns_refresh_rate: '9s',
        dns_failure_refresh_rate: { base_interval: '1s' },
        dns_jitter: '0.5s',
        respect_dns_ttl: true,
        dns_lookup_family: 'ALL',
      },
      {
        discovery: {
          kind: 'strict-dns',
          assignment: plainAssignment([]),
          refresh: 9000,
          failureRefresh: { base: 1000, max: 10_000 },
          respectTtl: true,
          jitter: 500,
          family: 'all',
        },
      },
    ],
    [
      'DNS by its typed cluster',
      {
        load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address: socket() } }] }] },
        cluster_type: {
          name: 'envoy.clusters.dns',
          typed_config: packed(DnsClusterSchema, {
            dns_refresh_rate: '2s',
            dns_lookup_family: 'V4_ONLY',
            all_addresses_in_single_endpoint: true,
          }),
        },
      },
      {
        discovery: {
          ...dns,
          kind: 'logical-dns',
          assignment: plainAssignment([endpoint(8080)]),
          refresh: 2000,
          family: 'v4',
        },
      },
    ],
    [
      'original destination',
      {
        type: 'ORIGINAL_DST',
        lb_policy: 'CLUSTER_PROVIDED',
        original_dst_lb_config: { use_http_header: true, upstream_port_override: 8 },
        cleanup_interval: '9s',
      },
      {
        discovery: {
          kind: 'original-dst',
          header: 'x-envoy-original-dst-host',
          portOverride: 8,
          cleanup: 9000,
        },
      },
    ],
    [
      'least request',
      { lb_policy: 'LEAST_REQUEST' },
      { balancing: { kind: 'least-request', choices: 2, bias: 1, biasKey: '', fullScan: false, slowStart: null } },
    ],
    [
      'ring',
      { lb_policy: 'RING_HASH' },
      { balancing: { kind: 'ring-hash', minimumRingSize: 1024, maximumRingSize: 8_388_608, hash: 'xx', ...hashing } },
    ],
    [
      'maglev',
      { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: '251' } },
      { balancing: { kind: 'maglev', tableSize: 251, ...hashing } },
    ],
    [
      'limits',
      { circuit_breakers: { thresholds: [{ priority: 'HIGH', max_requests: 1 }, { max_requests: 2 }] } },
      { limits: { default: limits({ maxRequests: 2 }), high: limits({ maxRequests: 1 }) } },
    ],
    [
      'options',
      options({
        common_http_protocol_options: { idle_timeout: '1s', max_requests_per_connection: 2 },
        explicit_http_config: { http_protocol_options: {} },
      }),
      { idleTimeout: 1000, maxRequestsPerConnection: 2 },
    ],
    ['outlier detection', { outlier_detection: {} }, { outlierDetection: outlierDetection() }],
    [
      'outlier detectors and times',
      {
        outlier_detection: {
          enforcing_consecutive_5xx: 50,
          consecutive_gateway_failure: 3,
          enforcing_consecutive_gateway_failure: 100,
          base_ejection_time: '600s',
          max_ejection_time_jitter: '1s',
          split_external_local_origin_errors: true,
          failure_percentage_threshold: 50,
          enforcing_failure_percentage: 10,
          success_rate_stdev_factor: 1000,
          always_eject_one_host: true,
          monitors: [
            {
              name: 'accrual',
              typed_config: struct('outlier_detection_monitors.consecutive_failures.v1.ConsecutiveFailures', {
                max_failures: 3,
                min_penalty: '0.5s',
              }),
            },
          ],
        },
      },
      {
        outlierDetection: outlierDetection({
          consecutive5xx: { count: 5, enforcing: 50 },
          consecutiveGatewayFailure: { count: 3, enforcing: 100 },
          baseEjection: 600_000,
          maxEjection: 600_000,
          maxEjectionJitter: 1000,
          splitLocalOrigin: true,
          failurePercentage: { ...outlierDetection().failurePercentage, threshold: 50, enforcing: 10 },
          successRate: { ...outlierDetection().successRate, stdevFactor: 1000 },
          alwaysEjectOne: true,
          accrual: { maxFailures: 3, minPenalty: 500, maxPenalty: 60_000, jitterRatio: 0.5 },
        }),
      },
    ],
    [
      'slow start',
      {
        round_robin_lb_config: {
          slow_start_config: { slow_start_window: '60s', aggression: { default_value: 2, runtime_key: 'k' } },
        },
      },
      { balancing: { kind: 'round-robin', slowStart: warming } },
    ],
    [
      'ring of hostnames, bounded',
      {
        type: 'STRICT_DNS',
        load_assignment: {},
        lb_policy: 'RING_HASH',
        ring_hash_lb_config: { hash_function: 'MURMUR_HASH_2', minimum_ring_size: '1' },
        common_lb_config: {
          consistent_hashing_lb_config: { use_hostname_for_hashing: true, hash_balance_factor: 150 },
        },
      },
      {
        balancing: {
          kind: 'ring-hash',
          minimumRingSize: 1,
          maximumRingSize: 8_388_608,
          hash: 'murmur2',
          key: 'hostname',
          balanceFactor: 150,
        },
      },
    ],
    [
      'localities by weight',
      { common_lb_config: { locality_weighted_lb_config: {} } },
      { localities: { kind: 'weighted' } },
    ],
    [
      'localities by zone',
      { common_lb_config: { zone_aware_lb_config: { routing_enabled: { value: 50 }, fail_traffic_on_panic: true } } },
      {
        localities: {
          kind: 'zone-aware',
          minClusterSize: 6,
          routedPercent: 50,
          failOnPanic: true,
          forceDirect: false,
        },
      },
    ],
    [
      'subsets',
      {
        lb_subset_config: {
          fallback_policy: 'DEFAULT_SUBSET',
          default_subset: { stage: 'prod' },
          subset_selectors: [
            { keys: ['version', 'stage'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['stage'] },
            { keys: ['id'], single_host_per_subset: true },
            { keys: ['x'], fallback_policy: 'NO_FALLBACK' },
          ],
          list_as_any: true,
          metadata_fallback_policy: 'FALLBACK_LIST',
        },
      },
      {
        subsets: {
          fallback: 'default',
          defaultSubset: { stage: 'prod' },
          selectors: [
            { keys: ['stage', 'version'], singleHost: false, fallback: { keys: ['stage'] } },
            { keys: ['id'], singleHost: true, fallback: null },
            { keys: ['x'], singleHost: false, fallback: 'none' },
          ],
          localityWeightAware: false,
          scaleLocalityWeight: false,
          panicModeAny: false,
          listAsAny: true,
          metadataFallback: true,
        },
      },
    ],
    [
      'the first policy that is known',
      typedPolicies(
        struct('unheard.of.Policy', {}),
        struct('load_balancing_policies.peak_ewma.v1.PeakEwma', { decay: '5s' }),
        packed(RandomSchema),
      ),
      { balancing: { kind: 'peak-ewma', decay: 5000, defaultRtt: 30 } },
    ],
    [
      'a typed policy inside another',
      typedPolicies(
        packed(WrrLocalitySchema, {
          endpoint_picking_policy: typedPolicies(
            packed(LeastRequestSchema, { choice_count: 3, selection_method: 'FULL_SCAN' }),
          ).load_balancing_policy,
        }),
      ),
      {
        balancing: { kind: 'least-request', choices: 3, bias: 1, biasKey: '', fullScan: true, slowStart: null },
        localities: { kind: 'weighted' },
      },
    ],
    [
      'retry budget',
      { circuit_breakers: { thresholds: [{ retry_budget: { min_retry_concurrency: 7 } }] } },
      { limits: { default: limits({ retryBudget: { percent: 20, minimum: 7 } }), high: limits() } },
    ],
    [
      'limits of each endpoint',
      { circuit_breakers: { per_host_thresholds: [{ max_connections: 2 }, { priority: 'HIGH', max_connections: 3 }] } },
      { limits: { default: limits({ maxConnectionsPerHost: 2 }), high: limits({ maxConnectionsPerHost: 3 }) } },
    ],
  ])('%s', (_name, change, wants) => {
    expect(cluster(change)).toMatchObject(wants);
  });

  test('names for the handshake', () => {
    const context = { auto_host_sni: true, sni: 'a' };
    const given = {
      ...options({
        explicit_http_config: { http_protocol_options: {} },
        upstream_http_protocol_options: { auto_sni: true, override_auto_sni_header: 'X-Name' },
      }),
      transport_socket: { name: 't', typed_config: packed(UpstreamTlsContextSchema, context) },
    };
    expect(cluster(given)).toMatchObject({
      tls: [{ tls: { sni: 'a', sniFromHost: true, verifiesSni: false } }],
      http: { requestNames: { header: 'x-name', asked: true, verified: false } },
    });
  });

  test('sockets by endpoint, then the default', () => {
    const tls = (sni: string) => ({ name: 't', typed_config: packed(UpstreamTlsContextSchema, { sni }) });
    const match = { name: 'm', match: { tlsMode: 'istio' }, transport_socket: tls('a') };
    expect(cluster({ transport_socket_matches: [match], transport_socket: tls('b') }).tls).toMatchObject([
      { name: 'm', when: { tlsMode: 'istio' }, tls: { sni: 'a', certificate: null, validation: null } },
      { name: 'default', when: {}, tls: { sni: 'b' } },
    ]);
  });

  test('a PROXY header before TLS', () => {
    const inner = { name: 't', typed_config: packed(UpstreamTlsContextSchema, { sni: 'a' }) };
    const behind = (config: JsonObject) => ({
      name: 'p',
      typed_config: packed(ProxyProtocolUpstreamTransportSchema, { config, transport_socket: inner }),
    });
    const added_tlvs = [
      { type: 5, value: 'YQ==' },
      { type: 5, value: 'Yg==' },
    ];
    expect(
      cluster({ transport_socket: behind({ version: 'V2', pass_through_tlvs: {}, added_tlvs }) }).tls,
    ).toMatchObject([
      { tls: { sni: 'a' }, proxyHeader: { version: 2, passes: 'all', added: [{ type: 5, value: Buffer.from('a') }] } },
    ]);
    expect(() => cluster({ transport_socket: behind({ added_tlvs: [{ type: 5 }] }) })).toThrow(
      'transport_socket.typed_config.config.added_tlvs[0].value: is empty',
    );
  });

  const extension = 'typed_extension_protocol_options[envoy.extensions.upstreams.http.v3.HttpProtocolOptions]';
  test.each<[change: JsonObject, wants: string]>([
    [{ name: '' }, 'name: is empty'],
    [{ health_checks: [{}] }, 'health_checks[0].timeout: is required'],
    [{ type: 'ORIGINAL_DST', load_assignment: {} }, 'load_assignment: is not for ORIGINAL_DST'],
    [{ type: 'ORIGINAL_DST' }, 'lb_policy: must be CLUSTER_PROVIDED for clusters of kind original-dst'],
    [
      { type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED', original_dst_lb_config: { http_header_name: 'x' } },
      'original_dst_lb_config.http_header_name: is set without use_http_header',
    ],
    [{ type: 'STATIC' }, 'load_assignment: is required'],
    [{ type: 'EDS', eds_cluster_config: { eds_config: {} } }, 'eds_cluster_config.eds_config: has no supported source'],
    [{ type: 'LOGICAL_DNS', load_assignment: { endpoints: [host, host] } }, 'load_assignment: must have one endpoint'],
    [{ lb_policy: 'CLUSTER_PROVIDED' }, 'lb_policy: CLUSTER_PROVIDED is not for clusters of kind static'],
    [{ lb_policy: 'MAGLEV', maglev_lb_config: { table_size: '250' } }, 'maglev_lb_config.table_size: must be a prime'],
    [
      { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: '9000000' } },
      'ring_hash_lb_config.minimum_ring_size: ',
    ],
    [
      { http2_protocol_options: { initial_stream_window_size: 1 } },
      'http2_protocol_options.initial_stream_window_size: must be 65535 to 2147483647',
    ],
    [
      options({ explicit_http_config: { http2_protocol_options: { allow_metadata: true } } }),
      `${extension}.explicit_http_config.http2_protocol_options.allow_metadata: is not supported`,
    ],
    [
      options({ explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: '1s' } } } }),
      `${extension}.explicit_http_config.http2_protocol_options.connection_keepalive.timeout: must be at least 1 ms`,
    ],
    [options({ explicit_http_config: {} }), `${extension}.explicit_http_config: names no protocol`],
    [options({}), `${extension}: names no protocol`],
    [
      { preconnect_policy: { per_upstream_preconnect_ratio: 4 } },
      'preconnect_policy.per_upstream_preconnect_ratio: must be 1 to 3',
    ],
    [
      { common_lb_config: { consistent_hashing_lb_config: { hash_balance_factor: 99 } }, lb_policy: 'MAGLEV' },
      'maglev_lb_config.hash_balance_factor: 99 is less than 100',
    ],
    [
      { lb_subset_config: { subset_selectors: [{ keys: ['a', 'b'], single_host_per_subset: true }] } },
      'lb_subset_config.subset_selectors[0].single_host_per_subset: must have a single key',
    ],
    [
      {
        lb_subset_config: {
          subset_selectors: [{ keys: ['a'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['b'] }],
        },
      },
      'lb_subset_config.subset_selectors[0].fallback_keys_subset: must be some of the keys',
    ],
    [
      { outlier_detection: { enforcing_success_rate: 101 } },
      'outlier_detection.enforcing_success_rate: 101 is over 100',
    ],
    [typedPolicies(struct('unheard.of.Policy', {})), 'load_balancing_policy.policies: none of [p0] is supported'],
    [
      typedPolicies(struct('load_balancing_policies.peak_ewma.v1.PeakEwma', { half_life: '5s' })),
      'load_balancing_policy.policies[0].typed_extension_config.typed_config.value.half_life: is not known',
    ],
    [
      typedPolicies(struct('load_balancing_policies.peak_ewma.v1.PeakEwma', { decay: '5' })),
      'load_balancing_policy.policies[0].typed_extension_config.typed_config.value.decay: is no duration',
    ],
    [
      {
        load_assignment: {
          endpoints: [
            { lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'a', port_value: 1 } } } }] },
          ],
        },
      },
      'load_assignment.endpoints[0].lb_endpoints[0].endpoint.address: a is no IP address',
    ],
    [
      { circuit_breakers: { per_host_thresholds: [{ max_requests: 2 }] } },
      'circuit_breakers.per_host_thresholds[0]: may have max_connections only',
    ],
    [{ connect_timeout: '0s' }, 'connect_timeout: must be more than 0'],
    [
      {
        transport_socket: { name: 't', typed_config: packed(UpstreamTlsContextSchema, { allow_renegotiation: true }) },
      },
      'transport_socket.typed_config.allow_renegotiation: is not supported',
    ],
    [
      {
        transport_socket: {
          name: 't',
          typed_config: packed(UpstreamTlsContextSchema, { auto_sni_san_validation: true }),
        },
      },
      'transport_socket.typed_config.auto_sni_san_validation: needs a validation context',
    ],
  ])('refuses %j', (change, wants) => {
    expect(() => cluster(change)).toThrow(wants);
  });
});
