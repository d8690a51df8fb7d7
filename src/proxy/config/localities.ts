// How localities of a cluster share its requests.
import type { Percent } from '../../xds/gen/envoy/type/v3/percent_pb.ts';
import type { LocalityConfig } from './cluster-types.ts';
import { at } from './config-error.ts';
import { percentOf } from './slow-start.ts';

/** As a cluster's own field and the typed policies have it. */
export type LocalitySpecifier = {
  readonly case: 'zoneAwareLbConfig' | 'localityWeightedLbConfig' | undefined;
  readonly value?: object | undefined;
};
type ZoneAwareMessage = {
  readonly routingEnabled?: Percent | undefined;
  readonly minClusterSize?: bigint | undefined;
  readonly failTrafficOnPanic?: boolean;
  readonly forceLocalityDirectRouting?: boolean;
};

const MIN_CLUSTER_SIZE = 6;

/** Nothing said is zone-aware with its defaults, as in Envoy. */
export function decodeLocalities(specifier: LocalitySpecifier | undefined, path: string): LocalityConfig {
  if (specifier?.case === 'localityWeightedLbConfig') return { kind: 'weighted' };
  const zones: ZoneAwareMessage = specifier?.value ?? {};
  return {
    kind: 'zone-aware',
    minClusterSize: Number(zones.minClusterSize ?? MIN_CLUSTER_SIZE),
    routedPercent: percentOf(zones.routingEnabled, 100, at(path, 'zone_aware_lb_config.routing_enabled')),
    failOnPanic: zones.failTrafficOnPanic ?? false,
    forceDirect: zones.forceLocalityDirectRouting ?? false,
  };
}
