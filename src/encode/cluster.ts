// Clusters: how a destination is balanced, limited, watched and reached.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { ClusterPlan } from '../mesh/plan.ts';
import type { LoadBalancer, OutlierDetection } from '../model/policy.ts';
import type { CircuitBreakers_ThresholdsSchema } from '../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  type Cluster_TransportSocketMatch,
  Cluster_TransportSocketMatchSchema,
  ClusterSchema,
} from '../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  type OutlierDetection as EncodedOutlierDetection,
  OutlierDetectionSchema,
} from '../xds/gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { RawBufferSchema } from '../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import { HttpProtocolOptionsSchema } from '../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { type EncodedResource, typeUrl } from '../xds/resource.ts';
import { fixedEndpoints, mutualTlsMatch } from './endpoints.ts';
import { resource } from './resource.ts';
import { clientTls } from './tls.ts';
import { ads, any, duration, metadata, originJson } from './values.ts';

type ServiceCluster = ClusterPlan & { readonly kind: 'service' };
type ApplicationCluster = ClusterPlan & { readonly kind: 'application' };

export function encodeCluster(plan: ServiceCluster | ApplicationCluster): EncodedResource {
  const message = plan.kind === 'service' ? serviceCluster(plan) : applicationCluster(plan);
  return resource(typeUrl.cluster, plan.name, toBinary(ClusterSchema, message), plan.shapedBy);
}

function serviceCluster(plan: ServiceCluster): Cluster {
  const { pool, outlierDetection } = plan;
  return create(ClusterSchema, {
    name: plan.name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ads },
    connectTimeout: duration(pool.connectTimeout ?? defaultConnectTimeout),
    lbPolicy: lbPolicies[plan.loadBalancer.kind],
    transportSocketMatches: socketMatches(plan),
    typedExtensionProtocolOptions: protocolOptions(plan),
    circuitBreakers: { thresholds: [limits(plan)] },
    // An ejected endpoint stays out even when that leaves none (Istio: minHealthPercent 0).
    ...(outlierDetection === null
      ? {}
      : {
          outlierDetection: encodeOutlierDetection(outlierDetection),
          commonLbConfig: { healthyPanicThreshold: { value: 0 } },
        }),
    metadata: metadata({ 'tulle.origin': originJson(plan.origin), 'tulle.service': { ...plan.service } }),
  });
}

const applicationCluster = (plan: ApplicationCluster): Cluster =>
  create(ClusterSchema, {
    name: plan.name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: duration(defaultConnectTimeout),
    loadAssignment: fixedEndpoints(plan.name, plan.address),
    circuitBreakers: { thresholds: [unlimited] },
    metadata: metadata({ 'tulle.origin': originJson(plan.origin) }),
  });

/** Milliseconds. */
const defaultConnectTimeout = 10_000;

const lbPolicies: Record<LoadBalancer['kind'], Cluster_LbPolicy> = {
  'least-request': Cluster_LbPolicy.LEAST_REQUEST,
  'round-robin': Cluster_LbPolicy.ROUND_ROBIN,
  random: Cluster_LbPolicy.RANDOM,
  hash: Cluster_LbPolicy.RING_HASH,
};

/** Per endpoint: mutual TLS where it has a proxy that accepts it, plain text elsewhere. The first match counts. */
function socketMatches(plan: ServiceCluster): Cluster_TransportSocketMatch[] {
  if (plan.transport.kind === 'plain') return [];
  const { sni, identities } = plan.transport;
  return [
    socketMatch('tlsMode-istio', mutualTlsMatch, 'envoy.transport_sockets.tls', clientTls(sni, identities)),
    socketMatch('tlsMode-disabled', {}, 'envoy.transport_sockets.raw_buffer', any(RawBufferSchema, {})),
  ];
}

const socketMatch = (name: string, match: Record<string, string>, socket: string, value: ReturnType<typeof any>) =>
  create(Cluster_TransportSocketMatchSchema, {
    name,
    match,
    transportSocket: { name: socket, configType: { case: 'typedConfig', value } },
  });

function protocolOptions({ pool }: ServiceCluster): Cluster['typedExtensionProtocolOptions'] {
  if (pool.idleTimeout === null && pool.maxRequestsPerConnection === null) return {};
  const options = any(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: {
      ...(pool.idleTimeout === null ? {} : { idleTimeout: duration(pool.idleTimeout) }),
      ...(pool.maxRequestsPerConnection === null ? {} : { maxRequestsPerConnection: pool.maxRequestsPerConnection }),
    },
    upstreamProtocolOptions: {
      case: 'explicitHttpConfig',
      value: { protocolConfig: { case: 'httpProtocolOptions', value: {} } },
    },
  });
  return { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': options };
}

const noLimit = 0xffffffff;
const unlimited = {
  maxConnections: noLimit,
  maxPendingRequests: noLimit,
  maxRequests: noLimit,
  maxRetries: noLimit,
};

/** Without a user's limit there is none: Envoy's own (3 retries at once) turn churn into 503s. */
const limits = ({ pool }: ServiceCluster): MessageInitShape<typeof CircuitBreakers_ThresholdsSchema> => ({
  maxConnections: pool.maxConnections ?? noLimit,
  maxPendingRequests: pool.maxPendingRequests ?? noLimit,
  maxRequests: pool.maxRequests ?? noLimit,
  maxRetries: pool.maxRetries ?? noLimit,
});

/** Only the detectors that were asked for: Envoy's success-rate detector and its 5 errors in a row are on by default. */
function encodeOutlierDetection(plan: OutlierDetection): EncodedOutlierDetection {
  const [errors, gatewayErrors] = [plan.consecutive5xx ?? 0, plan.consecutiveGatewayErrors ?? 0];
  return create(OutlierDetectionSchema, {
    interval: duration(plan.interval),
    baseEjectionTime: duration(plan.baseEjection),
    maxEjectionPercent: Math.round(plan.maxEjection / 100),
    enforcingSuccessRate: 0,
    ...(errors > 0 ? { consecutive5xx: errors, enforcingConsecutive5xx: 100 } : { enforcingConsecutive5xx: 0 }),
    ...(gatewayErrors > 0
      ? { consecutiveGatewayFailure: gatewayErrors, enforcingConsecutiveGatewayFailure: 100 }
      : { enforcingConsecutiveGatewayFailure: 0 }),
  });
}
