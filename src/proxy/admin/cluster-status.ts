// Envoy's /clusters: every endpoint the proxy knows, as text or JSON.
import type { JsonObject } from '@bufbuild/protobuf';
import type { Endpoint } from '../balance/balancer.ts';
import type { ClusterConfig } from '../config/types.ts';

/** What is read of a running cluster. */
export type ClusterView = { readonly config: ClusterConfig; readonly hosts: readonly Endpoint[] };

/** `now` is monotonic milliseconds. */
export function clustersJson(clusters: readonly ClusterView[], now: number): JsonObject {
  return {
    cluster_statuses: clusters.map(({ config, hosts }) => ({
      name: config.name,
      added_via_api: true,
      ...(config.discovery.kind === 'eds' && { eds_service_name: config.discovery.serviceName }),
      circuit_breakers: { thresholds: [limitsOf(config)] },
      host_statuses: hosts.map((host) => ({
        address: { socket_address: { address: host.address, port_value: host.port } },
        stats: [{ type: 'GAUGE', name: 'rq_active', value: String(host.activeRequests) }],
        health_status: {
          eds_health_status: host.healthy ? 'HEALTHY' : 'UNHEALTHY',
          ...(host.ejectedUntil > now && { failed_outlier_check: true }),
        },
        weight: host.weight,
        priority: host.priority,
      })),
    })),
  };
}

/** `now` is monotonic milliseconds. */
export function clustersText(clusters: readonly ClusterView[], now: number): string {
  const lines = clusters.flatMap(({ config, hosts }) => {
    const { max_connections, max_pending_requests, max_requests, max_retries } = limitsOf(config);
    const limits = { max_connections, max_pending_requests, max_requests, max_retries };
    return [
      ...Object.entries(limits).map(([name, value]) => `${config.name}::default_priority::${name}::${value}`),
      ...hosts.flatMap((host) => {
        const name = `${config.name}::${host.name}`;
        return [
          `${name}::rq_active::${host.activeRequests}`,
          `${name}::health_flags::${healthFlags(host, now)}`,
          `${name}::weight::${host.weight}`,
          `${name}::priority::${host.priority}`,
        ];
      }),
    ];
  });
  return lines.map((line) => `${line}\n`).join('');
}

function limitsOf({ limits }: ClusterConfig) {
  return {
    max_connections: limits.maxConnections,
    max_pending_requests: limits.maxPendingRequests,
    max_requests: limits.maxRequests,
    max_retries: limits.maxRetries,
  };
}

function healthFlags(host: Endpoint, now: number): string {
  const flags = [!host.healthy && '/failed_eds_health', host.ejectedUntil > now && '/failed_outlier_check'];
  return flags.filter((flag) => flag !== false).join('') || 'healthy';
}
