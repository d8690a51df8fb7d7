// How a cluster finds its endpoints: `type`, or the typed message in `cluster_type`.
import {
  type Cluster,
  Cluster_DiscoveryType as DiscoveryType,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterConfigSchema as AggregateSchema } from '../../xds/gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.ts';
import { DnsClusterSchema } from '../../xds/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import {
  type ClusterConfig as DynamicCluster,
  ClusterConfigSchema as DynamicSchema,
} from '../../xds/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import { typeNameOf, unpack, unsupportedType } from './any.ts';
import { at, ConfigError } from './config-error.ts';
import { decodeSource, plainName } from './config-source.ts';
import { decodeDns, decodeTypedDns } from './dns.ts';
import { decodeDnsCache } from './dns-cache.ts';
import { decodeAssignment } from './endpoints.ts';
import type { ClusterConfig } from './types.ts';
import { positiveMillis } from './values.ts';

type Discovery = ClusterConfig['discovery'];

const CLEANUP = 5_000;
const TYPED = 'cluster_type.typed_config';

export function decodeDiscovery(cluster: Cluster): Discovery {
  const { clusterDiscoveryType: type } = cluster;
  if (type.case === 'clusterType') return decodeTyped(cluster);
  if ((type.value ?? DiscoveryType.STATIC) === DiscoveryType.EDS) {
    const source = decodeSource(cluster.edsClusterConfig?.edsConfig, 'eds_cluster_config.eds_config');
    const serviceName = cluster.edsClusterConfig?.serviceName || cluster.name;
    return { kind: 'eds', serviceName: plainName(serviceName, 'eds_cluster_config.service_name'), source };
  }
  if (cluster.edsClusterConfig) throw new ConfigError('eds_cluster_config', 'is for clusters of type EDS');
  switch (type.value ?? DiscoveryType.STATIC) {
    case DiscoveryType.STATIC:
      return decodeStatic(cluster);
    case DiscoveryType.STRICT_DNS:
      return decodeDns(cluster, 'strict-dns');
    case DiscoveryType.LOGICAL_DNS:
      return decodeDns(cluster, 'logical-dns');
    case DiscoveryType.ORIGINAL_DST:
      return decodeOriginalDestination(cluster);
    default:
      throw new ConfigError('type', 'is not known');
  }
}

/** Whether the way endpoints are found is the way they are chosen (`CLUSTER_PROVIDED`). */
export function choosesItself({ kind }: Discovery): boolean {
  return kind === 'original-dst' || kind === 'aggregate' || kind === 'dynamic';
}

function decodeTyped(cluster: Cluster): Discovery {
  const { clusterDiscoveryType: type } = cluster;
  const any = type.case === 'clusterType' ? type.value.typedConfig : undefined;
  if (any === undefined) throw new ConfigError(TYPED, 'is required');
  switch (typeNameOf(any)) {
    case DnsClusterSchema.typeName:
      return decodeTypedDns(cluster, unpack(any, DnsClusterSchema, TYPED), TYPED);
    case AggregateSchema.typeName: {
      const { clusters } = unpack(any, AggregateSchema, TYPED);
      if (clusters.length === 0) throw new ConfigError(at(TYPED, 'clusters'), 'is empty');
      return { kind: 'aggregate', clusters };
    }
    case DynamicSchema.typeName:
      return decodeDynamic(unpack(any, DynamicSchema, TYPED));
    default:
      throw unsupportedType(any, TYPED);
  }
}

function decodeDynamic(message: DynamicCluster): Discovery {
  const { case: kind, value } = message.clusterImplementationSpecifier;
  const here = at(TYPED, 'dns_cache_config');
  if (kind !== 'dnsCacheConfig') throw new ConfigError(here, 'is required');
  return { kind: 'dynamic', cache: decodeDnsCache(value, here), insecure: message.allowInsecureClusterOptions };
}

function decodeStatic({ loadAssignment }: Cluster): Discovery {
  if (loadAssignment === undefined) throw new ConfigError('load_assignment', 'is required');
  return { kind: 'static', assignment: decodeAssignment(loadAssignment, 'load_assignment', 'addresses') };
}

function decodeOriginalDestination(cluster: Cluster): Discovery {
  if (cluster.loadAssignment !== undefined) throw new ConfigError('load_assignment', 'is not for ORIGINAL_DST');
  const config = cluster.lbConfig.case === 'originalDstLbConfig' ? cluster.lbConfig.value : undefined;
  if (config !== undefined && !config.useHttpHeader && config.httpHeaderName !== '') {
    throw new ConfigError('original_dst_lb_config.http_header_name', 'is set without use_http_header');
  }
  const port = config?.upstreamPortOverride ?? 0;
  if (port > 65_535) throw new ConfigError('original_dst_lb_config.upstream_port_override', `${port} is not a port`);
  return {
    kind: 'original-dst',
    header: config?.useHttpHeader ? config.httpHeaderName.toLowerCase() || 'x-envoy-original-dst-host' : '',
    portOverride: port,
    cleanup: positiveMillis(cluster.cleanupInterval, CLEANUP, 'cleanup_interval'),
  };
}
