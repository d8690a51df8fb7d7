// Zone-aware routing: requests stay in the proxy's own zone as far as its share of the cluster's endpoints covers its share of
// the callers; the rest goes where endpoints are to spare. Envoy's rules (load balancing, "Zone aware routing").
import type { LocalityConfig } from '../config/cluster-types.ts';
import type { BalancerStats, Endpoint, LocalCluster } from './balancer.ts';
import { fitnessOf } from './health.ts';
import type { Level, Locality } from './level.ts';
import { oneOf } from './picker.ts';

type Config = Extract<LocalityConfig, { kind: 'zone-aware' }>;
type Shares = { readonly upstream: number; readonly callers: number };

/** Chooses the locality for one request. */
export type ZoneRouting = () => Locality;

/** Shares count ten thousandths. */
const WHOLE = 10_000;

/** null when requests are not to be routed by zone. `level` is the first one: others never are. */
export function zoneRouting(
  level: Level,
  local: LocalCluster,
  config: Config,
  stats: BalancerStats,
  random: () => number,
): ZoneRouting | null {
  stats.lb_recalculate_zone_structures += 1;
  const { zone } = local;
  const localities = [...level.localities].sort((a, b) => Number(b.name === zone) - Number(a.name === zone));
  if (localities.length < 2) return null;
  if (countBy(local.endpoints).size < 2 && !config.forceDirect) return null;
  const callers = countBy(local.endpoints.filter(({ health }) => fitnessOf(health) === 'healthy'));
  if (!local.endpoints.some(({ locality }) => locality === zone)) {
    stats.lb_local_cluster_not_ok += 1;
    return null;
  }
  if (level.healthy.length < config.minClusterSize) {
    stats.lb_zone_cluster_too_small += 1;
    return null;
  }
  const shares = localities.map((locality) => sharesOf(locality, level, callers));
  const isHere = localities[0]!.name === zone;
  const { upstream, callers: calling } = shares[0]!;
  if (isHere && ((upstream > 0 && upstream >= calling) || config.forceDirect)) {
    return () => {
      stats.lb_zone_routing_all_directly += 1;
      return localities[0]!;
    };
  }
  const direct = isHere && calling > 0 ? Math.floor((upstream * WHOLE) / calling) : 0;
  return residual(localities, spareOf(shares, isHere), direct, stats, random);
}

/** `direct` of ten thousand stay; the others go where there is room, in proportion to it. */
function residual(
  localities: readonly Locality[],
  spare: readonly number[],
  direct: number,
  stats: BalancerStats,
  random: () => number,
): ZoneRouting {
  const room = spare.reduce((sum, one) => sum + one, 0);
  return () => {
    if (random() * WHOLE < direct) {
      stats.lb_zone_routing_sampled += 1;
      return localities[0]!;
    }
    stats.lb_zone_routing_cross_zone += 1;
    if (room === 0) {
      stats.lb_zone_no_capacity_left += 1;
      return oneOf(localities, random);
    }
    let rest = random() * room;
    const at = spare.findIndex((one) => {
      rest -= one;
      return rest < 0;
    });
    return localities[at]!;
  };
}

function spareOf(shares: readonly Shares[], isHere: boolean): number[] {
  return shares.map(({ upstream, callers }, i) => (i === 0 && isHere ? 0 : Math.max(0, upstream - callers)));
}

function sharesOf(locality: Locality, level: Level, callers: ReadonlyMap<string, number>): Shares {
  if (locality.healthy.length === 0) return { upstream: 0, callers: 0 };
  const all = [...callers.values()].reduce((sum, count) => sum + count, 0);
  const here = callers.get(locality.name) ?? 0;
  return {
    upstream: Math.floor((WHOLE * locality.healthy.length) / level.healthy.length),
    callers: all > 0 ? Math.floor((WHOLE * here) / all) : 0,
  };
}

function countBy(endpoints: readonly Endpoint[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { locality } of endpoints) counts.set(locality, (counts.get(locality) ?? 0) + 1);
  return counts;
}
