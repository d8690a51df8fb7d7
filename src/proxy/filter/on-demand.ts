// The filter envoy.filters.http.on_demand: a request waits for the virtual host of its name (VHDS), or for its cluster (ODCDS), and goes on where it was.
// What does not come is answered by the router, as if nobody had asked.
import {
  type OnDemandCds,
  OnDemandSchema,
  PerRouteConfigSchema,
} from '../../xds/gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { type ConfigSource, decodeSource } from '../config/config-source.ts';
import { millis } from '../config/values.ts';
import type { Exchange } from '../http/exchange.ts';
import { chosenCluster } from '../route/chosen-cluster.ts';
import { compiler, type FilterKind, routeSettings } from './define.ts';
import type { FilterScope, FilterStream, HttpFilter, StreamFilter } from './filter.ts';

/** How clusters are asked for; null: they are not. */
type ClusterSource = { readonly source: ConfigSource; readonly timeout: number } | null;

const TIMEOUT = 5_000;
const ofRoute = routeSettings<ClusterSource>();

export const onDemand: FilterKind = {
  chain: compiler(OnDemandSchema, ({ odcds }, name, path) => createFilter(name, decodeClusters(odcds, path))),
  route: compiler(PerRouteConfigSchema, ({ odcds }, name, path) => ofRoute.make(name, decodeClusters(odcds, path))),
};

function decodeClusters(odcds: OnDemandCds | undefined, path: string): ClusterSource {
  if (odcds === undefined) return null;
  const here = at(path, 'odcds');
  if (odcds.resourcesLocator !== '')
    throw new ConfigError(at(here, 'resources_locator'), 'xdstp names are not supported');
  return {
    source: decodeSource(odcds.source, at(here, 'source')),
    timeout: millis(odcds.timeout, TIMEOUT, at(here, 'timeout')),
  };
}

function createFilter(name: string, clusters: ClusterSource): HttpFilter {
  return {
    name,
    open(exchange, scope, stream) {
      const need = () => {
        const own = ofRoute.of(exchange, name);
        return missingCluster(exchange, scope, own === undefined ? clusters : own);
      };
      return lacksHost(exchange, scope) || need() !== null ? waitFor(need, exchange, scope, stream) : null;
    },
  };
}

function waitFor(
  need: () => ReturnType<typeof missingCluster>,
  exchange: Exchange,
  scope: FilterScope,
  stream: FilterStream,
): StreamFilter {
  let held = false;
  const proceed = () => {
    if (held) stream.run(() => stream.request.proceed());
    else held = true;
  };
  const askForCluster = () => {
    const question = need();
    if (question === null) proceed();
    else scope.onDemand.cluster(question, proceed);
  };
  const askForHost = () => {
    const routes = scope.currentRoutes();
    if (routes === undefined || !lacksHost(exchange, scope)) askForCluster();
    else {
      scope.onDemand.virtualHost(routes.name, exchange.request.authority, () =>
        stream.run(() => {
          stream.reroute();
          askForCluster();
        }),
      );
    }
  };
  return {
    request: {
      head() {
        askForHost();
        // The answer may have been there at once.
        if (held) return undefined;
        held = true;
        return 'hold';
      },
    },
  };
}

function lacksHost({ route, request }: Exchange, scope: FilterScope): boolean {
  return route === null && request.authority !== '' && scope.currentRoutes()?.hostSource != null;
}

function missingCluster(
  exchange: Exchange,
  { clusters, random }: FilterScope,
  from: ClusterSource,
): { readonly source: ConfigSource; readonly name: string; readonly timeout: number } | null {
  if (from === null) return null;
  const name = chosenCluster(exchange, random);
  return name === null || name === '' || clusters.get(name) !== undefined ? null : { ...from, name };
}
