// Locality-weighted balancing: localities in turn by their weight, less what of them is unfit (Envoy, "Locality weighted load balancing").
import { EarliestDeadline } from './edf.ts';
import type { Availability, Level, Locality } from './level.ts';

/** null when no locality has both a weight and an endpoint for it. */
export function localitySchedule(
  level: Level,
  availability: Availability,
  random: () => number,
): (() => Locality) | null {
  const weighted = level.localities
    .map((locality) => ({ locality, weight: effectiveWeight(locality, availability, level.factors.overprovisioning) }))
    .filter(({ weight }) => weight > 0);
  if (weighted.length === 0) return null;
  const schedule = new EarliestDeadline(weighted, ({ weight }) => weight, 0, random);
  return () => schedule.pick(0).locality;
}

function effectiveWeight(locality: Locality, availability: Availability, overprovisioning: number): number {
  const count = locality.all.length - locality.excluded;
  const fit = locality[availability].length;
  if (count === 0 || fit === 0) return 0;
  return locality.weight * Math.min(1, (overprovisioning / 100) * (fit / count));
}
