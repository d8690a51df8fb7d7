// The clusters that a RouteConfiguration names, where it is to be refused unless they exist (`validate_clusters`). Those that requests name, or
// specifiers find, cannot be known.
import type {
  RouteAction_RequestMirrorPolicy as Policy,
  Route,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at } from '../config/config-error.ts';

/** `path` is where it is named. */
export type NeededCluster = { readonly name: string; readonly path: string };

export function clustersOf({ action }: Route, path: string): readonly NeededCluster[] {
  if (action.case !== 'route') return [];
  const here = at(path, 'route');
  const { clusterSpecifier, requestMirrorPolicies } = action.value;
  return [...chosen(clusterSpecifier, here), ...mirrored(requestMirrorPolicies, at(here, 'request_mirror_policies'))];
}

export function mirrored(policies: readonly Policy[], path: string): readonly NeededCluster[] {
  return named(policies.map(({ cluster }, i) => ({ name: cluster, path: `${path}[${i}].cluster` })));
}

type Specifier = (Route['action'] & { readonly case: 'route' })['value']['clusterSpecifier'];

function chosen(specifier: Specifier, path: string): readonly NeededCluster[] {
  if (specifier.case === 'cluster') return [{ name: specifier.value, path: at(path, 'cluster') }];
  if (specifier.case !== 'weightedClusters') return [];
  return named(
    specifier.value.clusters.map(({ name }, i) => ({ name, path: at(path, `weighted_clusters.clusters[${i}].name`) })),
  );
}

function named(all: readonly NeededCluster[]): readonly NeededCluster[] {
  return all.filter(({ name }) => name !== '');
}
