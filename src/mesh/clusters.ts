// Clusters: a service's port (and subset) as one class of clients sees it.
import type { DestinationSettings, LoadBalancer } from '../model/policy.ts';
import type { Service } from '../model/service.ts';
import type { Setting } from '../model/setting.ts';
import type { ClientClass } from './client.ts';
import { destinationOf, settingsOf, subsetOf } from './destinations.ts';
import { endpointsOf } from './endpoints.ts';
import { clusterName, serverName } from './names.ts';
import { compareText } from './order.ts';
import type { ClusterPlan, EndpointPlan, ServiceLabels } from './plan.ts';
import type { Planning } from './planning.ts';
import type { Backing, ServiceCluster } from './resolved.ts';
import { retryBudget } from './retry-budget.ts';
import { shapedBy } from './shaping.ts';

export const serviceLabels = ({ host, name, namespace }: Service): ServiceLabels => ({ host, name, namespace });

export function backingCluster(planning: Planning, client: ClientClass, backing: Backing): ClusterPlan {
  if (backing.kind === 'service') return serviceCluster(planning, client, backing.cluster);
  return { kind: 'broken', name: backing.name, reason: backing.reason, origin: backing.origin };
}

/** One per name; a cluster that several routes use is the same object each time. */
export const sortClusters = (clusters: readonly ClusterPlan[]): readonly ClusterPlan[] =>
  [...new Map(clusters.map((cluster) => [cluster.name, cluster])).values()].sort((a, b) => compareText(a.name, b.name));

export function serviceCluster(planning: Planning, client: ClientClass, cluster: ServiceCluster): ClusterPlan {
  const { service, port, subset } = cluster;
  const name = clusterName(service.host, port.port, subset);
  return planning.made.clusters(`${client.namespace}|${client.proxyless}|${name}`, () =>
    planCluster(planning, client, cluster, name),
  );
}

function planCluster(
  planning: Planning,
  client: ClientClass,
  { service, port, subset: subsetName }: ServiceCluster,
  name: string,
): ClusterPlan {
  const destination = destinationOf(planning.mesh, service, client.namespace);
  const subset = subsetName === '' ? null : subsetOf(destination, subsetName);
  const settings = settingsOf(destination, port.port, subset);
  const {
    endpoints,
    identities,
    shapedBy: behind,
  } = endpointsOf(planning.mesh, service, port, subset?.labels ?? {}, client.proxyless);
  const policies = destination.policies.map(({ origin }) => origin);
  const plain = client.proxyless || settings.tls.kind === 'off';
  return {
    kind: 'service',
    name,
    service: serviceLabels(service),
    subset: subsetName,
    protocol: port.protocol,
    loadBalancer: balancerFor(client, settingValue(settings.loadBalancer) ?? { kind: 'least-request' }),
    pool: settings.connectionPool,
    retryBudget: retryBudget(planning, service, port, client.namespace),
    outlierDetection: settingValue(settings.outlierDetection),
    transport: plain
      ? { kind: 'plain' }
      : { kind: 'mesh', sni: serverName(service.host, port.port, subsetName), identities },
    endpoints: endpoints.map((endpoint) => withTls(endpoint, settings, plain)),
    origin: subset?.origin ?? policies[0] ?? service.origin,
    shapedBy: shapedBy([service.origin], policies, behind),
  };
}

/** gRPC libraries know round robin and hashing (gRFC A27, A42), and refuse a cluster that asks for more. */
const balancerFor = ({ proxyless }: ClientClass, wanted: LoadBalancer): LoadBalancer =>
  proxyless && wanted.kind !== 'hash' ? { kind: 'round-robin' } : wanted;

/** Where mutual TLS is asked for by name there is no falling back to plain text, whatever the endpoint looks like. */
function withTls(endpoint: EndpointPlan, { tls }: DestinationSettings, plain: boolean): EndpointPlan {
  const mutualTls = !plain && (tls.kind === 'set' || endpoint.mutualTls);
  return mutualTls === endpoint.mutualTls ? endpoint : { ...endpoint, mutualTls };
}

const settingValue = <T>(setting: Setting<T>): T | null => (setting.kind === 'set' ? setting.value : null);
