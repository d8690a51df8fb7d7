// Subsets of a cluster by the metadata of its endpoints, from the cluster's own field or the typed policy.
import type { JsonObject } from '@bufbuild/protobuf';
import {
  Cluster_LbSubsetConfig_LbSubsetFallbackPolicy as Fallback,
  Cluster_LbSubsetConfig_LbSubsetMetadataFallbackPolicy as MetadataFallback,
  Cluster_LbSubsetConfig_LbSubsetSelector_LbSubsetSelectorFallbackPolicy as SelectorFallback,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { SubsetConfig, SubsetFallback, SubsetSelector } from './cluster-types.ts';
import { at, ConfigError, mapAt } from './config-error.ts';

/** Both messages have these fields, and enums of the same numbers. */
export type SubsetMessage = {
  readonly fallbackPolicy: number;
  readonly defaultSubset?: JsonObject | undefined;
  readonly subsetSelectors: readonly SelectorMessage[];
  readonly localityWeightAware: boolean;
  readonly scaleLocalityWeight: boolean;
  readonly panicModeAny: boolean;
  readonly listAsAny: boolean;
  readonly metadataFallbackPolicy: number;
};
type SelectorMessage = {
  readonly keys: readonly string[];
  readonly singleHostPerSubset: boolean;
  readonly fallbackPolicy: number;
  readonly fallbackKeysSubset: readonly string[];
};

export function decodeSubsets(message: SubsetMessage, path: string): SubsetConfig {
  return {
    fallback: fallbackOf(message.fallbackPolicy, at(path, 'fallback_policy')),
    selectors: mapAt(message.subsetSelectors, at(path, 'subset_selectors'), decodeSelector),
    defaultSubset: message.defaultSubset ?? {},
    localityWeightAware: message.localityWeightAware,
    scaleLocalityWeight: message.scaleLocalityWeight,
    panicModeAny: message.panicModeAny,
    listAsAny: message.listAsAny,
    metadataFallback: message.metadataFallbackPolicy === MetadataFallback.FALLBACK_LIST,
  };
}

function decodeSelector(selector: SelectorMessage, path: string): SubsetSelector {
  const keys = [...new Set(selector.keys)].sort();
  if (selector.singleHostPerSubset && keys.length !== 1) {
    throw new ConfigError(at(path, 'single_host_per_subset'), 'must have a single key');
  }
  return { keys, singleHost: selector.singleHostPerSubset, fallback: selectorFallback(selector, keys, path) };
}

function selectorFallback(
  selector: SelectorMessage,
  keys: readonly string[],
  path: string,
): SubsetSelector['fallback'] {
  if (selector.fallbackPolicy === SelectorFallback.KEYS_SUBSET) {
    const fewer = [...new Set(selector.fallbackKeysSubset)].sort();
    const here = at(path, 'fallback_keys_subset');
    if (fewer.length === 0) throw new ConfigError(here, 'is empty');
    if (!fewer.every((key) => keys.includes(key))) throw new ConfigError(here, 'must be some of the keys');
    if (fewer.length === keys.length) throw new ConfigError(here, 'must be fewer than the keys');
    return { keys: fewer };
  }
  if (selector.fallbackKeysSubset.length > 0) {
    throw new ConfigError(at(path, 'fallback_keys_subset'), 'is for fallback_policy KEYS_SUBSET');
  }
  if (selector.fallbackPolicy === SelectorFallback.NOT_DEFINED) return null;
  return fallbackOf(selector.fallbackPolicy - 1, at(path, 'fallback_policy'));
}

function fallbackOf(policy: number, path: string): SubsetFallback {
  switch (policy) {
    case Fallback.NO_FALLBACK:
      return 'none';
    case Fallback.ANY_ENDPOINT:
      return 'any';
    case Fallback.DEFAULT_SUBSET:
      return 'default';
    default:
      throw new ConfigError(path, 'is not known');
  }
}
