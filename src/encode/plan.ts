// A proxy's plan as the snapshot it is served.
import type { ClusterPlan, ProxyPlan } from '../mesh/plan.ts';
import { type EncodedResource, type Snapshot, type TypeUrl, typeUrl } from '../xds/resource.ts';
import { encodeCluster } from './cluster.ts';
import { encodeEndpoints } from './endpoints.ts';
import { encodeListener } from './listener.ts';
import { peerValue } from './peer.ts';
import { perPart } from './resource.ts';
import { encodeRoutes } from './routes.ts';

/** Secrets are not here: agents serve them. */
export function encodePlan(plan: ProxyPlan): Snapshot {
  const trustDomain = plan.proxy.identity.split('/')[2] ?? '';
  const peer = peerValue(plan.proxy.workload);
  const clusters = plan.clusters.flatMap((cluster) => clusterResources(cluster));
  return {
    resources: new Map<TypeUrl, ReadonlyMap<string, EncodedResource>>([
      [typeUrl.cluster, named(clusters.filter((each) => each.typeUrl === typeUrl.cluster))],
      [typeUrl.endpoints, named(clusters.filter((each) => each.typeUrl === typeUrl.endpoints))],
      [typeUrl.listener, named(plan.listeners.map((listener) => listenerResource(listener, trustDomain)))],
      [typeUrl.routes, named(plan.routeTables.map((table) => routeResource(table, peer)))],
    ]),
  };
}

/** One per table and caller: clients that are routed alike share the table, the peer header names the workload. */
const routeResource = perPart(encodeRoutes);

const clusterResources = perPart((plan: ClusterPlan): readonly EncodedResource[] => {
  switch (plan.kind) {
    case 'service':
      return [encodeCluster(plan), encodeEndpoints(plan)];
    case 'application':
      return [encodeCluster(plan)];
    case 'broken':
      return [];
  }
});

const listenerResource = perPart(encodeListener);

const named = (resources: readonly EncodedResource[]): ReadonlyMap<string, EncodedResource> =>
  new Map(resources.map((each) => [each.name, each]));
