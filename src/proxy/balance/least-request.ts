// LEAST_REQUEST: the least busy of a few random candidates (power of two choices). When weights differ, Envoy's other
// algorithm: earliest deadline first with weights divided by the requests in flight.
import type { Endpoint } from './balancer.ts';
import { EarliestDeadline } from './edf.ts';
import { type Policy, sameWeights } from './policy.ts';

export function leastRequest(candidates: readonly Endpoint[], choices: number, random: () => number): Policy {
  if (sameWeights(candidates)) return () => leastBusy(candidates, choices, random);
  const schedule = new EarliestDeadline(
    candidates,
    (endpoint) => endpoint.weight / (endpoint.activeRequests + 1),
    random,
  );
  return () => schedule.pick();
}

function leastBusy(candidates: readonly Endpoint[], choices: number, random: () => number): Endpoint {
  let best = candidates[Math.floor(random() * candidates.length)]!;
  for (let i = 1; i < choices && candidates.length > 1; i++) {
    const other = candidates[Math.floor(random() * candidates.length)]!;
    if (other.activeRequests < best.activeRequests) best = other;
  }
  return best;
}
