// How many endpoints of a cluster are in which state.
import { fitnessOf, isExcluded } from '../balance/health.ts';
import type { Host } from './host.ts';
import type { ClusterStats } from './stats.ts';

export function countMembers(hosts: readonly Host[], stats: ClusterStats): void {
  const counts = { healthy: 0, degraded: 0, unhealthy: 0 };
  let excluded = 0;
  for (const { health } of hosts) {
    counts[fitnessOf(health)] += 1;
    if (isExcluded(health)) excluded += 1;
  }
  stats.membership_total = hosts.length;
  stats.membership_healthy = counts.healthy;
  stats.membership_degraded = counts.degraded;
  stats.membership_excluded = excluded;
}

/** Percent of those that count. */
export function fitPercent(hosts: readonly Host[]): number {
  const counted = hosts.filter(({ health }) => !isExcluded(health));
  const fit = counted.filter(({ health }) => fitnessOf(health) !== 'unhealthy');
  return counted.length === 0 ? 0 : (100 * fit.length) / counted.length;
}
