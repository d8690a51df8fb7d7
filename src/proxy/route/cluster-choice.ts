// Which cluster a route sends a request to: a name, a header's value, or by weight.
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { Metadata } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type {
  RouteAction,
  WeightedCluster,
  WeightedCluster_ClusterWeight,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead } from '../http/message.ts';
import { compileEdits, type HeaderEdits, noEdits, sequence } from './header-edits.ts';
import { firstValue, requestLookup } from './match/header-matcher.ts';
import { bytesOf } from './match/string-matcher.ts';
import { replaceHost } from './rewrite.ts';
import type { ClusterChoice, ForwardAction } from './table.ts';

type PickCluster = ForwardAction['pickCluster'];

/** `around` completes the edits of a weighted cluster: see `compileForward`. */
export function compileClusterChoice(
  action: RouteAction,
  path: string,
  around: (edits: HeaderEdits) => HeaderEdits,
): PickCluster {
  const specifier = action.clusterSpecifier;
  const subset = compileSubset([action.metadataMatch]);
  switch (specifier.case) {
    case 'cluster': {
      if (specifier.value === '') throw new ConfigError(at(path, 'cluster'), 'is empty');
      const only = choice(specifier.value, noEdits, subset);
      return () => only;
    }
    case 'clusterHeader': {
      const lookup = firstValue(specifier.value);
      // A cluster without a name is not found.
      return (request) => choice(lookup(request) ?? '', noEdits, subset);
    }
    case 'weightedClusters':
      return compileWeighted(specifier.value, action, at(path, 'weighted_clusters'), around);
    default:
      throw new ConfigError(path, 'has no cluster');
  }
}

function compileWeighted(
  weighted: WeightedCluster,
  action: RouteAction,
  path: string,
  around: (edits: HeaderEdits) => HeaderEdits,
): PickCluster {
  const choices = mapAt(weighted.clusters, at(path, 'clusters'), (cluster, here) => {
    const edits = sequence([compileHost(cluster, action, here), around(compileEdits(cluster, here))]);
    const subset = compileSubset([action.metadataMatch, cluster.metadataMatch]);
    return { weight: cluster.weight ?? 0, choose: compileNamed(cluster, edits, subset, here) };
  });
  const total = choices.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) throw new ConfigError(at(path, 'clusters'), 'weights add up to 0');
  const last = choices.findLast(({ weight }) => weight > 0)!.choose;
  const { randomValueSpecifier: chance } = weighted;
  const given = chance.case === 'headerName' ? requestLookup(chance.value) : null;
  return (request, random) => {
    let rest = placeFrom(given?.(request), total) ?? random * total;
    for (const { weight, choose } of choices) {
      rest -= weight;
      if (rest < 0) return choose(request);
    }
    return last(request);
  };
}

/** A number that a header gives instead of chance; null where there is none. */
function placeFrom(text: string | undefined, total: number): number | null {
  return text !== undefined && /^\d{1,20}$/.test(text) ? Number(BigInt(text) % BigInt(total)) : null;
}

function compileNamed(
  { name, clusterHeader }: WeightedCluster_ClusterWeight,
  edits: HeaderEdits,
  subset: Exchange['subset'],
  path: string,
): (request: RequestHead) => ClusterChoice {
  if (name !== '' && clusterHeader !== '') throw new ConfigError(at(path, 'cluster_header'), 'is set beside name');
  if (name !== '') {
    const only = choice(name, edits, subset);
    return () => only;
  }
  if (clusterHeader === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const lookup = firstValue(clusterHeader);
  return (request) => choice(lookup(request) ?? '', edits, subset);
}

/** The router rewrites the host as the route says after this: only one of the two can say it. */
function compileHost(cluster: WeightedCluster_ClusterWeight, action: RouteAction, path: string): HeaderEdits {
  const specifier = cluster.hostRewriteSpecifier;
  if (specifier.case === undefined || specifier.value === '') return noEdits;
  if (action.hostRewriteSpecifier.case !== undefined) {
    throw new ConfigError(at(path, 'host_rewrite_literal'), 'is set beside the rewrite of the route');
  }
  const host = bytesOf(specifier.value);
  return {
    request({ request }) {
      replaceHost(request, host, action.appendXForwardedHost);
    },
    response: () => undefined,
  };
}

/** Only what is under `envoy.lb` chooses; of two with the same name the later, more specific one does. */
export function compileSubset(matches: readonly (Metadata | undefined)[]): Exchange['subset'] {
  const members = new Map(matches.flatMap((match) => Object.entries(match?.filterMetadata['envoy.lb'] ?? {})));
  if (members.size === 0) return null;
  return [...members]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, canonicalJson(value)] as const);
}

function choice(cluster: string, edits: HeaderEdits, subset: Exchange['subset']): ClusterChoice {
  return { cluster, subset, editRequest: edits.request, editResponse: edits.response };
}
