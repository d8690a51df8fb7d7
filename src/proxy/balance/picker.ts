// What the policies that need no hash have in common: each chooses from a fixed list that has at least one endpoint.
import type { SlowStartConfig } from '../config/cluster-types.ts';
import type { Endpoint } from './balancer.ts';

/** `now` is monotonic milliseconds. */
export type Picker = (now: number) => Endpoint;

export function sameWeights(candidates: readonly Endpoint[]): boolean {
  const first = candidates[0]!.weight;
  return candidates.every((endpoint) => endpoint.weight === first);
}

/** When the last of them has its whole share; -Infinity without slow start. */
export function slowUntil(candidates: readonly Endpoint[], slowStart: SlowStartConfig | null): number {
  if (slowStart === null) return Number.NEGATIVE_INFINITY;
  return candidates.reduce((latest, endpoint) => Math.max(latest, endpoint.healthySince + slowStart.window), 0);
}

/** An endpoint's weight while it warms up (Envoy, "Slow start mode"). */
export function warmWeight(weight: number, endpoint: Endpoint, slowStart: SlowStartConfig | null, now: number): number {
  if (slowStart === null) return weight;
  const time = Math.max(now - endpoint.healthySince, 1) / slowStart.window;
  if (time >= 1) return weight;
  return weight * Math.max(time ** (1 / slowStart.aggression), slowStart.minWeightPercent / 100);
}

export function oneOf<Item>(list: readonly Item[], random: () => number): Item {
  return list[Math.floor(random() * list.length)]!;
}
