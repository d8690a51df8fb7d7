// How a cluster chooses endpoints: `load_balancing_policy` when it is set, else `lb_policy` and the fields beside it. Envoy's defaults and limits.
import {
  type Cluster,
  Cluster_RingHashLbConfig_HashFunction as HashFunction,
  Cluster_LbPolicy as LbPolicy,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterProvidedSchema } from '../../xds/gen/envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided_pb.ts';
import { typeNameOf } from './any.ts';
import type { PolicyConfig } from './cluster-types.ts';
import { ConfigError } from './config-error.ts';
import { choosesItself } from './discovery.ts';
import { decodePolicyList } from './lb-policies.ts';
import { decodeLocalities } from './localities.ts';
import { leastRequestPolicy, maglevPolicy, ringPolicy } from './policies.ts';
import { decodeSlowStart } from './slow-start.ts';
import { decodeSubsets } from './subsets.ts';
import type { ClusterConfig } from './types.ts';

export type BalancingConfig = Pick<ClusterConfig, 'balancing' | 'localities' | 'subsets' | 'overrideHeaders'>;

/** Where the way endpoints are found is the way they are chosen, this is never asked. */
const PROVIDED: BalancingConfig = {
  balancing: { kind: 'random' },
  localities: decodeLocalities(undefined, ''),
  subsets: null,
  overrideHeaders: [],
};

export function decodeBalancing(cluster: Cluster, discovery: ClusterConfig['discovery']): BalancingConfig {
  const provided = isProvided(cluster);
  const kind = `clusters of kind ${discovery.kind}`;
  if (choosesItself(discovery)) {
    if (!provided) throw new ConfigError('lb_policy', `must be CLUSTER_PROVIDED for ${kind}`);
    return PROVIDED;
  }
  if (provided) throw new ConfigError('lb_policy', `CLUSTER_PROVIDED is not for ${kind}`);
  if (cluster.loadBalancingPolicy !== undefined) {
    return decodePolicyList(cluster.loadBalancingPolicy, 'load_balancing_policy');
  }
  return {
    balancing: decodePolicy(cluster),
    localities: decodeLocalities(cluster.commonLbConfig?.localityConfigSpecifier, 'common_lb_config'),
    subsets: cluster.lbSubsetConfig ? decodeSubsets(cluster.lbSubsetConfig, 'lb_subset_config') : null,
    overrideHeaders: [],
  };
}

function isProvided({ lbPolicy, loadBalancingPolicy }: Cluster): boolean {
  if (loadBalancingPolicy === undefined) return lbPolicy === LbPolicy.CLUSTER_PROVIDED;
  const [first] = loadBalancingPolicy.policies;
  const any = first?.typedExtensionConfig?.typedConfig;
  return any !== undefined && typeNameOf(any) === ClusterProvidedSchema.typeName;
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
    default:
      throw new ConfigError('lb_policy', 'is not supported');
  }
}
