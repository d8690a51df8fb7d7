// Routes that must not be used without the clusters they name (`validate_clusters`).
import { ConfigError } from '../config/config-error.ts';
import type { ListenerConfig } from '../config/types.ts';
import type { RouteTable } from '../route/table.ts';

/** @throws ConfigError for the first that does not exist. */
export function requireClusters(table: RouteTable, exists: (name: string) => boolean): void {
  for (const { name, path } of table.neededClusters) {
    if (!exists(name)) throw new ConfigError(path, `there is no cluster ${name} (hint: validate_clusters: false)`);
  }
}

/** Of the routes that come with the listener. @throws as `requireClusters`. */
export function requireClustersOf({ chains, defaultChain }: ListenerConfig, exists: (name: string) => boolean): void {
  for (const { network } of defaultChain === null ? chains : [...chains, defaultChain]) {
    if (network.kind === 'http' && network.http.routes.kind === 'inline')
      requireClusters(network.http.routes.table, exists);
  }
}
