// Cluster → ClusterConfig.
import {
  type Cluster,
  type Cluster_TransportSocketMatch,
  ClusterSchema,
  Cluster_DiscoveryType as DiscoveryType,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { RoutingPriority } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { HttpProtocolOptions as CommonOptions } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { unpack } from './any.ts';
import { decodeBalancing } from './balancing.ts';
import { refuseUnsupported } from './check.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { requireAds } from './config-source.ts';
import { flattenEndpoints } from './endpoints.ts';
import { decodeOutlier } from './outlier.ts';
import { decodeUpstreamSocket } from './tls.ts';
import type { ClusterConfig, EndpointConfig, TransportChoice } from './types.ts';
import { millis, plainMetadata, positiveMillis } from './values.ts';

const DEFAULTS = { connect: 5_000, idle: 3_600_000, dnsRefresh: 5_000, panic: 50 };
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

export function decodeCluster(cluster: Cluster): ClusterConfig {
  refuseUnsupported(ClusterSchema, cluster, '');
  if (cluster.name === '') throw new ConfigError('name', 'is empty');
  const { options, path } = commonOptions(cluster);
  const panic = cluster.commonLbConfig?.healthyPanicThreshold?.value ?? DEFAULTS.panic;
  if (!(panic >= 0 && panic <= 100))
    throw new ConfigError('common_lb_config.healthy_panic_threshold', 'is no percentage');
  return {
    name: cluster.name,
    discovery: decodeDiscovery(cluster),
    connectTimeout: positiveMillis(cluster.connectTimeout, DEFAULTS.connect, 'connect_timeout'),
    balancing: decodeBalancing(cluster),
    tls: decodeTransport(cluster),
    limits: decodeLimits(cluster),
    maxRequestsPerConnection: options?.maxRequestsPerConnection ?? cluster.maxRequestsPerConnection ?? 0,
    idleTimeout: millis(options?.idleTimeout, DEFAULTS.idle, at(path, 'idle_timeout')),
    outlierDetection: decodeOutlier(cluster.outlierDetection, 'outlier_detection'),
    panicThreshold: panic,
    metadata: plainMetadata(cluster.metadata),
  };
}

/** Options of HTTP: the extension's, or the deprecated fields of the cluster itself. */
function commonOptions(cluster: Cluster): { readonly options: CommonOptions | undefined; readonly path: string } {
  for (const [name, any] of Object.entries(cluster.typedExtensionProtocolOptions)) {
    const here = `typed_extension_protocol_options[${name}]`;
    if (name !== HTTP_OPTIONS) throw new ConfigError(here, 'is not supported');
    const options = unpack(any, HttpProtocolOptionsSchema, here);
    const protocol = options.upstreamProtocolOptions;
    if (protocol.case !== 'explicitHttpConfig' || protocol.value.protocolConfig.case !== 'httpProtocolOptions') {
      throw new ConfigError(at(here, 'explicit_http_config.http_protocol_options'), 'is required');
    }
    const path = at(here, 'common_http_protocol_options');
    return { options: withoutHeaderLimit(options.commonHttpProtocolOptions, path), path };
  }
  const path = 'common_http_protocol_options';
  return { options: withoutHeaderLimit(cluster.commonHttpProtocolOptions, path), path };
}

function withoutHeaderLimit(options: CommonOptions | undefined, path: string): CommonOptions | undefined {
  if (options?.maxHeadersCount !== undefined) throw new ConfigError(at(path, 'max_headers_count'), 'is not supported');
  return options;
}

function decodeDiscovery(cluster: Cluster): ClusterConfig['discovery'] {
  const { clusterDiscoveryType: type } = cluster;
  if (type.case === 'clusterType') throw new ConfigError('cluster_type', 'is not supported');
  if ((type.value ?? DiscoveryType.STATIC) === DiscoveryType.EDS) {
    requireAds(cluster.edsClusterConfig?.edsConfig, 'eds_cluster_config.eds_config');
    return { kind: 'eds', serviceName: cluster.edsClusterConfig?.serviceName || cluster.name };
  }
  if (cluster.edsClusterConfig) throw new ConfigError('eds_cluster_config', 'is for clusters of type EDS');
  const endpoints = inlineEndpoints(cluster);
  const refresh = positiveMillis(cluster.dnsRefreshRate, DEFAULTS.dnsRefresh, 'dns_refresh_rate');
  switch (type.value ?? DiscoveryType.STATIC) {
    case DiscoveryType.STATIC:
      return { kind: 'static', endpoints };
    case DiscoveryType.STRICT_DNS:
      return { kind: 'strict-dns', endpoints, refresh };
    case DiscoveryType.LOGICAL_DNS:
      if (endpoints.length !== 1) throw new ConfigError('load_assignment', 'must have one endpoint for LOGICAL_DNS');
      return { kind: 'logical-dns', endpoints, refresh };
    default:
      throw new ConfigError('type', 'is not supported (hint: STATIC, EDS, STRICT_DNS, LOGICAL_DNS)');
  }
}

function inlineEndpoints(cluster: Cluster): readonly EndpointConfig[] {
  if (cluster.loadAssignment === undefined) throw new ConfigError('load_assignment', 'is required');
  return flattenEndpoints(cluster.loadAssignment, 'load_assignment');
}

function decodeTransport(cluster: Cluster): TransportChoice[] {
  const fallback = {
    name: 'default',
    when: {},
    tls: decodeUpstreamSocket(cluster.transportSocket, 'transport_socket'),
  };
  return [...mapAt(cluster.transportSocketMatches, 'transport_socket_matches', decodeSocketMatch), fallback];
}

function decodeSocketMatch(match: Cluster_TransportSocketMatch, path: string): TransportChoice {
  if (match.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  return {
    name: match.name,
    when: match.match ?? {},
    tls: decodeUpstreamSocket(match.transportSocket, at(path, 'transport_socket')),
  };
}

/** Thresholds for priority HIGH are accepted: no route that asks for it is. */
function decodeLimits(cluster: Cluster): ClusterConfig['limits'] {
  const limits = cluster.circuitBreakers?.thresholds.find(({ priority }) => priority === RoutingPriority.DEFAULT);
  return {
    maxConnections: limits?.maxConnections ?? 1024,
    maxPendingRequests: limits?.maxPendingRequests ?? 1024,
    maxRequests: limits?.maxRequests ?? 1024,
    maxRetries: limits?.maxRetries ?? 3,
  };
}
