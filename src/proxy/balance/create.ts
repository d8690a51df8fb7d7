// From a cluster's configuration to its balancer: the priority first, then the policy, avoiding what was tried.
import { unreachable } from '../../lib/unreachable.ts';
import type { ClusterConfig } from '../config/types.ts';
import type { Balancer, Endpoint, PickContext } from './balancer.ts';
import { leastRequest } from './least-request.ts';
import { Levels } from './levels.ts';
import { maglev } from './maglev.ts';
import type { Policy } from './policy.ts';
import { ringHash } from './ring-hash.ts';
import { roundRobin } from './round-robin.ts';

/** How often a policy is asked again for an endpoint that was not tried, before any such endpoint is taken. */
const ATTEMPTS = 4;

/** `random` is uniform in [0, 1). */
export function createBalancer(config: ClusterConfig, endpoints: readonly Endpoint[], random: () => number): Balancer {
  const levels = new Levels(endpoints, config.panicThreshold);
  // Schedules and tables belong to a set of candidates, which keeps its identity until an endpoint becomes fit or unfit.
  const policies = new WeakMap<readonly Endpoint[], Policy>();
  const policyFor = (candidates: readonly Endpoint[]): Policy => {
    let policy = policies.get(candidates);
    if (!policy) {
      policy = createPolicy(config.balancing, candidates, random);
      policies.set(candidates, policy);
    }
    return policy;
  };
  return {
    pick(context) {
      const place = context.hash === null ? random() * 100 : context.hash % 100;
      const candidates = levels.candidates(context.now, place);
      return candidates.length === 0 ? null : pickUntried(policyFor(candidates), candidates, context);
    },
  };
}

function createPolicy(
  balancing: ClusterConfig['balancing'],
  candidates: readonly Endpoint[],
  random: () => number,
): Policy {
  switch (balancing.kind) {
    case 'round-robin':
      return roundRobin(candidates, random);
    case 'random':
      // Weights are ignored, as Envoy ignores them.
      return () => candidates[Math.floor(random() * candidates.length)]!;
    case 'least-request':
      return leastRequest(candidates, balancing.choices, random);
    case 'ring-hash':
      return ringHash(candidates, balancing, random);
    case 'maglev':
      return maglev(candidates, balancing.tableSize, random);
    default:
      return unreachable(balancing);
  }
}

function pickUntried(policy: Policy, candidates: readonly Endpoint[], context: PickContext): Endpoint {
  const first = policy(context.hash, 0);
  if (context.tried.length === 0 || !context.tried.includes(first)) return first;
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const other = policy(context.hash, attempt);
    if (!context.tried.includes(other)) return other;
  }
  return candidates.find((endpoint) => !context.tried.includes(endpoint)) ?? first;
}
