// RouteConfiguration → RouteTable: virtual hosts by domain, routes in order.
import type { VirtualHost } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { RequestHead } from '../http/message.ts';
import { DomainTable } from './domains.ts';
import { compileMirrors } from './forward.ts';
import { compileEdits } from './header-edits.ts';
import { pathOnly } from './match/query.ts';
import { compileMatch, type RouteTest } from './match/route-matcher.ts';
import { compileEntry, compileOverrides, type HostLevel } from './route-entry.ts';
import type { RouteEntry, RouteTable } from './table.ts';

type CompiledRoute = { readonly matches: RouteTest; readonly entry: RouteEntry };

/** Expects a configuration whose fields were checked (`refuseUnsupported`). */
export function compileRoutes(config: RouteConfiguration, path: string): RouteTable {
  const domains = new DomainTable<readonly CompiledRoute[]>(config.ignorePortInHostMatching);
  const shared = {
    edits: [compileEdits(config, path)],
    filters: compileOverrides(config.typedPerFilterConfig, new Map(), at(path, 'typed_per_filter_config')),
    mirrors: compileMirrors(config.requestMirrorPolicies, at(path, 'request_mirror_policies')),
    mostSpecificWins: config.mostSpecificHeaderMutationsWins,
  };
  mapAt(config.virtualHosts, at(path, 'virtual_hosts'), (host, here) => {
    const routes = compileHost(host, shared, here);
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
  outer: Omit<HostLevel, 'host' | 'path'>,
  path: string,
): readonly CompiledRoute[] {
  if (host.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const mirrors = compileMirrors(host.requestMirrorPolicies, at(path, 'request_mirror_policies'));
  const level: HostLevel = {
    host,
    path,
    edits: [compileEdits(host, path), ...outer.edits],
    filters: compileOverrides(host.typedPerFilterConfig, outer.filters, at(path, 'typed_per_filter_config')),
    mirrors: mirrors.length > 0 ? mirrors : outer.mirrors,
    mostSpecificWins: outer.mostSpecificWins,
  };
  return mapAt(host.routes, at(path, 'routes'), (route, here) => ({
    matches: compileMatch(route.match, at(here, 'match')),
    entry: compileEntry(route, level, here),
  }));
}
