// ROUND_ROBIN: in turn, beginning anywhere; by earliest deadline when weights differ or an endpoint warms up.
import type { SlowStartConfig } from '../config/cluster-types.ts';
import type { Endpoint } from './balancer.ts';
import { EarliestDeadline } from './edf.ts';
import { type Picker, sameWeights, slowUntil, warmWeight } from './picker.ts';

export function roundRobin(
  candidates: readonly Endpoint[],
  slowStart: SlowStartConfig | null,
  now: number,
  random: () => number,
): Picker {
  let next = Math.floor(random() * candidates.length);
  const inTurn = () => {
    if (next >= candidates.length) next = 0;
    return candidates[next++]!;
  };
  const warm = slowUntil(candidates, slowStart);
  const even = sameWeights(candidates);
  if (even && warm <= now) return inTurn;
  const weighted = weightedRoundRobin(candidates, slowStart, now, random);
  return (at) => (even && warm <= at ? inTurn() : weighted(at));
}

/** By earliest deadline also where weights are alike now: they may change while the candidates stay. */
export function weightedRoundRobin(
  candidates: readonly Endpoint[],
  slowStart: SlowStartConfig | null,
  now: number,
  random: () => number,
): Picker {
  const weightOf = (endpoint: Endpoint, at: number) => warmWeight(endpoint.weight, endpoint, slowStart, at);
  const schedule = new EarliestDeadline(candidates, weightOf, now, random);
  return (at) => schedule.pick(at);
}
