// xDS resources for tests, written as in Envoy's documentation: a test names only what it is about.
import { type DescMessage, fromJson, type JsonObject, type Registry } from '@bufbuild/protobuf';
import { types } from '../../xds/descriptors/types.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { HttpConnectionManagerSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { decoders } from '../config/decoders.ts';
import type { ClusterConfig, FilterChainConfig, HttpConnectionConfig, ListenerConfig } from '../config/types.ts';

/** All types of the API. */
export const registry: Registry = types;

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
