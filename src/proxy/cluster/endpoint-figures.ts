// What happened at each endpoint, as statistics of the proxy, where `track_cluster_stats` asks for them. Envoy's names, beside the cluster's others.
import { fitnessOf } from '../balance/health.ts';
import { statScope } from '../http/statistics.ts';
import type { Cluster } from './cluster.ts';
import type { Host } from './host.ts';

/** By scope: `cluster.web.endpoint.127.0.0.1_80`. */
export function* endpointFigures(cluster: Cluster): IterableIterator<readonly [scope: string, stats: object]> {
  if (!cluster.config.tracksEndpoints) return;
  for (const host of cluster.hosts) {
    const scope = statScope('cluster', `${cluster.config.statName}.endpoint.${host.observabilityName || host.name}`);
    yield [scope, host.stats];
    yield [scope, gaugesOf(host)];
  }
}

function gaugesOf({ activeRequests, health }: Host): object {
  return { rq_active: activeRequests, healthy: fitnessOf(health) === 'healthy' ? 1 : 0 };
}
