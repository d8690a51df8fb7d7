// Routes whose cluster is chosen together with the route, as Envoy does it for all: filters may ask for it, depend on it, or change headers that it
// depends on. Where there is but one cluster nothing is chosen.
import type { RuntimeLookup } from '../config/runtime-keys.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RouteEntry, RouteTable } from './table.ts';

/** The route of a request; `exchange.choice` is the choice of its cluster where there is one. */
export function findRoute(
  table: RouteTable | undefined,
  exchange: Exchange,
  { random, runtime }: { readonly random: () => number; readonly runtime: RuntimeLookup },
): RouteEntry | null {
  const entry = table?.match(exchange.request, exchange, random, runtime) ?? null;
  return entry?.settle === undefined ? entry : entry.settle(exchange, random, runtime);
}

/** `entry`, with `settle` where it needs it. */
export function settling(entry: RouteEntry): RouteEntry {
  const { action } = entry;
  if (action.kind !== 'forward' || !action.picksEarly) return entry;
  return {
    ...entry,
    settle(exchange, random, runtime) {
      const choice = action.pickCluster(exchange.request, random(), { exchange, runtime });
      exchange.choice = choice;
      return choice.filters === null ? entry : { ...entry, filters: choice.filters };
    },
  };
}
