// RouteConfiguration → RouteTable: virtual hosts by domain, routes in order.
import {
  type Route,
  VirtualHost_TlsRequirementType as TlsRequirement,
  type VirtualHost,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { RouteConfiguration, Vhds } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { type ConfigSource, decodeSource } from '../config/config-source.ts';
import { noRuntime, type RuntimeLookup } from '../config/runtime-keys.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead } from '../http/message.ts';
import type { Match } from '../matching/matcher.ts';
import type { RequestSubject } from '../matching/request-inputs.ts';
import { compileVirtualClusters } from './charges.ts';
import { compileSpecifiers, isPassedBy } from './cluster-specifier.ts';
import { DomainTable } from './domains.ts';
import { compileOverrides } from './filter-overrides.ts';
import { compileEdits } from './header-edits.ts';
import { firstValue } from './match/header-matcher.ts';
import { pathOnly, withoutParameters } from './match/query.ts';
import { compileMatch, type RouteTest } from './match/route-matcher.ts';
import { compileMirrors } from './mirrors.ts';
import { clustersOf, mirrored, type NeededCluster } from './needed-clusters.ts';
import { compileEntry, type HostLevel } from './route-entry.ts';
import { compileRouteTree } from './route-tree.ts';
import { secureRedirect } from './secure-redirect.ts';
import type { RouteEntry, RouteTable } from './table.ts';

type CompiledRoute = Pick<RouteTest, 'matches' | 'connect'> & { readonly entry: RouteEntry };

type CompiledHost = {
  readonly routes: readonly CompiledRoute[];
  /** In the place of `routes`; null: there is no tree. */
  readonly tree: Match<RequestSubject, readonly CompiledRoute[]> | null;
  /** Some route is taken by chance only. */
  readonly byChance: boolean;
  /** Taken instead of all routes by requests that must come over TLS and did not; null: none must. */
  readonly insecure: ((request: RequestHead) => RouteEntry | null) | null;
};

/** Bodies of direct responses over this are refused, as by Envoy. */
const MAXIMUM_BODY = 4096;

/** Expects a configuration whose fields were checked (`refuseUnsupported`). `validates`: what an absent `validate_clusters` says. */
export function compileRoutes(config: RouteConfiguration, path: string, validates = false): RouteTable {
  const mirrors = at(path, 'request_mirror_policies');
  const needs: NeededCluster[] = [...mirrored(config.requestMirrorPolicies, mirrors)];
  const domains = new DomainTable<CompiledHost>(config.ignorePortInHostMatching);
  const shared = {
    edits: [compileEdits(config, path)],
    filters: compileOverrides(config.typedPerFilterConfig, new Map(), at(path, 'typed_per_filter_config')),
    mirrors: compileMirrors(config.requestMirrorPolicies, mirrors),
    specifiers: compileSpecifiers(config.clusterSpecifierPlugins, at(path, 'cluster_specifier_plugins')),
    mostSpecificWins: config.mostSpecificHeaderMutationsWins,
    maximumBody: config.maxDirectResponseBodySizeBytes ?? MAXIMUM_BODY,
  };
  mapAt(config.virtualHosts, at(path, 'virtual_hosts'), (host, here) => {
    const compiled = compileHost(host, shared, needs, here);
    if (host.domains.length === 0) throw new ConfigError(at(here, 'domains'), 'is empty');
    mapAt(host.domains, at(here, 'domains'), (domain, where) => domains.add(domain, compiled, where));
  });
  const findHost = compileHostLookup(domains, config);
  const pathFor = config.ignorePathParametersInPathMatching ? withoutParameters : pathOnly;
  return {
    name: config.name,
    match: (request, exchange, random, runtime = noRuntime) =>
      firstMatch(findHost(request), request, pathFor(request.path), exchange, random, runtime),
    hideInternal: compileHiding(config.internalOnlyHeaders),
    neededClusters: (config.validateClusters ?? validates) ? needs : [],
    hostSource: config.vhds ? decodeHostSource(config.vhds, at(path, 'vhds.config_source')) : null,
  };
}

/** By the authority, or a header that is asked in its place: without that only a host for everything is found. */
function compileHostLookup(
  domains: DomainTable<CompiledHost>,
  { vhostHeader }: RouteConfiguration,
): (request: RequestHead) => CompiledHost | null {
  if (vhostHeader === '') return ({ authority }) => domains.find(authority);
  const nameOf = firstValue(vhostHeader);
  return (request) => {
    const name = nameOf(request);
    return name === undefined ? domains.only : domains.find(name);
  };
}

function compileHiding(names: readonly string[]): RouteTable['hideInternal'] {
  if (names.length === 0) return null;
  const hidden = names.map((name) => name.toLowerCase());
  return (headers) => {
    for (const name of hidden) headers.remove(name);
  };
}

/** State of the world has no names of its own for virtual hosts, and says of none that it does not exist. */
function decodeHostSource({ configSource }: Vhds, path: string): ConfigSource {
  const source = decodeSource(configSource, path);
  const { place } = source;
  if (place.kind === 'ads' || (place.kind === 'stream' && place.stream.protocol === 'delta')) return source;
  throw new ConfigError(path, 'must be ads, or api_config_source of api_type DELTA_GRPC');
}

function firstMatch(
  host: CompiledHost | null,
  request: RequestHead,
  bare: string,
  exchange: Exchange | null,
  random: () => number,
  runtime: RuntimeLookup,
): RouteEntry | null {
  if (host === null) return null;
  const redirect = host.insecure?.(request) ?? null;
  if (redirect !== null) return redirect;
  const { method, path } = request;
  // One draw for all routes, as in Envoy: of two with a half each the second takes nothing.
  const chance = host.byChance ? random() : 0;
  const routes = host.tree === null ? host.routes : (host.tree({ request, exchange, runtime }) ?? []);
  for (const route of routes) {
    // CONNECT may have no path: only routes that are for it take it then.
    if (route.connect ? method !== 'CONNECT' : path === '') continue;
    if (route.matches(request, bare, exchange, chance, runtime)) return route.entry;
  }
  return null;
}

function compileHost(
  host: VirtualHost,
  outer: Omit<HostLevel, 'host' | 'path' | 'virtualClusters'>,
  needs: NeededCluster[],
  path: string,
): CompiledHost {
  if (host.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const mirrors = compileMirrors(host.requestMirrorPolicies, at(path, 'request_mirror_policies'));
  needs.push(...mirrored(host.requestMirrorPolicies, at(path, 'request_mirror_policies')));
  const level: HostLevel = {
    host,
    path,
    edits: [compileEdits(host, path), ...outer.edits],
    filters: compileOverrides(host.typedPerFilterConfig, outer.filters, at(path, 'typed_per_filter_config')),
    mirrors: mirrors.length > 0 ? mirrors : outer.mirrors,
    virtualClusters: compileVirtualClusters(host, at(path, 'virtual_clusters')),
    specifiers: outer.specifiers,
    mostSpecificWins: outer.mostSpecificWins,
    maximumBody: outer.maximumBody,
  };
  if (host.matcher !== undefined && host.routes.length > 0) {
    throw new ConfigError(at(path, 'matcher'), 'is set beside routes');
  }
  let byChance = false;
  const compileRoute = (route: Route, here: string): CompiledRoute => {
    const test = compileMatch(route.match, at(here, 'match'));
    byChance ||= test.byChance;
    const entry = compileEntry(route, level, here);
    needs.push(...clustersOf(route, here));
    return isPassedBy(route, level.specifiers) ? { ...test, matches: () => false, entry } : { ...test, entry };
  };
  return {
    routes: mapAt(host.routes, at(path, 'routes'), compileRoute),
    tree: host.matcher === undefined ? null : compileRouteTree(host.matcher, compileRoute, at(path, 'matcher')),
    byChance,
    insecure: compileInsecure(host, path),
  };
}

function compileInsecure({ requireTls, name }: VirtualHost, path: string): CompiledHost['insecure'] {
  const redirect = secureRedirect(name);
  const insecure = ({ headers, scheme }: RequestHead) => (headers.get('x-forwarded-proto') ?? scheme) !== 'https';
  switch (requireTls) {
    case TlsRequirement.NONE:
      return null;
    case TlsRequirement.ALL:
      return (request) => (insecure(request) ? redirect : null);
    case TlsRequirement.EXTERNAL_ONLY:
      return (request) => (insecure(request) && request.headers.get('x-envoy-internal') !== 'true' ? redirect : null);
    default:
      throw new ConfigError(at(path, 'require_tls'), 'is not known');
  }
}
