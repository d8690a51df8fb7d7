// Which cluster a route sends a request to: a name, a header's value, or by weight.
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { Metadata } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type {
  RouteAction,
  WeightedCluster,
  WeightedCluster_ClusterWeight,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { type Keyed, keyed, noRuntime } from '../config/runtime-keys.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead } from '../http/message.ts';
import { type ClusterSpecifier, type ClusterSpecifiers, compileSpecifier } from './cluster-specifier.ts';
import { compileOverrides, type FilterOverrides } from './filter-overrides.ts';
import { compileHash } from './hash-policy.ts';
import { compileEdits, type HeaderEdits, noEdits, sequence } from './header-edits.ts';
import { firstValue, requestLookup } from './match/header-matcher.ts';
import { bytesOf } from './match/string-matcher.ts';
import type { ClusterChoice, ForwardAction } from './table.ts';

type Choosing = Pick<ForwardAction, 'pickCluster' | 'picksEarly'>;
type Extras = Pick<ClusterChoice, 'subset' | 'filters'> & { readonly edits: HeaderEdits };

/** What a route says around the choice of one of its weighted clusters. */
export type ClusterLevel = {
  readonly filters: FilterOverrides;
  readonly specifiers: ClusterSpecifiers;
};

export function compileClusterChoice(action: RouteAction, path: string, level: ClusterLevel): Choosing {
  const specifier = action.clusterSpecifier;
  const subset = compileSubset([action.metadataMatch]);
  switch (specifier.case) {
    case 'cluster': {
      if (specifier.value === '') throw new ConfigError(at(path, 'cluster'), 'is empty');
      const only = choice(specifier.value, { edits: noEdits, subset, filters: null });
      return { pickCluster: () => only, picksEarly: false };
    }
    case 'clusterHeader': {
      const lookup = firstValue(specifier.value);
      // A cluster without a name is not found.
      const extras = { edits: noEdits, subset, filters: null };
      return { pickCluster: (request) => choice(lookup(request) ?? '', extras), picksEarly: true };
    }
    case 'clusterSpecifierPlugin': {
      const named = level.specifiers.get(specifier.value);
      if (named === undefined)
        throw new ConfigError(at(path, 'cluster_specifier_plugin'), `${specifier.value} is not known`);
      return compileSpecified(named, subset);
    }
    case 'inlineClusterSpecifierPlugin':
      return compileSpecified(compileSpecifier(specifier.value, at(path, 'inline_cluster_specifier_plugin')), subset);
    case 'weightedClusters':
      return compileWeighted(specifier.value, action, at(path, 'weighted_clusters'), level);
    default:
      throw new ConfigError(path, 'has no cluster');
  }
}

function compileSpecified(specifier: ClusterSpecifier | null, subset: Exchange['subset']): Choosing {
  const extras = { edits: noEdits, subset, filters: null };
  return {
    pickCluster: (request, _random, around = NOTHING_AROUND) =>
      choice(specifier?.({ request, ...around }) ?? '', extras),
    picksEarly: true,
  };
}

/** Of all clusters together, as in Envoy. */
const HEAVIEST = 0xffff_ffff;

const NOTHING_AROUND = { exchange: null, runtime: noRuntime };

function compileWeighted(
  weighted: WeightedCluster,
  action: RouteAction,
  path: string,
  { filters: outer }: ClusterLevel,
): Choosing {
  const choices = mapAt(weighted.clusters, at(path, 'clusters'), (cluster, here) => {
    const edits = sequence([compileEdits(cluster, here), compileHost(cluster)]);
    const subset = compileSubset([action.metadataMatch, cluster.metadataMatch]);
    const overrides = compileOverrides(cluster.typedPerFilterConfig, outer, at(here, 'typed_per_filter_config'));
    const filters = overrides === outer ? null : overrides;
    return { weight: cluster.weight ?? 0, choose: compileNamed(cluster, { edits, subset, filters }, here) };
  });
  const weights = choices.map(({ weight }) => weight);
  const keyedWeights = compileKeyedWeights(weighted);
  const total = sumOf(weights);
  if (total > HEAVIEST) throw new ConfigError(at(path, 'clusters'), `weights add up to more than ${HEAVIEST}`);
  if (total === 0) throw new ConfigError(at(path, 'clusters'), 'weights add up to 0');
  const last = choices.findLast(({ weight }) => weight > 0)!.choose;
  const given = compileGiven(weighted, action, path);
  return {
    pickCluster(request, random, around) {
      const now =
        keyedWeights === null || around === undefined ? weights : keyedWeights.map((weight) => weight(around.runtime));
      const sum = now === weights ? total : sumOf(now);
      let rest = given?.(request, sum, around?.exchange ?? null) ?? random * sum;
      for (let i = 0; i < choices.length; i++) {
        rest -= now[i]!;
        if (rest < 0) return choices[i]!.choose(request);
      }
      return last(request);
    },
    picksEarly: true,
  };
}

/** By the runtime's keys `<prefix>.<cluster>`; null: the weights stay as they are. */
function compileKeyedWeights({ runtimeKeyPrefix: prefix, clusters }: WeightedCluster): readonly Keyed<number>[] | null {
  if (prefix === '') return null;
  return clusters.map(({ name, weight }) => keyed('integer', `${prefix}.${name}`, weight ?? 0));
}

function sumOf(weights: readonly number[]): number {
  return weights.reduce((sum, weight) => sum + weight, 0);
}

/** A place among the weights in place of chance; null: it is left to chance. */
type Given = (request: RequestHead, sum: number, exchange: Exchange | null) => number | null;

/** From a header or, as its clients are bound to endpoints, from the route's hash policies: those bind nobody to a cluster who has no cookie yet. */
function compileGiven(
  { randomValueSpecifier: given }: WeightedCluster,
  { hashPolicy }: RouteAction,
  path: string,
): Given | null {
  if (given.case === 'headerName') {
    const lookup = requestLookup(given.value);
    return (request, sum) => placeFrom(lookup(request), sum);
  }
  if (given.case !== 'useHashPolicy' || !given.value) return null;
  const hashOf = compileHash(hashPolicy, at(path, 'hash_policy'), 'as it is');
  if (hashOf === null) return null;
  return (request, sum, exchange) => {
    const hash = exchange === null || sum === 0 ? null : hashOf(request, exchange);
    return hash && Number(((BigInt(hash.high) << 32n) | BigInt(hash.low)) % BigInt(sum));
  };
}

/** null where there is no number, or where the runtime has left no weight. */
function placeFrom(text: string | undefined, sum: number): number | null {
  return sum > 0 && text !== undefined && /^\d{1,20}$/.test(text) ? Number(BigInt(text) % BigInt(sum)) : null;
}

function compileNamed(
  { name, clusterHeader }: WeightedCluster_ClusterWeight,
  extras: Extras,
  path: string,
): (request: RequestHead) => ClusterChoice {
  if (name !== '' && clusterHeader !== '') throw new ConfigError(at(path, 'cluster_header'), 'is set beside name');
  if (name !== '') {
    const only = choice(name, extras);
    return () => only;
  }
  if (clusterHeader === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const lookup = firstValue(clusterHeader);
  return (request) => choice(lookup(request) ?? '', extras);
}

/** As in Envoy no header tells of it, and a rewrite of the route comes after it. */
function compileHost({ hostRewriteSpecifier: specifier }: WeightedCluster_ClusterWeight): HeaderEdits {
  if (specifier.case === undefined || specifier.value === '') return noEdits;
  const host = bytesOf(specifier.value);
  return {
    request({ request }) {
      request.authority = host;
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

function choice(cluster: string, { edits, subset, filters }: Extras): ClusterChoice {
  return { cluster, subset, filters, editRequest: edits.request, editResponse: edits.response };
}
