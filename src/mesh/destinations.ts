// How a client treats a destination: which policies apply, and what they say together for one port and subset.
import type { ConnectionPool, DestinationPolicy, DestinationSettings, Subset } from '../model/policy.ts';
import { reaches, type Service } from '../model/service.ts';
import { unset } from '../model/setting.ts';
import { dialectRank } from './dialects.ts';
import { mostSpecific } from './hosts.ts';
import { type Mesh, rootNamespace } from './merge.ts';

/** The policies of one host, first the one that decides. */
export type Destination = { readonly policies: readonly DestinationPolicy[] };

/** Client's namespace, then the service's, then the root's: the first that has a policy for the host decides alone (Istio). */
export function destinationOf(mesh: Mesh, service: Service, clientNamespace: string): Destination {
  for (const namespace of [clientNamespace, service.namespace, rootNamespace]) {
    const all = mesh.destinations.get(namespace) ?? [];
    const candidates = all.filter(({ clients }) => reaches(clients, clientNamespace));
    const best = mostSpecific(service.host, candidates, ({ host }) => host);
    if (best === null) continue;
    const policies = candidates.filter(({ host }) => host === best.host);
    return { policies: policies.toSorted((a, b) => dialectRank(a.origin.dialect) - dialectRank(b.origin.dialect)) };
  }
  return { policies: [] };
}

/** Subsets of all policies of the host; of two with one name the first policy's counts. */
export function subsetOf(destination: Destination, name: string): Subset | null {
  for (const policy of destination.policies) {
    const found = policy.subsets.find((subset) => subset.name === name);
    if (found !== undefined) return found;
  }
  return null;
}

export const subsetNames = (destination: Destination): readonly string[] =>
  destination.policies.flatMap(({ subsets }) => subsets.map(({ name }) => name));

/** Within a dialect the oldest policy decides; a later dialect fills in what the earlier ones left open. */
export function settingsOf(destination: Destination, port: number, subset: Subset | null): DestinationSettings {
  const dialects = new Set<string>();
  let settings = nothingSet;
  for (const policy of destination.policies) {
    if (dialects.has(policy.origin.dialect)) continue;
    dialects.add(policy.origin.dialect);
    settings = overlay(policySettings(policy, port), settings);
  }
  return subset === null ? settings : overlay(settings, subset.settings);
}

/** Port-level settings replace the host's altogether: what they leave out is the default, not the host's value (Istio, portLevelSettings). */
const policySettings = (policy: DestinationPolicy, port: number): DestinationSettings =>
  policy.ports.find((entry) => entry.port === port)?.settings ?? policy.settings;

function overlay(base: DestinationSettings, over: DestinationSettings): DestinationSettings {
  return {
    loadBalancer: over.loadBalancer.kind === 'default' ? base.loadBalancer : over.loadBalancer,
    connectionPool: says(over.connectionPool) ? over.connectionPool : base.connectionPool,
    outlierDetection: over.outlierDetection.kind === 'default' ? base.outlierDetection : over.outlierDetection,
    tls: over.tls.kind === 'default' ? base.tls : over.tls,
  };
}

const says = (pool: ConnectionPool): boolean => Object.values(pool).some((value) => value !== null);

const nothingSet: DestinationSettings = {
  loadBalancer: unset,
  connectionPool: {
    connectTimeout: null,
    maxConnections: null,
    maxPendingRequests: null,
    maxRequests: null,
    maxRequestsPerConnection: null,
    maxRetries: null,
    idleTimeout: null,
  },
  outlierDetection: unset,
  tls: unset,
};
