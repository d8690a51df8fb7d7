// typed_per_filter_config: what a level of a route configuration has instead of the chain's filters.
import type { Route } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { HttpFilter } from '../filter/filter.ts';
import { compileOverride } from '../filter/registry.ts';

export type FilterOverrides = ReadonlyMap<string, HttpFilter | null>;

/** Most levels override nothing and share the map of the level above. */
export function compileOverrides(
  configs: Route['typedPerFilterConfig'],
  outer: FilterOverrides,
  path: string,
): FilterOverrides {
  const entries = Object.entries(configs);
  if (entries.length === 0) return outer;
  const filters = new Map(outer);
  for (const [name, config] of entries) {
    const override = compileOverride(name, config, `${path}[${name}]`, outer.get(name) ?? null);
    if (override !== undefined) filters.set(name, override);
  }
  return filters;
}
