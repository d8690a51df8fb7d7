// Cluster → ClusterConfig.
import type { CircuitBreakers } from '../../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  Cluster_RingHashLbConfig_HashFunction,
  ClusterSchema,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { OutlierDetection } from '../../xds/gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { RoutingPriority } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { HttpProtocolOptions } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { unpack } from './any.ts';
import { refuseUnsupported } from './check.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { assignedEndpoints } from './endpoints.ts';
import { decodeUpstreamTls } from './tls.ts';
import type { ClusterConfig, OutlierConfig, TransportChoice } from './types.ts';
import { millis, plainMetadata, positiveMillis } from './values.ts';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const HOUR = 3_600_000;

export function decodeCluster(cluster: Cluster): ClusterConfig {
  refuseUnsupported(ClusterSchema, cluster, '');
  if (cluster.name === '') throw new ConfigError('name', 'is empty');
  const options = decodeHttpOptions(cluster);
  return {
    name: cluster.name,
    discovery: decodeDiscovery(cluster),
    connectTimeout: positiveMillis(cluster.connectTimeout, 5_000, 'connect_timeout'),
    balancing: decodeBalancing(cluster),
    tls: decodeTransports(cluster),
    limits: decodeLimits(cluster.circuitBreakers),
    maxRequestsPerConnection: options?.maxRequestsPerConnection ?? cluster.maxRequestsPerConnection ?? 0,
    idleTimeout: millis(options?.idleTimeout, HOUR, 'common_http_protocol_options.idle_timeout'),
    outlierDetection: decodeOutlier(cluster.outlierDetection),
    panicThreshold: cluster.commonLbConfig?.healthyPanicThreshold?.value ?? 50,
    metadata: plainMetadata(cluster.metadata),
  };
}

function decodeDiscovery(cluster: Cluster): ClusterConfig['discovery'] {
  const type = cluster.clusterDiscoveryType;
  const kind = type.case === 'type' ? type.value : Cluster_DiscoveryType.STATIC;
  const endpoints = assignedEndpoints(cluster.loadAssignment, 'load_assignment');
  const refresh = positiveMillis(cluster.dnsRefreshRate, 5_000, 'dns_refresh_rate');
  switch (kind) {
    case Cluster_DiscoveryType.STATIC:
      return { kind: 'static', endpoints };
    case Cluster_DiscoveryType.STRICT_DNS:
      return { kind: 'strict-dns', endpoints, refresh };
    case Cluster_DiscoveryType.LOGICAL_DNS:
      return { kind: 'logical-dns', endpoints, refresh };
    case Cluster_DiscoveryType.EDS:
      return { kind: 'eds', serviceName: cluster.edsClusterConfig?.serviceName || cluster.name };
    default:
      throw new ConfigError('type', 'ORIGINAL_DST is not supported');
  }
}

function decodeBalancing(cluster: Cluster): ClusterConfig['balancing'] {
  const { lbPolicy, lbConfig } = cluster;
  switch (lbPolicy) {
    case Cluster_LbPolicy.ROUND_ROBIN:
      return { kind: 'round-robin' };
    case Cluster_LbPolicy.RANDOM:
      return { kind: 'random' };
    case Cluster_LbPolicy.LEAST_REQUEST: {
      const choices = lbConfig.case === 'leastRequestLbConfig' ? lbConfig.value.choiceCount : undefined;
      return { kind: 'least-request', choices: choices ?? 2 };
    }
    case Cluster_LbPolicy.RING_HASH: {
      const ring = lbConfig.case === 'ringHashLbConfig' ? lbConfig.value : undefined;
      if (ring?.hashFunction === Cluster_RingHashLbConfig_HashFunction.MURMUR_HASH_2) {
        throw new ConfigError('ring_hash_lb_config.hash_function', 'MURMUR_HASH_2 is not supported');
      }
      const minimumRingSize = Number(ring?.minimumRingSize ?? 1024);
      return { kind: 'ring-hash', minimumRingSize, maximumRingSize: Number(ring?.maximumRingSize ?? 8 * 1024 * 1024) };
    }
    case Cluster_LbPolicy.MAGLEV: {
      const size = lbConfig.case === 'maglevLbConfig' ? lbConfig.value.tableSize : undefined;
      return { kind: 'maglev', tableSize: Number(size ?? 65_537) };
    }
    default:
      throw new ConfigError('lb_policy', 'is not supported');
  }
}

/** The plain transport socket is the last choice: it fits every endpoint. */
function decodeTransports(cluster: Cluster): readonly TransportChoice[] {
  const matched = mapAt(cluster.transportSocketMatches, 'transport_socket_matches', (choice, here): TransportChoice => {
    const tls = decodeUpstreamTls(choice.transportSocket, at(here, 'transport_socket'));
    return { name: choice.name, when: choice.match ?? {}, tls };
  });
  const otherwise = decodeUpstreamTls(cluster.transportSocket, 'transport_socket');
  return [...matched, { name: 'default', when: {}, tls: otherwise }];
}

function decodeLimits(breakers: CircuitBreakers | undefined): ClusterConfig['limits'] {
  const thresholds = breakers?.thresholds ?? [];
  const other = thresholds.findIndex(({ priority }) => priority !== RoutingPriority.DEFAULT);
  if (other >= 0) throw new ConfigError(`circuit_breakers.thresholds[${other}].priority`, 'only DEFAULT is supported');
  const [limits] = thresholds;
  return {
    maxConnections: limits?.maxConnections ?? 1024,
    maxPendingRequests: limits?.maxPendingRequests ?? 1024,
    maxRequests: limits?.maxRequests ?? 1024,
    maxRetries: limits?.maxRetries ?? 3,
  };
}

/** From the typed extension, else from the cluster's own (deprecated) field. */
function decodeHttpOptions(cluster: Cluster): HttpProtocolOptions | undefined {
  for (const name of Object.keys(cluster.typedExtensionProtocolOptions)) {
    if (name !== HTTP_OPTIONS) throw new ConfigError(`typed_extension_protocol_options[${name}]`, 'is not supported');
  }
  const typed = cluster.typedExtensionProtocolOptions[HTTP_OPTIONS];
  if (typed === undefined) return cluster.commonHttpProtocolOptions;
  return unpack(typed, HttpProtocolOptionsSchema, `typed_extension_protocol_options[${HTTP_OPTIONS}]`)
    .commonHttpProtocolOptions;
}

/** A detector that is enforced at 0 % only counts, and nobody reads that here: it is off. Shares between are refused. */
function decodeOutlier(detection: OutlierDetection | undefined): OutlierConfig | null {
  if (detection === undefined) return null;
  const base = positiveMillis(detection.baseEjectionTime, 30_000, 'outlier_detection.base_ejection_time');
  return {
    consecutive5xx: enforced(detection.enforcingConsecutive5xx ?? 100, 'enforcing_consecutive_5xx')
      ? (detection.consecutive5xx ?? 5)
      : 0,
    consecutiveGatewayFailure: enforced(
      detection.enforcingConsecutiveGatewayFailure ?? 0,
      'enforcing_consecutive_gateway_failure',
    )
      ? (detection.consecutiveGatewayFailure ?? 5)
      : 0,
    interval: positiveMillis(detection.interval, 10_000, 'outlier_detection.interval'),
    baseEjection: base,
    maxEjection: millis(detection.maxEjectionTime, Math.max(base, 300_000), 'outlier_detection.max_ejection_time'),
    maxEjectionPercent: detection.maxEjectionPercent ?? 10,
  };
}

function enforced(percent: number, field: string): boolean {
  if (percent !== 0 && percent !== 100) throw new ConfigError(`outlier_detection.${field}`, 'is neither 0 nor 100');
  return percent === 100;
}
