// Counters of filters below the cluster a request goes to, as `cluster.shop.ext_authz.denied`.
import type { Exchange } from '../http/exchange.ts';
import { statScope } from '../http/statistics.ts';
import { chosenCluster } from '../route/chosen-cluster.ts';
import { perScope } from './define.ts';
import type { FilterScope } from './filter.ts';

/** null: the request goes to no cluster that is known. */
export type ClusterStats<Stats> = (exchange: Exchange, scope: FilterScope) => Stats | null;

/** `name` stands behind the cluster's. */
export function perCluster<Stats extends object>(name: string, make: () => Stats): ClusterStats<Stats> {
  const known = perScope(() => new Map<string, Stats>());
  return (exchange, scope) => {
    const cluster = chosenCluster(exchange, scope.random);
    if (cluster === null || scope.clusters.get(cluster) === undefined) return null;
    const all = known(scope);
    const stats = all.get(cluster) ?? scope.stats(`${clusterScope(scope, cluster)}.${name}`, make);
    all.set(cluster, stats);
    return stats;
  };
}

/** Where a cluster is counted. */
export function clusterScope({ clusters }: FilterScope, name: string): string {
  return statScope('cluster', clusters.get(name)?.config.statName ?? name);
}

/** An answer of a filter's own counts among the responses of the cluster that was to give one. */
export function chargeCluster(exchange: Exchange, scope: FilterScope, status: number): void {
  const cluster = chosenCluster(exchange, scope.random);
  if (cluster !== null) scope.clusters.get(cluster)?.stats.countResponse(status);
}
