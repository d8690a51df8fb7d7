// Load-balancing policies of a cluster, with Envoy's defaults and limits.
import {
  type Cluster,
  Cluster_RingHashLbConfig_HashFunction as HashFunction,
  Cluster_LbPolicy as LbPolicy,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ConfigError } from './config-error.ts';
import type { ClusterConfig } from './types.ts';

type Balancing = ClusterConfig['balancing'];

const RING = { minimum: 1024n, maximum: 8_388_608n };
const MAGLEV = { size: 65_537n, largest: 5_000_011n };

export function decodeBalancing(cluster: Cluster): Balancing {
  switch (cluster.lbPolicy) {
    case LbPolicy.ROUND_ROBIN:
      return { kind: 'round-robin' };
    case LbPolicy.RANDOM:
      return { kind: 'random' };
    case LbPolicy.LEAST_REQUEST:
      return decodeLeastRequest(cluster);
    case LbPolicy.RING_HASH:
      return decodeRing(cluster);
    case LbPolicy.MAGLEV:
      return decodeMaglev(cluster);
    default:
      throw new ConfigError('lb_policy', 'is not supported');
  }
}

function decodeLeastRequest({ lbConfig }: Cluster): Balancing {
  const choices = (lbConfig.case === 'leastRequestLbConfig' ? lbConfig.value.choiceCount : undefined) ?? 2;
  if (choices < 2) throw new ConfigError('least_request_lb_config.choice_count', `${choices} is less than 2`);
  return { kind: 'least-request', choices };
}

function decodeRing({ lbConfig }: Cluster): Balancing {
  const ring = lbConfig.case === 'ringHashLbConfig' ? lbConfig.value : undefined;
  const minimum = ring?.minimumRingSize ?? RING.minimum;
  const maximum = ring?.maximumRingSize ?? RING.maximum;
  if ((ring?.hashFunction ?? HashFunction.XX_HASH) !== HashFunction.XX_HASH) {
    throw new ConfigError('ring_hash_lb_config.hash_function', 'is not supported (hint: XX_HASH)');
  }
  if (maximum > RING.maximum || maximum < 1n) {
    throw new ConfigError('ring_hash_lb_config.maximum_ring_size', `must be 1 to ${RING.maximum}`);
  }
  if (minimum > maximum) throw new ConfigError('ring_hash_lb_config.minimum_ring_size', 'is over the maximum');
  return { kind: 'ring-hash', minimumRingSize: Number(minimum), maximumRingSize: Number(maximum) };
}

function decodeMaglev({ lbConfig }: Cluster): Balancing {
  const size = (lbConfig.case === 'maglevLbConfig' ? lbConfig.value.tableSize : undefined) ?? MAGLEV.size;
  if (size > MAGLEV.largest || !isPrime(Number(size))) {
    throw new ConfigError('maglev_lb_config.table_size', `must be a prime up to ${MAGLEV.largest}`);
  }
  return { kind: 'maglev', tableSize: Number(size) };
}

function isPrime(value: number): boolean {
  if (value < 2) return false;
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return true;
}
