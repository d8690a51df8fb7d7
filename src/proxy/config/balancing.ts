// How a cluster chooses endpoints: `load_balancing_policy` when it is set, else `lb_policy` and the fields beside it. Envoy's defaults and limits.
import {
  type Cluster,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_RingHashLbConfig_HashFunction as HashFunction,
  Cluster_LbPolicy as LbPolicy,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { PolicyConfig } from './cluster-types.ts';
import { ConfigError } from './config-error.ts';
import { decodePolicyList } from './lb-policies.ts';
import { decodeLocalities } from './localities.ts';
import { leastRequestPolicy, maglevPolicy, ringPolicy } from './policies.ts';
import { decodeSlowStart } from './slow-start.ts';
import { decodeSubsets } from './subsets.ts';
import type { ClusterConfig } from './types.ts';

export type BalancingConfig = Pick<ClusterConfig, 'balancing' | 'localities' | 'subsets'>;

export function decodeBalancing(cluster: Cluster): BalancingConfig {
  if (cluster.loadBalancingPolicy !== undefined) {
    return decodePolicyList(cluster.loadBalancingPolicy, 'load_balancing_policy');
  }
  return {
    balancing: decodePolicy(cluster),
    localities: decodeLocalities(cluster.commonLbConfig?.localityConfigSpecifier, 'common_lb_config'),
    subsets: cluster.lbSubsetConfig ? decodeSubsets(cluster.lbSubsetConfig, 'lb_subset_config') : null,
  };
}

function decodePolicy(cluster: Cluster): PolicyConfig {
  const { lbConfig, commonLbConfig } = cluster;
  const hashing = commonLbConfig?.consistentHashingLbConfig;
  switch (cluster.lbPolicy) {
    case LbPolicy.ROUND_ROBIN: {
      const slowStart = lbConfig.case === 'roundRobinLbConfig' ? lbConfig.value.slowStartConfig : undefined;
      return { kind: 'round-robin', slowStart: decodeSlowStart(slowStart, 'round_robin_lb_config.slow_start_config') };
    }
    case LbPolicy.RANDOM:
      return { kind: 'random' };
    case LbPolicy.LEAST_REQUEST:
      return leastRequestPolicy(
        lbConfig.case === 'leastRequestLbConfig' ? lbConfig.value : undefined,
        'least_request_lb_config',
      );
    case LbPolicy.RING_HASH: {
      const ring = lbConfig.case === 'ringHashLbConfig' ? lbConfig.value : undefined;
      return ringPolicy(
        ring,
        ring?.hashFunction === HashFunction.MURMUR_HASH_2 ? 'murmur2' : 'xx',
        hashing,
        'ring_hash_lb_config',
      );
    }
    case LbPolicy.MAGLEV:
      return maglevPolicy(lbConfig.case === 'maglevLbConfig' ? lbConfig.value : undefined, hashing, 'maglev_lb_config');
    case LbPolicy.CLUSTER_PROVIDED:
      // The way endpoints are found is the way they are chosen: this is never asked.
      if (cluster.clusterDiscoveryType.value === DiscoveryType.ORIGINAL_DST) return { kind: 'random' };
      throw new ConfigError('lb_policy', 'CLUSTER_PROVIDED is for clusters of type ORIGINAL_DST');
    default:
      throw new ConfigError('lb_policy', 'is not supported');
  }
}
