// Envoy's /clusters: every endpoint the proxy knows, as text or JSON.
import type { JsonObject } from '@bufbuild/protobuf';
import type { Endpoint } from '../balance/balancer.ts';
import { HEALTH_FLAG_NAMES, unfit } from '../balance/health.ts';
import type { Limits } from '../config/cluster-types.ts';
import type { ClusterConfig } from '../config/types.ts';

/** What is read of a running cluster. */
export type ClusterView = { readonly config: ClusterConfig; readonly hosts: readonly HostView[] };

/** Plain values: it may come from another thread. */
export type HostView = Pick<
  Endpoint,
  'name' | 'address' | 'port' | 'activeRequests' | 'health' | 'weight' | 'priority'
>;

export function clustersJson(clusters: readonly ClusterView[]): JsonObject {
  return {
    cluster_statuses: clusters.map(({ config, hosts }) => ({
      name: config.name,
      added_via_api: true,
      ...(config.discovery.kind === 'eds' && { eds_service_name: config.discovery.serviceName }),
      observability_name: config.name,
      circuit_breakers: {
        thresholds: [limitsOf(config.limits.default), { priority: 'HIGH', ...limitsOf(config.limits.high) }],
      },
      host_statuses: hosts.map((host) => ({
        address: { socket_address: { address: host.address, port_value: host.port } },
        stats: [{ type: 'GAUGE', name: 'rq_active', value: String(host.activeRequests) }],
        health_status: healthStatus(host),
        weight: host.weight,
        priority: host.priority,
      })),
    })),
  };
}

export function clustersText(clusters: readonly ClusterView[]): string {
  const lines = clusters.flatMap(({ config, hosts }) => {
    return [
      `${config.name}::observability_name::${config.name}`,
      ...Object.entries(config.limits).flatMap(([priority, limits]) =>
        Object.entries(limitsOf(limits)).map(
          ([name, value]) => `${config.name}::${priority}_priority::${name}::${value}`,
        ),
      ),
      ...hosts.flatMap((host) => {
        const name = `${config.name}::${host.name}`;
        return [
          `${name}::rq_active::${host.activeRequests}`,
          `${name}::health_flags::${healthFlags(host)}`,
          `${name}::weight::${host.weight}`,
          `${name}::priority::${host.priority}`,
        ];
      }),
    ];
  });
  return lines.map((line) => `${line}\n`).join('');
}

function limitsOf(limits: Limits) {
  return {
    max_connections: limits.maxConnections,
    max_pending_requests: limits.maxPendingRequests,
    max_requests: limits.maxRequests,
    max_retries: limits.maxRetries,
  };
}

function healthFlags({ health }: HostView): string {
  const flags = HEALTH_FLAG_NAMES.filter(([bit]) => (health & bit) !== 0);
  return flags.map(([, name]) => name).join('') || 'healthy';
}

/** Fields of `HostHealthStatus` that are true, beside what the control plane says. */
const STATUS_FIELDS: readonly (readonly [bit: number, field: string])[] = [
  [unfit.failedActiveCheck, 'failed_active_health_check'],
  [unfit.failedOutlierCheck, 'failed_outlier_check'],
  [unfit.degradedActiveCheck, 'failed_active_degraded_check'],
  [unfit.pendingRemoval, 'pending_dynamic_removal'],
  [unfit.pendingActiveCheck, 'pending_active_hc'],
  [unfit.excludedByImmediateFailure, 'excluded_via_immediate_hc_fail'],
  [unfit.activeCheckTimeout, 'active_hc_timeout'],
];

function healthStatus({ health }: HostView): JsonObject {
  const set = STATUS_FIELDS.filter(([bit]) => (health & bit) !== 0).map(([, field]) => [field, true] as const);
  return { ...Object.fromEntries(set), eds_health_status: edsStatus(health) };
}

function edsStatus(health: number): string {
  if ((health & unfit.failedEds) !== 0) return 'UNHEALTHY';
  if ((health & unfit.edsDraining) !== 0) return 'DRAINING';
  return (health & unfit.degradedEds) === 0 ? 'HEALTHY' : 'DEGRADED';
}
