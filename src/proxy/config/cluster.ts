// Cluster → ClusterConfig.
import type {
  CircuitBreakers,
  CircuitBreakers_Thresholds_RetryBudget as RetryBudget,
  CircuitBreakers_Thresholds as Thresholds,
} from '../../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import {
  type Cluster,
  type Cluster_TransportSocketMatch,
  ClusterSchema,
  Cluster_DiscoveryType as DiscoveryType,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { Filter } from '../../xds/gen/envoy/config/cluster/v3/filter_pb.ts';
import { RoutingPriority } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { HealthStatus } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import { MetadataExchangeSchema } from '../../xds/gen/istio/metadata_exchange/config_pb.ts';
import { exchangeProtocol } from '../network-filter/istio.ts';
import { decodeAddressOrder } from './address-order.ts';
import { unpack } from './any.ts';
import { decodeBalancing } from './balancing.ts';
import { refuseUnsupported } from './check.ts';
import type { EndpointHealth, Limits } from './cluster-types.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeDiscovery } from './discovery.ts';
import { healthOf } from './endpoints.ts';
import { decodeHealthCheck } from './health-check.ts';
import { decodeOrigins } from './origins.ts';
import { decodeOutlier } from './outlier.ts';
import { percentOf } from './slow-start.ts';
import { decodeKeepalive } from './socket-options.ts';
import { decodeUpstreamTransport } from './transport.ts';
import type { ClusterConfig, TransportChoice } from './types.ts';
import { decodeUpstreamHttp } from './upstream-http.ts';
import { plainMetadata, positiveMillis } from './values.ts';

const DEFAULTS = { connect: 5_000, panic: 50 };

export function decodeCluster(cluster: Cluster): ClusterConfig {
  refuseUnsupported(ClusterSchema, cluster, '');
  if (cluster.name === '') throw new ConfigError('name', 'is empty');
  refuseHostnames(cluster);
  // Load is reported of whichever cluster the service asks for, to the one service of the bootstrap.
  if (cluster.lrsServer !== undefined && cluster.lrsServer.configSourceSpecifier.case !== 'self')
    throw new ConfigError('lrs_server', 'must be self');
  const panic = cluster.commonLbConfig?.healthyPanicThreshold?.value ?? DEFAULTS.panic;
  if (!(panic >= 0 && panic <= 100))
    throw new ConfigError('common_lb_config.healthy_panic_threshold', 'is no percentage');
  const discovery = decodeDiscovery(cluster);
  return {
    name: cluster.name,
    statName: cluster.altStatName || cluster.name,
    discovery,
    connectTimeout: positiveMillis(cluster.connectTimeout, DEFAULTS.connect, 'connect_timeout'),
    ...decodeBalancing(cluster, discovery),
    overrideHealths: decodeOverrideHealths(cluster.commonLbConfig?.overrideHostStatus?.statuses),
    tls: decodeTransport(cluster),
    socketOptions: decodeKeepalive(cluster.upstreamConnectionOptions?.tcpKeepalive),
    limits: decodeLimits(cluster),
    ...withRequestNames(cluster, discovery, decodeUpstreamHttp(cluster)),
    outlierDetection: decodeOutlier(cluster.outlierDetection, 'outlier_detection'),
    healthChecks: mapAt(cluster.healthChecks, 'health_checks', decodeHealthCheck),
    ignoreNewHosts: cluster.commonLbConfig?.ignoreNewHostsUntilFirstHc ?? false,
    ignoreHealthOnRemoval: cluster.ignoreHealthOnHostRemoval,
    origins: decodeOrigins(cluster.upstreamBindConfig, 'upstream_bind_config'),
    addressOrder: decodeAddressOrder(cluster.upstreamConnectionOptions?.happyEyeballsConfig),
    poolPerConnection: cluster.connectionPoolPerDownstreamConnection,
    closeOnHealthFailure: cluster.closeConnectionsOnHostHealthFailure,
    closeOnSetChange: cluster.commonLbConfig?.closeConnectionsOnHostSetChange ?? false,
    panicThreshold: panic,
    tracksSizes: cluster.trackClusterStats?.requestResponseSizes ?? false,
    tracksBudgets: cluster.trackClusterStats?.timeoutBudgets || cluster.trackTimeoutBudgets,
    tracksEndpoints: cluster.trackClusterStats?.perEndpointStats ?? false,
    metadata: plainMetadata(cluster.metadata),
  };
}

/** TLS to names of requests is for these names: without a word about it, and else where nobody allows otherwise (Envoy says so, too). */
function withRequestNames<Options extends Pick<ClusterConfig, 'http'>>(
  cluster: Cluster,
  discovery: ClusterConfig['discovery'],
  options: Options,
): Options {
  if (discovery.kind !== 'dynamic') return options;
  const isSilent =
    cluster.upstreamHttpProtocolOptions === undefined &&
    Object.keys(cluster.typedExtensionProtocolOptions).length === 0;
  const requestNames = isSilent ? { header: '', asked: true, verified: true } : options.http.requestNames;
  if (!discovery.insecure && !(requestNames?.asked && requestNames.verified)) {
    const hint = 'hint: allow_insecure_cluster_options';
    throw new ConfigError('upstream_http_protocol_options', `must have auto_sni and auto_san_validation (${hint})`);
  }
  return { ...options, http: { ...options.http, requestNames } };
}

/** Only STRICT_DNS resolves endpoints that keep the name they came from (Envoy says so, too). */
function refuseHostnames({ commonLbConfig, clusterDiscoveryType: { value: type } }: Cluster): void {
  if (commonLbConfig?.consistentHashingLbConfig?.useHostnameForHashing && type !== DiscoveryType.STRICT_DNS) {
    throw new ConfigError(
      'common_lb_config.consistent_hashing_lb_config.use_hostname_for_hashing',
      'is for clusters of type STRICT_DNS',
    );
  }
}

/** Envoy's default: what is not said to be bad. */
function decodeOverrideHealths(statuses: readonly HealthStatus[] | undefined): readonly EndpointHealth[] {
  if (statuses === undefined) return ['unknown', 'healthy', 'degraded'];
  return mapAt(statuses, 'common_lb_config.override_host_status.statuses', healthOf);
}

function decodeTransport(cluster: Cluster): TransportChoice[] {
  const fallback = {
    name: 'default',
    when: {},
    ...decodeUpstreamTransport(cluster.transportSocket, 'transport_socket'),
  };
  const choices = [...mapAt(cluster.transportSocketMatches, 'transport_socket_matches', decodeSocketMatch), fallback];
  const shunned = mapAt(cluster.filters, 'filters', decodeShunned);
  if (shunned.length === 0) return choices;
  const offered = (alpn: readonly string[]) => alpn.filter((protocol) => !shunned.includes(protocol));
  return choices.map((choice) =>
    choice.tls === null ? choice : { ...choice, tls: { ...choice.tls, alpn: offered(choice.tls.alpn) } },
  );
}

/** A filter of connections to upstreams → the protocol that it would speak, which is not offered: see `network-filter/istio.ts`. */
function decodeShunned({ typedConfig }: Filter, path: string): string {
  const here = at(path, 'typed_config');
  return exchangeProtocol(unpack(typedConfig, MetadataExchangeSchema, here), here);
}

function decodeSocketMatch(match: Cluster_TransportSocketMatch, path: string): TransportChoice {
  if (match.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  return {
    name: match.name,
    when: match.match ?? {},
    ...decodeUpstreamTransport(match.transportSocket, at(path, 'transport_socket')),
  };
}

/** Envoy's defaults: a fifth of the requests in progress, at least three. */
function decodeBudget(budget: RetryBudget, path: string): Limits['retryBudget'] {
  return {
    percent: percentOf(budget.budgetPercent, 20, at(path, 'budget_percent')),
    minimum: budget.minRetryConcurrency ?? 3,
  };
}

function decodeLimits({ circuitBreakers }: Cluster): ClusterConfig['limits'] {
  for (const [index, perHost] of circuitBreakers?.perHostThresholds.entries() ?? [])
    refuseAllButConnections(perHost, index);
  return {
    default: limitsOf(circuitBreakers, RoutingPriority.DEFAULT),
    high: limitsOf(circuitBreakers, RoutingPriority.HIGH),
  };
}

/** The first that is for the priority counts. */
function limitsOf(breakers: CircuitBreakers | undefined, priority: RoutingPriority): Limits {
  const limits = breakers?.thresholds.find((one) => one.priority === priority);
  const perHost = breakers?.perHostThresholds.find((one) => one.priority === priority);
  return {
    maxConnections: limits?.maxConnections ?? 1024,
    maxPendingRequests: limits?.maxPendingRequests ?? 1024,
    maxRequests: limits?.maxRequests ?? 1024,
    maxRetries: limits?.maxRetries ?? 3,
    trackRemaining: limits?.trackRemaining ?? false,
    retryBudget: limits?.retryBudget
      ? decodeBudget(limits.retryBudget, 'circuit_breakers.thresholds.retry_budget')
      : null,
    maxConnectionsPerHost: perHost?.maxConnections ?? Number.POSITIVE_INFINITY,
  };
}

function refuseAllButConnections(
  { $typeName, $unknown, priority, maxConnections, ...rest }: Thresholds,
  index: number,
): void {
  const [field] = Object.entries(rest).find(([, value]) => value !== undefined && value !== false) ?? [];
  if (field !== undefined) {
    throw new ConfigError(`circuit_breakers.per_host_thresholds[${index}]`, 'may have max_connections only');
  }
}
