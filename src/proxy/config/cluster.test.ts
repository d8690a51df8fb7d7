import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import { UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { defaultResponseLimits } from '../http/response-limits.ts';
import { defaultHttp1Options } from '../http1/options.ts';
import { defaultHttp2Options } from '../http2/options.ts';
import { limits } from '../testing/configs.ts';
import { cluster, packed } from '../testing/resources.ts';
import { adsSource } from './config-source.ts';
import { plainAssignment } from './endpoints.ts';
import type { ClusterConfig } from './types.ts';

describe('cluster', () => {
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
      origins: [],
      addressOrder: { first: 'any', count: 1 },
      poolPerConnection: false,
      closeOnHealthFailure: false,
      closeOnSetChange: false,
      http: {
        protocol: 'http1',
        http1: defaultHttp1Options,
        http2: defaultHttp2Options,
        responseLimits: defaultResponseLimits,
        maxConnectionDuration: 0,
        maxStreamDuration: 0,
        preconnectRatio: 1,
        requestNames: null,
        edits: null,
      },
      panicThreshold: 50,
      tracksSizes: false,
      tracksBudgets: false,
      tracksEndpoints: false,
      metadata: {},
    });
  });

  const eds = { type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } } };
  const options = (json: JsonObject) => ({
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': packed(HttpProtocolOptionsSchema, json),
    },
  });
  const speaks = (protocol: ClusterConfig['http']['protocol'], maxConcurrentStreams: number) => ({
    http: {
      protocol,
      http1: defaultHttp1Options,
      http2: { ...defaultHttp2Options, maxConcurrentStreams },
      responseLimits: defaultResponseLimits,
      maxConnectionDuration: 0,
      maxStreamDuration: 0,
      preconnectRatio: 1,
      requestNames: null,
      edits: null,
    },
  });
  test.each<[name: string, change: JsonObject, wants: Partial<ClusterConfig>]>([
    [
      'HTTP/2',
      options({ explicit_http_config: { http2_protocol_options: { max_concurrent_streams: 7 } } }),
      speaks('http2', 7),
    ],
    ['HTTP/2 the old way', { http2_protocol_options: { max_concurrent_streams: 8 } }, speaks('http2', 8)],
    [
      'limits of response heads',
      options({
        common_http_protocol_options: { max_headers_count: 7, max_response_headers_kb: 8 },
        explicit_http_config: { http_protocol_options: {} },
      }),
      { http: { ...speaks('http1', 1024).http, responseLimits: { maxHeadBytes: 8192, maxHeaders: 7 } } },
    ],
    ['by ALPN', options({ auto_config: {} }), speaks('alpn', 1024)],
    ['as downstream', options({ use_downstream_protocol_config: {} }), speaks('downstream', 1024)],
    ['EDS', eds, { discovery: { kind: 'eds', serviceName: 'c', source: adsSource } }],
    [
      'EDS by another name',
      { type: 'EDS', eds_cluster_config: { eds_config: { ads: {} }, service_name: 's' } },
      { discovery: { kind: 'eds', serviceName: 's', source: adsSource } },
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
    [{ lb_policy: 'CLUSTER_PROVIDED' }, 'lb_policy: CLUSTER_PROVIDED is not for clusters of kind static'],
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
    [
      { common_http_protocol_options: { max_headers_count: 0 } },
      'common_http_protocol_options.max_headers_count: must be more than 0',
    ],
    [
      { common_http_protocol_options: { max_response_headers_kb: 8193 } },
      'common_http_protocol_options.max_response_headers_kb: must be 1 to 8192',
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
