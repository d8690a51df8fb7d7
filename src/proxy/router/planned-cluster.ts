// The cluster that a request would have gone to which a filter answered, or whose client left: logs, spans and metrics name it, as Envoy's.
import type { Exchange } from '../http/exchange.ts';
import { plannedCluster } from '../route/chosen-cluster.ts';
import type { RouterServices } from './services.ts';

export function notePlannedCluster(exchange: Exchange, clusters: RouterServices['clusters']): void {
  if (exchange.clusterMetadata !== null) return;
  const name = plannedCluster(exchange);
  const cluster = name === null ? undefined : clusters.get(name);
  if (cluster === undefined) return;
  exchange.cluster = cluster.config.name;
  exchange.clusterStatName = cluster.config.statName;
  exchange.clusterMetadata = cluster.config.metadata;
}
