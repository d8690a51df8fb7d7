// From a cluster's configuration and endpoints to its balancer.
import type { ClusterConfig } from '../config/types.ts';
import type { Balancer, BalancerContext, Endpoint } from './balancer.ts';
import { HashBalancer } from './hash-balancer.ts';
import type { Factors } from './level.ts';
import { OverrideHost } from './override-host.ts';
import { ScheduledBalancer } from './scheduled-balancer.ts';
import { SubsetBalancer } from './subset-balancer.ts';

export function createBalancer(
  config: Pick<ClusterConfig, 'balancing' | 'localities' | 'panicThreshold' | 'subsets' | 'overrideHeaders'>,
  factors: Factors,
  endpoints: readonly Endpoint[],
  context: BalancerContext,
): Balancer {
  const { subsets, overrideHeaders } = config;
  if (subsets === null) {
    const whole = createWhole(config, factors, endpoints, context);
    return overrideHeaders.length === 0 ? whole : new OverrideHost(overrideHeaders, endpoints, whole);
  }
  return new SubsetBalancer(subsets, endpoints, context.stats, (members) => {
    const localityWeights = subsets.localityWeightAware
      ? weightsFor(members, endpoints, factors, subsets.scaleLocalityWeight)
      : [];
    return createWhole(config, { ...factors, localityWeights }, members, context);
  });
}

function createWhole(
  { balancing: policy, localities, panicThreshold }: Pick<ClusterConfig, 'balancing' | 'localities' | 'panicThreshold'>,
  factors: Factors,
  endpoints: readonly Endpoint[],
  context: BalancerContext,
): Balancer {
  if (policy.kind === 'ring-hash' || policy.kind === 'maglev') {
    const weighted = localities.kind === 'weighted';
    return new HashBalancer({ policy, weighted, panicThreshold }, factors, endpoints, context);
  }
  return new ScheduledBalancer({ policy, localities, panicThreshold }, factors, endpoints, context);
}

/** Scaled: by the share of a locality's endpoints that is in the subset. */
function weightsFor(
  members: readonly Endpoint[],
  endpoints: readonly Endpoint[],
  { localityWeights }: Factors,
  scaled: boolean,
): Factors['localityWeights'] {
  if (!scaled) return localityWeights;
  const countIn = (list: readonly Endpoint[], locality: string, priority: number) =>
    list.filter((endpoint) => endpoint.locality === locality && endpoint.priority === priority).length;
  return localityWeights.map(({ priority, locality, weight }) => {
    const share = countIn(members, locality, priority) / Math.max(countIn(endpoints, locality, priority), 1);
    return { priority, locality, weight: share === 0 ? 0 : Math.max(1, Math.round(weight * share)) };
  });
}
