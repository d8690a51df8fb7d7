// From a cluster's configuration to its balancer: the priority first, then the policy, avoiding what was tried.
import { type Hash64, remainder } from '../../lib/hash.ts';
import { unreachable } from '../../lib/unreachable.ts';
import type { ClusterConfig } from '../config/types.ts';
import type { Balancer, Endpoint, PickContext } from './balancer.ts';
import { leastRequest } from './least-request.ts';
import { Levels } from './levels.ts';
import { maglev } from './maglev.ts';
import type { Policy } from './policy.ts';
import { ringHash } from './ring-hash.ts';
import { roundRobin } from './round-robin.ts';

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
      const hash = context.hash ?? randomHash(random);
      const candidates = levels.candidates(context.now, remainder(hash, 100));
      return candidates.length === 0 ? null : pickWanted(policyFor(candidates), hash, context);
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
      return ringHash(candidates, balancing);
    case 'maglev':
      return maglev(candidates, balancing.tableSize);
    default:
      return unreachable(balancing);
  }
}

/** Asks again for an endpoint that is not wanted; after `reselect` times the last one has to do, as in Envoy. */
function pickWanted(policy: Policy, hash: Hash64, context: PickContext): Endpoint {
  let picked = policy(hash, 0);
  for (let attempt = 1; attempt <= context.reselect && isUnwanted(picked, context); attempt++) {
    picked = policy(hash, attempt);
  }
  return picked;
}

function isUnwanted(endpoint: Endpoint, { tried, rejects }: PickContext): boolean {
  return tried.includes(endpoint) || rejects?.(endpoint) === true;
}

function randomHash(random: () => number): Hash64 {
  return { high: Math.floor(random() * 2 ** 32), low: Math.floor(random() * 2 ** 32) };
}
