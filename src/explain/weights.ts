// Shares of a route's clusters. A compiled route picks one; which ones there are is read from the resource it was compiled from.
import type { RouteEntry } from '../proxy/route/table.ts';
import type { Route, RouteAction } from '../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { RouteConfiguration } from '../xds/gen/envoy/config/route/v3/route_pb.ts';

/** `at` is a random number for which the compiled route picks this cluster. */
export type Choice = { readonly cluster: string; readonly share: number; readonly at: number };

export function choicesOf(routes: RouteConfiguration | null, entry: RouteEntry): readonly Choice[] {
  const route = findRoute(routes, entry);
  const action: RouteAction | null = route?.action.case === 'route' ? route.action.value : null;
  if (action?.clusterSpecifier.case !== 'weightedClusters') return [{ cluster: '', share: 1, at: 0 }];
  const { clusters } = action.clusterSpecifier.value;
  const total = clusters.reduce((sum, { weight }) => sum + (weight ?? 0), 0);
  let before = 0;
  return clusters.map(({ name, weight = 0 }) => {
    const at = (before + weight / 2) / total;
    before += weight;
    return { cluster: name, share: weight / total, at };
  });
}

/** Names are unique in their virtual host. */
function findRoute(routes: RouteConfiguration | null, entry: RouteEntry): Route | null {
  const host = routes?.virtualHosts.find(({ name }) => name === entry.virtualHost);
  return host?.routes.find(({ name }) => name === entry.name) ?? null;
}
