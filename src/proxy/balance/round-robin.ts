// ROUND_ROBIN: in turn; by earliest deadline when weights differ.
import type { Endpoint } from './balancer.ts';
import { EarliestDeadline } from './edf.ts';
import { type Policy, sameWeights } from './policy.ts';

export function roundRobin(candidates: readonly Endpoint[], random: () => number): Policy {
  if (!sameWeights(candidates)) {
    const schedule = new EarliestDeadline(candidates, (endpoint) => endpoint.weight, random);
    return () => schedule.pick();
  }
  let next = Math.floor(random() * candidates.length);
  return () => {
    if (next >= candidates.length) next = 0;
    return candidates[next++]!;
  };
}
