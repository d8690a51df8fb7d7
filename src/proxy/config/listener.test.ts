import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { HTTPFaultSchema } from '../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { GzipSchema } from '../../xds/gen/envoy/extensions/filters/http/gzip/v3/gzip_pb.ts';
import { RBACSchema } from '../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { chain, http, listener, packed, router, socket } from '../testing/resources.ts';
import { adsSource } from './config-source.ts';
import type { HttpConnectionConfig } from './types.ts';

describe('listener', () => {
  test('defaults are Envoy’s', () => {
    expect(listener({})).toMatchObject({
      name: 'l',
      address: '127.0.0.1',
      port: 8080,
      direction: 'unspecified',
      listenerFilters: [],
      filtersTimeout: 15_000,
      continueOnTimeout: false,
      bound: true,
      handsOff: false,
      additionalAddresses: [],
      bufferLimit: 1_048_576,
      defaultChain: null,
      metadata: {},
      exempt: { fromOverload: false, fromConnectionLimit: false },
    });
    expect(http({})).toMatchObject({
      statPrefix: 's',
      filters: [],
      accessLogs: [],
      maxHeadBytes: 61_440,
      maxHeaders: 100,
      idleTimeout: 3_600_000,
      streamIdleTimeout: 300_000,
      requestTimeout: 0,
      requestHeadersTimeout: 0,
      useRemoteAddress: false,
      xffTrustedHops: 0,
      generateRequestId: true,
      preserveRequestId: false,
      serverName: 'envoy',
      serverHeader: 'overwrite',
      forwardClientCert: { mode: 'sanitize', set: { subject: false, uri: false, dns: false, cert: false } },
      normalizePath: false,
      mergeSlashes: false,
      acceptHttp10: false,
      via: '',
    });
  });

  test.each<[name: string, change: JsonObject, wants: Partial<HttpConnectionConfig>]>([
    [
      'limits',
      { max_request_headers_kb: 8, common_http_protocol_options: { max_headers_count: 9 } },
      { maxHeadBytes: 8192, maxHeaders: 9 },
    ],
    [
      'limits of a connection',
      {
        common_http_protocol_options: {
          max_connection_duration: '9s',
          max_connection_duration_jitter: { value: 50 },
          max_requests_per_connection: 7,
        },
      },
      { maxConnectionDuration: 9_000, maxConnectionJitter: 0.5, maxRequestsPerConnection: 7 },
    ],
    [
      'how connections go',
      { drain_timeout: '2s', delayed_close_timeout: '0s', http1_safe_max_connection_duration: true },
      { drainTimeout: 2_000, delayedCloseTimeout: 0, safeMaxDuration: true },
    ],
    [
      'how heads look',
      {
        path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT',
        always_set_request_id_in_response: true,
        append_local_overload: true,
        stream_error_on_invalid_http_message: true,
        proxy_100_continue: true,
        http_protocol_options: { allow_custom_methods: true, default_host_for_http_10: 'a' },
      },
      {
        escapedSlashes: 'redirect',
        answersRequestId: true,
        tellsOverload: true,
        outlivesBadRequests: true,
        proxies100Continue: true,
        anyMethod: true,
        defaultHost: 'a',
      },
    ],
    [
      'names with underscores',
      { common_http_protocol_options: { headers_with_underscores_action: 'REJECT_REQUEST' } },
      { underscores: 'reject' },
    ],
    ['how connections go by default', {}, { drainTimeout: 5_000, delayedCloseTimeout: 1_000, safeMaxDuration: false }],
    ['no idle timeout', { common_http_protocol_options: { idle_timeout: '0s' } }, { idleTimeout: 0 }],
    [
      'timeouts',
      { stream_idle_timeout: '1s', request_timeout: '2s', request_headers_timeout: '3s' },
      { streamIdleTimeout: 1000, requestTimeout: 2000, requestHeadersTimeout: 3000 },
    ],
    [
      'server header',
      { server_name: 'x', server_header_transformation: 'PASS_THROUGH' },
      { serverName: 'x', serverHeader: 'pass-through' },
    ],
    [
      'client certificate',
      { forward_client_cert_details: 'SANITIZE_SET', set_current_client_cert_details: { subject: true, uri: true } },
      { forwardClientCert: { mode: 'sanitize-set', set: { subject: true, uri: true, dns: false, cert: false } } },
    ],
    [
      'rds',
      { rds: { config_source: { ads: {} }, route_config_name: 'r' } },
      { routes: { kind: 'rds', name: 'r', source: adsSource } },
    ],
    ['HTTP/1.0', { http_protocol_options: { accept_http_10: true } }, { acceptHttp10: true }],
  ])('%s', (_name, change, wants) => {
    expect(http(change)).toMatchObject(wants);
  });

  test('filters are compiled in order, without the router; an unknown one may be optional, a disabled one does nothing', () => {
    const filters = [
      { name: 'rbac', typed_config: packed(RBACSchema, { rules: {} }), disabled: true },
      { name: 'buffer', typed_config: packed(GzipSchema), is_optional: true },
      { name: 'fault', typed_config: packed(HTTPFaultSchema) },
    ];
    const compiled = http({ http_filters: [...filters, router] }).filters;
    expect(compiled.map(({ name }) => name)).toEqual(['rbac', 'fault']);
    expect(compiled[0]!.request).toBe(undefined);
  });

  test('chains', () => {
    const match = {
      transport_protocol: 'tls',
      server_names: ['A.example', '*.b'],
      application_protocols: ['h'],
      destination_port: 1,
    };
    const decoded = listener({
      filter_chains: [chain({}, { filter_chain_match: match })],
      default_filter_chain: chain(),
    });
    expect(decoded.chains[0]!.match).toMatchObject({
      transport: 'tls',
      serverNames: ['a.example', '*.b'],
      applicationProtocols: ['h'],
      destinationPort: 1,
    });
    expect(decoded.defaultChain?.tls).toBe(null);
  });

  test('options of its sockets', () => {
    const options = listener({
      freebind: true,
      tcp_keepalive: { keepalive_time: 7 },
      socket_options: [{ level: 6, name: 9, buf_value: 'AQI=', state: 'STATE_LISTENING', ip_version: 2 }],
    }).socketOptions;
    const seen = options.map(({ when, family, option }) => [
      when,
      family,
      option.level,
      option.name,
      option.value.toString('hex'),
    ]);
    expect(seen).toEqual([
      ['before-bind', 4, 0, 15, '01000000'],
      ['before-bind', 6, 41, 78, '01000000'],
      ['before-bind', 'any', 1, 9, '01000000'],
      ['before-bind', 'any', 6, 4, '07000000'],
      ['listening', 6, 6, 9, '0102'],
    ]);
  });

  const here = 'filter_chains[0].filters[0].typed_config';
  const silent = { name: 'router', typed_config: packed(RouterSchema, { suppress_envoy_headers: true }) };
  const withManager = (change: JsonObject) => ({ filter_chains: [chain(change)] });
  test.each<[change: JsonObject, wants: string]>([
    [{ socket_options: [{ level: 1, name: 2 }] }, 'socket_options[0]: has no value'],
    [
      { socket_options: [{ level: 1, name: 2, int_value: '4294967296' }] },
      'socket_options[0].int_value: is no number of 32 bits',
    ],
    [
      { max_connections_to_accept_per_socket_event: 0 },
      'max_connections_to_accept_per_socket_event: must be more than 0',
    ],
    [{ api_listener: {} }, 'api_listener: is not supported'],
    [{ address: { pipe: { path: '@x' } } }, 'address.pipe.path: abstract sockets are not supported'],
    [{ address: { pipe: {} } }, 'address.pipe.path: is empty'],
    [{ filter_chain_matcher: {} }, 'filter_chains[0].name: is empty (hint: filter_chain_matcher names chains)'],
    [{ address: socket(70_000) }, 'address.socket_address.port_value: 70000 is not a port'],
    [{ filter_chains: [] }, 'filter_chains: is empty'],
    [{ filter_chains: [{}] }, 'filter_chains[0].filters: is empty'],
    [
      { filter_chains: [chain(), chain()] },
      'filter_chains[1].filter_chain_match: is the same as that of filter_chains[0]',
    ],
    [
      { filter_chains: [chain({}, { filter_chain_match: { address_suffix: 'x' } })] },
      'filter_chains[0].filter_chain_match.address_suffix: is not supported',
    ],
    [
      { filter_chains: [chain({}, { filter_chain_match: { server_names: ['a*b'] } })] },
      'filter_chains[0].filter_chain_match.server_names[0]: ',
    ],
    [
      { listener_filters: [{ name: 'x', typed_config: packed(GzipSchema) }] },
      'listener_filters[0].typed_config: type envoy.extensions.filters.http.gzip.v3.Gzip is not supported',
    ],
    [withManager({ codec_type: 'HTTP3' }), `${here}.codec_type: must be AUTO, HTTP1 or HTTP2`],
    [withManager({ stat_prefix: '' }), `${here}.stat_prefix: is empty`],
    [withManager({ http_filters: [] }), `${here}.http_filters: must end with the router`],
    [
      withManager({ upgrade_configs: [{ upgrade_type: 'a', filters: [silent] }] }),
      `${here}.upgrade_configs[0].filters[0].typed_config: must be the router of http_filters`,
    ],
    [withManager({ http_filters: [router, router] }), `${here}.http_filters[0]: the router must be last`],
    [
      withManager({ http_filters: [{ name: 'b', typed_config: packed(GzipSchema) }, router] }),
      `${here}.http_filters[0].typed_config: type envoy.extensions.filters.http.gzip.v3.Gzip is not supported`,
    ],
    [
      withManager({
        http_filters: [{ name: 'r', typed_config: packed(RouterSchema, { upstream_http_filters: [{ name: 'x' }] }) }],
      }),
      `${here}.http_filters[0].typed_config.upstream_http_filters: is not supported`,
    ],
    [
      withManager({
        http_filters: [
          { name: 'r', typed_config: packed(RBACSchema, { rules: { audit_logging_options: {} } }) },
          router,
        ],
      }),
      `${here}.http_filters[0].typed_config.rules.audit_logging_options: is not supported`,
    ],
    [
      withManager({ rds: { config_source: {}, route_config_name: 'r' } }),
      `${here}.rds.config_source: has no supported source`,
    ],
    [
      withManager({ route_config: { virtual_hosts: [{ name: 'h' }] } }),
      `${here}.route_config.virtual_hosts[0].domains: is empty`,
    ],
    [
      withManager({ common_http_protocol_options: { max_response_headers_kb: 8 } }),
      `${here}.common_http_protocol_options.max_response_headers_kb: is for connections to upstreams only`,
    ],
    [
      withManager({ common_http_protocol_options: { max_headers_count: 0 } }),
      `${here}.common_http_protocol_options.max_headers_count: must be more than 0`,
    ],
    [withManager({ access_log: [{ name: 'x' }] }), `${here}.access_log[0].typed_config: is required`],
  ])('refuses %j', (change, wants) => {
    expect(() => listener(change)).toThrow(wants);
  });
});
