// What the load-balancing policies have in common: each is made for a fixed set of candidates that were found fit.
import type { Hash64 } from '../../lib/hash.ts';
import type { Endpoint } from './balancer.ts';

/** `attempt` counts from 0: the same hash gives another endpoint when the first was tried before. */
export type Policy = (hash: Hash64, attempt: number) => Endpoint;

export function sameWeights(candidates: readonly Endpoint[]): boolean {
  const first = candidates[0]!.weight;
  return candidates.every((endpoint) => endpoint.weight === first);
}
