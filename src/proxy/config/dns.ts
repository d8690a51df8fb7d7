// Clusters whose endpoints are names: STRICT_DNS, LOGICAL_DNS, and the typed cluster that stands for both.
import type { Duration } from '@bufbuild/protobuf/wkt';
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { Cluster_DnsLookupFamily as ClusterFamily } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { DnsLookupFamily } from '../../xds/gen/envoy/extensions/clusters/common/dns/v3/dns_pb.ts';
import type { DnsCluster } from '../../xds/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import type { Assignment } from './cluster-types.ts';
import { at, ConfigError } from './config-error.ts';
import { decodeClusterResolver, decodeDnsResolver } from './dns-resolver.ts';
import { decodeAssignment } from './endpoints.ts';
import type { ClusterConfig } from './types.ts';
import { millis, positiveMillis } from './values.ts';

export type DnsFamily = DnsDiscovery['family'];

type DnsDiscovery = Extract<ClusterConfig['discovery'], { kind: 'strict-dns' | 'logical-dns' }>;
/** As the cluster's own fields and the typed cluster have them. */
type DnsMessage = {
  readonly dnsRefreshRate?: Duration | undefined;
  readonly dnsFailureRefreshRate?: RefreshRate | undefined;
  readonly dnsJitter?: Duration | undefined;
  readonly respectDnsTtl: boolean;
};
type Times = Pick<DnsDiscovery, 'refresh' | 'failureRefresh' | 'respectTtl' | 'jitter'>;
type RefreshRate = { readonly baseInterval?: Duration | undefined; readonly maxInterval?: Duration | undefined };

const REFRESH = 5_000;
/** Of failures: so many times the base interval at most, when nothing is said. */
const GROWTH = 10;

export function decodeDns(cluster: Cluster, kind: DnsDiscovery['kind']): DnsDiscovery {
  return {
    kind,
    ...decodeTimes(cluster, ''),
    family: clusterFamily(cluster.dnsLookupFamily),
    minimumRefresh: 0,
    resolver: decodeClusterResolver(cluster),
    waits: cluster.waitForWarmOnInit ?? true,
    assignment: namesOf(cluster, kind),
  };
}

/** Of a cluster whose `cluster_type` it is. */
export function decodeTypedDns(cluster: Cluster, message: DnsCluster, path: string): DnsDiscovery {
  const kind = message.allAddressesInSingleEndpoint ? 'logical-dns' : 'strict-dns';
  return {
    kind,
    ...decodeTimes(message, path),
    family: typedFamily(message.dnsLookupFamily),
    minimumRefresh: decodeMinimum(message.dnsMinRefreshRate, at(path, 'dns_min_refresh_rate')),
    resolver: decodeDnsResolver(message.typedDnsResolverConfig, at(path, 'typed_dns_resolver_config')),
    waits: cluster.waitForWarmOnInit ?? true,
    assignment: namesOf(cluster, kind),
  };
}

function decodeTimes(message: DnsMessage, path: string): Times {
  return {
    refresh: positiveMillis(message.dnsRefreshRate, REFRESH, at(path, 'dns_refresh_rate')),
    failureRefresh: message.dnsFailureRefreshRate
      ? decodeFailureRate(message.dnsFailureRefreshRate, at(path, 'dns_failure_refresh_rate'))
      : null,
    respectTtl: message.respectDnsTtl,
    jitter: millis(message.dnsJitter, 0, at(path, 'dns_jitter')),
  };
}

export function decodeFailureRate(
  { baseInterval, maxInterval }: RefreshRate,
  path: string,
): NonNullable<DnsDiscovery['failureRefresh']> {
  if (baseInterval === undefined) throw new ConfigError(at(path, 'base_interval'), 'is required');
  const base = positiveMillis(baseInterval, 0, at(path, 'base_interval'));
  const max = positiveMillis(maxInterval, base * GROWTH, at(path, 'max_interval'));
  if (max < base) throw new ConfigError(at(path, 'max_interval'), 'is less than base_interval');
  return { base, max };
}

/** A second at least, as Envoy demands. */
export function decodeMinimum(value: Duration | undefined, path: string, fallback = 0): number {
  const minimum = millis(value, fallback, path);
  if (value !== undefined && minimum < 1_000) throw new ConfigError(path, 'is less than a second');
  return minimum;
}

function namesOf({ loadAssignment }: Cluster, kind: DnsDiscovery['kind']): Assignment {
  if (loadAssignment === undefined) throw new ConfigError('load_assignment', 'is required');
  const assignment = decodeAssignment(loadAssignment, 'load_assignment', 'names');
  if (kind === 'logical-dns' && assignment.endpoints.length !== 1) {
    throw new ConfigError('load_assignment', 'must have one endpoint for LOGICAL_DNS');
  }
  return assignment;
}

export function clusterFamily(family: ClusterFamily): DnsFamily {
  switch (family) {
    case ClusterFamily.V4_ONLY:
      return 'v4';
    case ClusterFamily.V6_ONLY:
      return 'v6';
    case ClusterFamily.V4_PREFERRED:
      return 'v4-preferred';
    case ClusterFamily.ALL:
      return 'all';
    default:
      return 'auto';
  }
}

function typedFamily(family: DnsLookupFamily): DnsDiscovery['family'] {
  switch (family) {
    case DnsLookupFamily.V4_ONLY:
      return 'v4';
    case DnsLookupFamily.V6_ONLY:
      return 'v6';
    case DnsLookupFamily.V4_PREFERRED:
      return 'v4-preferred';
    case DnsLookupFamily.ALL:
      return 'all';
    default:
      return 'auto';
  }
}
