// xDS resources for tests, written as in Envoy's documentation: a test names only what it is about.
import { createRegistry, type DescMessage, fromJson, type JsonObject, type Registry } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { StdoutAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import { ClusterConfigSchema as AggregateClusterSchema } from '../../xds/gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.ts';
import { DnsClusterSchema } from '../../xds/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import { ClusterConfigSchema as DynamicClusterSchema } from '../../xds/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import { BufferSchema } from '../../xds/gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts';
import { HTTPFaultSchema } from '../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { GzipSchema } from '../../xds/gen/envoy/extensions/filters/http/gzip/v3/gzip_pb.ts';
import { RBACSchema } from '../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { OriginalDstSchema } from '../../xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
import { ProxyProtocolSchema } from '../../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { TlsInspectorSchema } from '../../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { ConnectionLimitSchema } from '../../xds/gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts';
import { ConfigSchema as DirectResponseSchema } from '../../xds/gen/envoy/extensions/filters/network/direct_response/v3/config_pb.ts';
import { EchoSchema } from '../../xds/gen/envoy/extensions/filters/network/echo/v3/echo_pb.ts';
import { HttpConnectionManagerSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { LocalRateLimitSchema } from '../../xds/gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts';
import { RBACSchema as NetworkRbacSchema } from '../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { ConfigSchema as NetworkFilterStateSchema } from '../../xds/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { HealthCheckEventFileSinkSchema } from '../../xds/gen/envoy/extensions/health_check/event_sinks/file/v3/file_pb.ts';
import { ClientSideWeightedRoundRobinSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.ts';
import { ClusterProvidedSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided_pb.ts';
import { LeastRequestSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts';
import { MaglevSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts';
import { OverrideHostSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.ts';
import { RandomSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts';
import { RingHashSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts';
import { RoundRobinSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts';
import { SubsetSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.ts';
import { WrrLocalitySchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
import { RawBufferSchema } from '../../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { TypedStructSchema } from '../../xds/gen/xds/type/v3/typed_struct_pb.ts';
import { decoders } from '../config/decoders.ts';
import type { ClusterConfig, FilterChainConfig, HttpConnectionConfig, ListenerConfig } from '../config/types.ts';

export const registry: Registry = createRegistry(
  AggregateClusterSchema,
  ClientSideWeightedRoundRobinSchema,
  ClusterProvidedSchema,
  HealthCheckEventFileSinkSchema,
  DnsClusterSchema,
  DynamicClusterSchema,
  OverrideHostSchema,
  LeastRequestSchema,
  MaglevSchema,
  RandomSchema,
  RingHashSchema,
  RoundRobinSchema,
  SubsetSchema,
  TypedStructSchema,
  WrrLocalitySchema,
  OriginalDstSchema,
  ProxyProtocolSchema,
  ProxyProtocolUpstreamTransportSchema,
  ConnectionLimitSchema,
  LocalRateLimitSchema,
  NetworkFilterStateSchema,
  NetworkRbacSchema,
  TcpProxySchema,
  DirectResponseSchema,
  EchoSchema,
  BufferSchema,
  DownstreamTlsContextSchema,
  GzipSchema,
  HTTPFaultSchema,
  HttpConnectionManagerSchema,
  HttpProtocolOptionsSchema,
  RawBufferSchema,
  RBACSchema,
  RouterSchema,
  StdoutAccessLogSchema,
  TlsInspectorSchema,
  UpstreamTlsContextSchema,
);

/** `{ '@type': … }` of a message in `registry`. */
export const packed = (schema: DescMessage, json: JsonObject = {}): JsonObject => ({
  '@type': `type.googleapis.com/${schema.typeName}`,
  ...json,
});

export const socket = (port_value = 8080) => ({ socket_address: { address: '127.0.0.1', port_value } });
export const router = { name: 'router', typed_config: packed(RouterSchema) };
export const inline = (name: string) => ({ inline_string: name });

const manager = (change: JsonObject = {}) =>
  packed(HttpConnectionManagerSchema, {
    stat_prefix: 's',
    ...('rds' in change ? {} : { route_config: { name: 'r' } }),
    http_filters: [router],
    ...change,
  });
export const chain = (http: JsonObject = {}, change: JsonObject = {}) => ({
  filters: [{ name: 'http', typed_config: manager(http) }],
  ...change,
});

export function listener(change: JsonObject): ListenerConfig {
  const json = { name: 'l', address: socket(), filter_chains: [chain()], ...change };
  return decoders.decodeListener(fromJson(ListenerSchema, json, { registry }));
}

export function http(change: JsonObject): HttpConnectionConfig {
  return httpOf(listener({ filter_chains: [chain(change)] }).chains[0]!);
}

/** Throws where the chain serves something else. */
export function httpOf({ network }: FilterChainConfig): HttpConnectionConfig {
  if (network.kind !== 'http') throw new Error(network.kind);
  return network.http;
}

export function cluster(change: JsonObject): ClusterConfig {
  const json = { name: 'c', ...('type' in change ? {} : { load_assignment: {} }), ...change };
  return decoders.decodeCluster(fromJson(ClusterSchema, json, { registry }));
}
