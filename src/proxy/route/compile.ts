// RouteConfiguration → RouteTable: virtual hosts by domain, routes in order.
import type { Route, VirtualHost } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { plainMetadata, readSource } from '../config/values.ts';
import type { HttpFilter } from '../filter/filter.ts';
import { compileOverride } from '../filter/registry.ts';
import type { RequestHead } from '../http/message.ts';
import { DomainTable } from './domains.ts';
import { compileForward, compileMirrors } from './forward.ts';
import { compileEdits, type HeaderEdits, noEdits, sequence } from './header-edits.ts';
import { pathOnly } from './match/query.ts';
import { compileMatch, type RouteTest } from './match/route-matcher.ts';
import { compileRedirect } from './redirect.ts';
import type { ForwardAction, RouteAction, RouteEntry, RouteTable } from './table.ts';

/** Bodies of direct responses over this are refused, as by Envoy. */
const MAXIMUM_BODY = 4096;

type CompiledRoute = { readonly matches: RouteTest; readonly entry: RouteEntry };

/** What a virtual host, or a route configuration, hands down. */
type Level = {
  readonly edits: readonly HeaderEdits[];
  readonly filters: ReadonlyMap<string, HttpFilter | null>;
  readonly mirrors: ForwardAction['mirrors'];
};

/** Expects a configuration whose fields were checked (`refuseUnsupported`). */
export function compileRoutes(config: RouteConfiguration, path: string): RouteTable {
  const domains = new DomainTable<readonly CompiledRoute[]>(config.ignorePortInHostMatching);
  const level: Level = {
    edits: [compileEdits(config, path)],
    filters: compileOverrides(config.typedPerFilterConfig, new Map(), at(path, 'typed_per_filter_config')),
    mirrors: compileMirrors(config.requestMirrorPolicies, at(path, 'request_mirror_policies')),
  };
  mapAt(config.virtualHosts, at(path, 'virtual_hosts'), (host, here) => {
    const routes = compileHost(host, level, config.mostSpecificHeaderMutationsWins, here);
    if (host.domains.length === 0) throw new ConfigError(at(here, 'domains'), 'is empty');
    mapAt(host.domains, at(here, 'domains'), (domain, where) => domains.add(domain, routes, where));
  });
  return {
    name: config.name,
    match: (request, _exchange, random) => firstMatch(domains, request, random),
  };
}

function firstMatch(
  domains: DomainTable<readonly CompiledRoute[]>,
  request: RequestHead,
  random: () => number,
): RouteEntry | null {
  const routes = domains.find(request.authority);
  // CONNECT has no path: no route here is for it.
  if (routes === null || request.path === '') return null;
  const bare = pathOnly(request.path);
  for (const { matches, entry } of routes) if (matches(request, bare, random)) return entry;
  return null;
}

function compileHost(
  host: VirtualHost,
  outer: Level,
  mostSpecificWins: boolean,
  path: string,
): readonly CompiledRoute[] {
  if (host.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const mirrors = compileMirrors(host.requestMirrorPolicies, at(path, 'request_mirror_policies'));
  const level: Level = {
    edits: [compileEdits(host, path), ...outer.edits],
    filters: compileOverrides(host.typedPerFilterConfig, outer.filters, at(path, 'typed_per_filter_config')),
    mirrors: mirrors.length > 0 ? mirrors : outer.mirrors,
  };
  return mapAt(host.routes, at(path, 'routes'), (route, here) => ({
    matches: compileMatch(route.match, at(here, 'match')),
    entry: compileEntry(
      route,
      host,
      { ...level, edits: [compileEdits(route, here), ...level.edits] },
      mostSpecificWins,
      {
        route: here,
        host: path,
      },
    ),
  }));
}

/** Edits come most specific first: the route configuration's are last and win, unless `mostSpecificWins`. */
function compileEntry(
  route: Route,
  host: VirtualHost,
  level: Level,
  mostSpecificWins: boolean,
  paths: { readonly route: string; readonly host: string },
): RouteEntry {
  const ordered = (edits: readonly HeaderEdits[]) => sequence(mostSpecificWins ? edits.toReversed() : edits);
  // The router runs a weighted cluster's edits before its route's. Where the most specific wins they must come after,
  // so there the cluster's edits stand for all.
  const insideCluster = mostSpecificWins && hasWeights(route);
  const aroundCluster = (edits: HeaderEdits) => (insideCluster ? ordered([edits, ...level.edits]) : edits);
  const own = insideCluster ? noEdits : ordered(level.edits);
  return {
    name: route.name,
    virtualHost: host.name,
    action: compileAction(route, host, level.mirrors, aroundCluster, paths),
    editRequest: own.request,
    editResponse: own.response,
    filters: compileOverrides(route.typedPerFilterConfig, level.filters, at(paths.route, 'typed_per_filter_config')),
    metadata: plainMetadata(route.metadata),
  };
}

function hasWeights(route: Route): boolean {
  return route.action.case === 'route' && route.action.value.clusterSpecifier.case === 'weightedClusters';
}

function compileAction(
  route: Route,
  host: VirtualHost,
  mirrors: ForwardAction['mirrors'],
  aroundCluster: (edits: HeaderEdits) => HeaderEdits,
  paths: { readonly route: string; readonly host: string },
): RouteAction {
  const { action } = route;
  switch (action.case) {
    case 'route': {
      const retry = { policy: host.retryPolicy, path: at(paths.host, 'retry_policy') };
      return compileForward(action.value, route.match!, { retry, mirrors }, aroundCluster, at(paths.route, 'route'));
    }
    case 'redirect':
      return compileRedirect(action.value, route.match!, at(paths.route, 'redirect'));
    case 'directResponse': {
      const { status, body } = action.value;
      const here = at(paths.route, 'direct_response');
      if (status < 200 || status > 599) throw new ConfigError(at(here, 'status'), `${status} is no status`);
      const text = body === undefined ? '' : readSource(body, at(here, 'body'));
      if (Buffer.byteLength(text) > MAXIMUM_BODY)
        throw new ConfigError(at(here, 'body'), `is over ${MAXIMUM_BODY} bytes`);
      return { kind: 'respond', status, body: text };
    }
    default:
      throw new ConfigError(paths.route, 'has no supported action');
  }
}

type Overrides = ReadonlyMap<string, HttpFilter | null>;

/** Most levels override nothing and share the map of the level above. */
function compileOverrides(configs: Route['typedPerFilterConfig'], outer: Overrides, path: string): Overrides {
  const entries = Object.entries(configs);
  if (entries.length === 0) return outer;
  const filters = new Map(outer);
  for (const [name, config] of entries) filters.set(name, compileOverride(name, config, `${path}[${name}]`));
  return filters;
}
