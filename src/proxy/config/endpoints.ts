// ClusterLoadAssignment → endpoints with what holds for all of them; priorities and localities flattened into each.
import { isIP } from 'node:net';
import { HealthStatus } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import type {
  Endpoint,
  LbEndpoint,
  LocalityLbEndpoints,
} from '../../xds/gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { decodeAddress, decodeSocketOrPipe } from './address.ts';
import { refuseUnsupported } from './check.ts';
import type {
  Assignment,
  EndpointCheckConfig,
  EndpointConfig,
  EndpointHealth,
  LocalityWeight,
  SocketAddress,
} from './cluster-types.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { localityName } from './locality.ts';
import { plainMetadata, positiveMillis, share } from './values.ts';

const OVERPROVISIONING = 140;
const HIGHEST_PRIORITY = 128;
const PLAIN = {
  overprovisioning: OVERPROVISIONING,
  weightedHealth: false,
  localityWeights: [],
  drops: [],
  staleAfter: 0,
};

/** The assignment of a cluster whose endpoints come in some other way. */
export function plainAssignment(endpoints: readonly EndpointConfig[]): Assignment {
  return { endpoints, ...PLAIN };
}

export function decodeEndpoints(assignment: ClusterLoadAssignment): {
  readonly name: string;
  readonly assignment: Assignment;
} {
  refuseUnsupported(ClusterLoadAssignmentSchema, assignment, '');
  if (assignment.clusterName === '') throw new ConfigError('cluster_name', 'is empty');
  return { name: assignment.clusterName, assignment: decodeAssignment(assignment, '', 'addresses') };
}

/** Of an assignment that was checked already. `hosts`: whether names may stand for addresses. */
export function decodeAssignment(
  assignment: ClusterLoadAssignment,
  path: string,
  hosts: 'addresses' | 'names',
): Assignment {
  const { policy, namedEndpoints } = assignment;
  const groups = at(path, 'endpoints');
  const context = { namedEndpoints, hosts };
  return {
    endpoints: mapAt(assignment.endpoints, groups, (group, here) => decodeLocality(group, context, here)).flat(),
    overprovisioning: positiveFactor(policy?.overprovisioningFactor, at(path, 'policy.overprovisioning_factor')),
    weightedHealth: policy?.weightedPriorityHealth ?? false,
    localityWeights: mapAt(assignment.endpoints, groups, decodeLocalityWeight).flat(),
    drops: decodeDrops(policy?.dropOverloads ?? [], at(path, 'policy.drop_overloads')),
    staleAfter: policy?.endpointStaleAfter
      ? positiveMillis(policy.endpointStaleAfter, 0, at(path, 'policy.endpoint_stale_after'))
      : 0,
  };
}

type Context = {
  readonly namedEndpoints: Readonly<Record<string, Endpoint>>;
  readonly hosts: 'addresses' | 'names';
};

function positiveFactor(factor: number | undefined, path: string): number {
  if (factor === 0) throw new ConfigError(path, 'must be more than 0');
  return factor ?? OVERPROVISIONING;
}

function decodeDrops(
  drops: NonNullable<ClusterLoadAssignment['policy']>['dropOverloads'],
  path: string,
): Assignment['drops'] {
  if (drops.length > 1) throw new ConfigError(path, `has ${drops.length} categories (hint: one)`);
  return mapAt(drops, path, ({ category, dropPercentage }, here) => {
    if (category === '') throw new ConfigError(at(here, 'category'), 'is empty');
    return { category, share: share(dropPercentage, 0) };
  });
}

function decodeLocalityWeight(group: LocalityLbEndpoints, path: string): LocalityWeight[] {
  const { loadBalancingWeight: weight, priority } = group;
  if (weight === undefined) return [];
  if (weight === 0) throw new ConfigError(at(path, 'load_balancing_weight'), 'must be more than 0');
  return [{ priority, locality: localityName(group.locality), weight }];
}

function decodeLocality(group: LocalityLbEndpoints, context: Context, path: string): EndpointConfig[] {
  const { priority } = group;
  if (priority > HIGHEST_PRIORITY)
    throw new ConfigError(at(path, 'priority'), `${priority} is over ${HIGHEST_PRIORITY}`);
  const place = { locality: localityName(group.locality), priority };
  return mapAt(group.lbEndpoints, at(path, 'lb_endpoints'), (endpoint, here) => ({
    ...decodeEndpoint(endpoint, context, here),
    ...place,
  }));
}

function decodeEndpoint(
  member: LbEndpoint,
  context: Context,
  path: string,
): Omit<EndpointConfig, 'locality' | 'priority'> {
  const { healthStatus, loadBalancingWeight: weight = 1 } = member;
  if (weight === 0) throw new ConfigError(at(path, 'load_balancing_weight'), 'must be more than 0');
  const endpoint = endpointOf(member, context, path);
  const here = at(path, 'endpoint');
  const first = decodePlace(endpoint, context, at(here, 'address'));
  return {
    ...first,
    moreAddresses: mapAt(endpoint.additionalAddresses, at(here, 'additional_addresses'), ({ address }, place) =>
      decodeAddress(address, at(place, 'address')),
    ),
    hostname: endpoint.hostname,
    observabilityName: endpoint.observabilityName,
    weight,
    health: healthOf(healthStatus, at(path, 'health_status')),
    metadata: plainMetadata(member.metadata),
    check: decodeCheck(endpoint, at(here, 'health_check_config')),
  };
}

function decodePlace({ address }: Endpoint, { hosts }: Context, path: string): SocketAddress {
  if (hosts === 'names') return decodeAddress(address, path);
  const place = decodeSocketOrPipe(address, path);
  if (isIP(place.address) !== 0 || place.address.startsWith('/')) return place;
  throw new ConfigError(path, `${place.address} is no IP address (hint: type STRICT_DNS)`);
}

function endpointOf({ hostIdentifier }: LbEndpoint, { namedEndpoints }: Context, path: string): Endpoint {
  if (hostIdentifier.case === 'endpoint') return hostIdentifier.value;
  if (hostIdentifier.case === undefined) throw new ConfigError(path, 'has no endpoint');
  const named = namedEndpoints[hostIdentifier.value];
  if (named === undefined)
    throw new ConfigError(at(path, 'endpoint_name'), `no endpoint named ${hostIdentifier.value}`);
  return named;
}

function decodeCheck({ healthCheckConfig: check }: Endpoint, path: string): EndpointCheckConfig {
  if (check === undefined) return { address: '', port: 0, hostname: '', disabled: false };
  if (check.portValue > 65_535) throw new ConfigError(at(path, 'port_value'), `${check.portValue} is not a port`);
  if (check.address !== undefined && check.portValue > 0) {
    throw new ConfigError(at(path, 'port_value'), 'is set beside address');
  }
  const other = check.address ? decodeAddress(check.address, at(path, 'address')) : { address: '', port: 0 };
  return {
    address: other.address,
    port: other.port || check.portValue,
    hostname: check.hostname,
    disabled: check.disableActiveHealthCheck,
  };
}

export function healthOf(status: HealthStatus, path: string): EndpointHealth {
  switch (status) {
    case HealthStatus.UNKNOWN:
      return 'unknown';
    case HealthStatus.HEALTHY:
      return 'healthy';
    case HealthStatus.UNHEALTHY:
      return 'unhealthy';
    case HealthStatus.DRAINING:
      return 'draining';
    case HealthStatus.TIMEOUT:
      return 'timeout';
    case HealthStatus.DEGRADED:
      return 'degraded';
    default:
      throw new ConfigError(path, 'is not known');
  }
}
