// Clusters: how a destination is balanced, limited, watched and reached.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { ClusterPlan } from '../mesh/plan.ts';
import type { LoadBalancer, OutlierDetection } from '../model/policy.ts';
import type { RetryBudget } from '../model/route.ts';
import type {
  CircuitBreakers_Thresholds_RetryBudgetSchema,
  CircuitBreakers_ThresholdsSchema,
} from '../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  Cluster_TransportSocketMatchSchema,
  ClusterSchema,
} from '../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  type OutlierDetection as EncodedOutlierDetection,
  OutlierDetectionSchema,
} from '../xds/gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { TransportSocketSchema } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import { RawBufferSchema } from '../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import { HttpProtocolOptionsSchema } from '../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { type EncodedResource, typeUrl } from '../xds/resource.ts';
import { fixedEndpoints, mutualTlsMatch } from './endpoints.ts';
import { resource } from './resource.ts';
import { clientTls } from './tls.ts';
import { ads, any, duration, metadata, originJson } from './values.ts';

type ServiceCluster = ClusterPlan & { readonly kind: 'service' };
type EncodedBudget = MessageInitShape<typeof CircuitBreakers_Thresholds_RetryBudgetSchema>;
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
    ...transport(plan),
    typedExtensionProtocolOptions: protocolOptions(wireOf(plan), plan.pool),
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
    typedExtensionProtocolOptions: protocolOptions(speaksHttp2(plan) ? 'http2' : 'http1', noPool),
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

/** What is spoken to a service. `negotiated`: HTTP/2 where the peer's proxy takes it, by ALPN; many requests then share a connection. */
type Wire = 'http1' | 'http2' | 'negotiated';

const offers: Record<Wire, readonly string[]> = {
  http1: ['http/1.1'],
  http2: ['h2'],
  negotiated: ['h2', 'http/1.1'],
};

/** Only between proxies can a protocol be negotiated: plain text has no handshake, and Envoy refuses a choice that could meet it. */
function wireOf(plan: ServiceCluster): Wire {
  const carriesHttp = plan.protocol !== 'tcp' && plan.protocol !== 'tls';
  if (carriesHttp && allMutual(plan)) return 'negotiated';
  return speaksHttp2(plan) ? 'http2' : 'http1';
}

const speaksHttp2 = ({ protocol }: ServiceCluster | ApplicationCluster) => protocol === 'http2' || protocol === 'grpc';

const allMutual = ({ transport, endpoints }: ServiceCluster) =>
  transport.kind === 'mesh' && endpoints.length > 0 && endpoints.every(({ mutualTls }) => mutualTls);

/** Mutual TLS where an endpoint has a proxy that accepts it, plain text elsewhere. The first match counts. */
function transport(plan: ServiceCluster): Partial<Pick<Cluster, 'transportSocket' | 'transportSocketMatches'>> {
  if (plan.transport.kind === 'plain') return {};
  const { sni, identities } = plan.transport;
  const tls = clientTls(sni, identities, offers[wireOf(plan)]);
  if (allMutual(plan)) {
    return { transportSocket: socket(TLS_SOCKET, tls) };
  }
  return {
    transportSocketMatches: [
      socketMatch('tlsMode-istio', mutualTlsMatch, TLS_SOCKET, tls),
      socketMatch('tlsMode-disabled', {}, 'envoy.transport_sockets.raw_buffer', any(RawBufferSchema, {})),
    ],
  };
}

const TLS_SOCKET = 'envoy.transport_sockets.tls';

const socketMatch = (name: string, match: Record<string, string>, type: string, value: ReturnType<typeof any>) =>
  create(Cluster_TransportSocketMatchSchema, {
    name,
    match,
    transportSocket: socket(type, value),
  });

const socket = (name: string, value: ReturnType<typeof any>) =>
  create(TransportSocketSchema, { name, configType: { case: 'typedConfig', value } });

const noPool = { idleTimeout: null, maxRequestsPerConnection: null };

function protocolOptions(
  wire: Wire,
  { idleTimeout, maxRequestsPerConnection }: Pick<ServiceCluster['pool'], 'idleTimeout' | 'maxRequestsPerConnection'>,
): Cluster['typedExtensionProtocolOptions'] {
  if (wire === 'http1' && idleTimeout === null && maxRequestsPerConnection === null) return {};
  const options = any(HttpProtocolOptionsSchema, {
    ...(idleTimeout === null && maxRequestsPerConnection === null
      ? {}
      : {
          commonHttpProtocolOptions: {
            ...(idleTimeout === null ? {} : { idleTimeout: duration(idleTimeout) }),
            ...(maxRequestsPerConnection === null ? {} : { maxRequestsPerConnection }),
          },
        }),
    upstreamProtocolOptions: protocolChoice(wire),
  });
  return { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': options };
}

function protocolChoice(wire: Wire): MessageInitShape<typeof HttpProtocolOptionsSchema>['upstreamProtocolOptions'] {
  if (wire === 'negotiated') return { case: 'autoConfig', value: { http2ProtocolOptions: {} } };
  const protocolConfig =
    wire === 'http2'
      ? ({ case: 'http2ProtocolOptions', value: {} } as const)
      : ({ case: 'httpProtocolOptions', value: {} } as const);
  return { case: 'explicitHttpConfig', value: { protocolConfig } };
}

const noLimit = 0xffffffff;
const unlimited = {
  maxConnections: noLimit,
  maxPendingRequests: noLimit,
  maxRequests: noLimit,
  maxRetries: noLimit,
};

/** Without a user's limit there is none: Envoy's own (3 retries at once) turn churn into 503s. */
const limits = ({ pool, retryBudget }: ServiceCluster): MessageInitShape<typeof CircuitBreakers_ThresholdsSchema> => ({
  maxConnections: pool.maxConnections ?? noLimit,
  maxPendingRequests: pool.maxPendingRequests ?? noLimit,
  maxRequests: pool.maxRequests ?? noLimit,
  maxRetries: pool.maxRetries ?? noLimit,
  ...(retryBudget === null ? {} : { retryBudget: encodeBudget(retryBudget) }),
});

/**
 * Data planes count the retries under way, not those of a second: `minPerSecond` of them, as if each took that long. A ratio over 1 allows as many as
 * there are requests.
 */
function encodeBudget({ ratio, minPerSecond }: RetryBudget): EncodedBudget {
  return {
    budgetPercent: { value: Math.min(100, ratio * 100) },
    minRetryConcurrency: Math.max(1, minPerSecond),
  };
}

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
