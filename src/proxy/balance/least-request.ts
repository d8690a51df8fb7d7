// LEAST_REQUEST: the least busy of a few random candidates (power of two choices), or of all. When weights differ or an
// endpoint warms up, Envoy's other algorithm: earliest deadline first with weights divided by the requests in flight.
import type { PolicyConfig } from '../config/cluster-types.ts';
import type { Endpoint } from './balancer.ts';
import { EarliestDeadline } from './edf.ts';
import { oneOf, type Picker, sameWeights, slowUntil, warmWeight } from './picker.ts';

type Config = Extract<PolicyConfig, { kind: 'least-request' }>;

export function leastRequest(
  candidates: readonly Endpoint[],
  { choices, bias, fullScan, slowStart }: Config,
  now: number,
  random: () => number,
): Picker {
  const unweighted = fullScan ? () => leastOfAll(candidates, random) : () => leastOfSome(candidates, choices, random);
  const warm = slowUntil(candidates, slowStart);
  const even = sameWeights(candidates);
  if (even && warm <= now) return unweighted;
  const weightOf = (endpoint: Endpoint, at: number) =>
    warmWeight(endpoint.weight / (endpoint.activeRequests + 1) ** bias, endpoint, slowStart, at);
  const schedule = new EarliestDeadline(candidates, weightOf, now, random);
  return (at) => (even && warm <= at ? unweighted() : schedule.pick(at));
}

function leastOfSome(candidates: readonly Endpoint[], choices: number, random: () => number): Endpoint {
  let best = oneOf(candidates, random);
  for (let i = 1; i < choices && candidates.length > 1; i++) {
    const other = oneOf(candidates, random);
    if (other.activeRequests < best.activeRequests) best = other;
  }
  return best;
}

/** Among equals by chance. */
function leastOfAll(candidates: readonly Endpoint[], random: () => number): Endpoint {
  let best = candidates[0]!;
  let equals = 1;
  for (let i = 1; i < candidates.length; i++) {
    const other = candidates[i]!;
    if (other.activeRequests > best.activeRequests) continue;
    equals = other.activeRequests < best.activeRequests ? 1 : equals + 1;
    if (equals === 1 || random() * equals < 1) best = other;
  }
  return best;
}
