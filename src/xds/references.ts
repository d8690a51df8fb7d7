// Which endpoints a cluster and which route configurations a listener ask for: a client that gets the referrer anew
// waits ("warms") until the referred is sent again, even when that has not changed.
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Cluster_DiscoveryType, ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.ts';
import { HttpConnectionManagerSchema } from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { type EncodedResource, type TypeUrl, typeUrl } from './resource.ts';

/** The type that resources of a type refer to and that must be answered after them. */
export const referredType: ReadonlyMap<TypeUrl, TypeUrl> = new Map([
  [typeUrl.cluster, typeUrl.endpoints],
  [typeUrl.listener, typeUrl.routes],
]);

/** Names in `referredType`. Read once per encoded resource. */
export function referencesOf(resource: EncodedResource): readonly string[] {
  let names = known.get(resource);
  if (names === undefined) {
    names = readReferences(resource);
    known.set(resource, names);
  }
  return names;
}

const known = new WeakMap<EncodedResource, readonly string[]>();

function readReferences(resource: EncodedResource): readonly string[] {
  try {
    if (resource.typeUrl === typeUrl.cluster) return endpointsOf(resource.bytes);
    if (resource.typeUrl === typeUrl.listener) return routesOf(resource.bytes);
    return [];
  } catch {
    // Bytes that do not parse refer to nothing; the client will say what is wrong with them.
    return [];
  }
}

function endpointsOf(bytes: Uint8Array): readonly string[] {
  const cluster = fromBinary(ClusterSchema, bytes);
  const { clusterDiscoveryType: discovery, edsClusterConfig } = cluster;
  if (discovery.case !== 'type' || discovery.value !== Cluster_DiscoveryType.EDS) return [];
  return [edsClusterConfig?.serviceName || cluster.name];
}

function routesOf(bytes: Uint8Array): readonly string[] {
  const listener = fromBinary(ListenerSchema, bytes);
  const chains = [...listener.filterChains, ...(listener.defaultFilterChain ? [listener.defaultFilterChain] : [])];
  const configs = chains.flatMap((chain) =>
    chain.filters.map(({ configType }) => (configType.case === 'typedConfig' ? configType.value : undefined)),
  );
  const names = [...configs, listener.apiListener?.apiListener].flatMap((config) => {
    const http = config && anyUnpack(config, HttpConnectionManagerSchema);
    return http?.routeSpecifier.case === 'rds' ? [http.routeSpecifier.value.routeConfigName] : [];
  });
  return [...new Set(names)];
}
