// ClusterLoadAssignment → endpoints, priorities and localities flattened into each.
import { HealthStatus } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import type { LbEndpoint, LocalityLbEndpoints } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { decodeAddress } from './address.ts';
import { refuseUnsupported } from './check.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import type { EndpointConfig } from './types.ts';
import { plainMetadata } from './values.ts';

const OVERPROVISIONING = 140;

export function decodeEndpoints(assignment: ClusterLoadAssignment): {
  readonly name: string;
  readonly endpoints: readonly EndpointConfig[];
} {
  refuseUnsupported(ClusterLoadAssignmentSchema, assignment, '');
  if (assignment.clusterName === '') throw new ConfigError('cluster_name', 'is empty');
  return { name: assignment.clusterName, endpoints: flattenEndpoints(assignment, '') };
}

/** Of an assignment that was checked already. */
export function flattenEndpoints(assignment: ClusterLoadAssignment, path: string): readonly EndpointConfig[] {
  const factor = assignment.policy?.overprovisioningFactor ?? OVERPROVISIONING;
  if (factor !== OVERPROVISIONING) {
    throw new ConfigError(at(path, 'policy.overprovisioning_factor'), `must be ${OVERPROVISIONING}`);
  }
  return mapAt(assignment.endpoints, at(path, 'endpoints'), decodeLocality).flat();
}

function decodeLocality(group: LocalityLbEndpoints, path: string): EndpointConfig[] {
  const locality = group.locality ? [group.locality.region, group.locality.zone, group.locality.subZone] : [];
  const name = locality.join('/').replace(/\/+$/, '');
  if (group.priority > 128) throw new ConfigError(at(path, 'priority'), `${group.priority} is over 128`);
  return mapAt(group.lbEndpoints, at(path, 'lb_endpoints'), (endpoint, here) =>
    decodeEndpoint(endpoint, name, group.priority, here),
  );
}

function decodeEndpoint(endpoint: LbEndpoint, locality: string, priority: number, path: string): EndpointConfig {
  const { hostIdentifier, healthStatus, loadBalancingWeight: weight = 1 } = endpoint;
  if (hostIdentifier.case !== 'endpoint') throw new ConfigError(path, 'has no endpoint');
  if (weight === 0) throw new ConfigError(at(path, 'load_balancing_weight'), 'must be more than 0');
  return {
    ...decodeAddress(hostIdentifier.value.address, at(path, 'endpoint.address')),
    weight,
    healthy: isHealthy(healthStatus, at(path, 'health_status')),
    locality,
    priority,
    metadata: plainMetadata(endpoint.metadata),
  };
}

/** Nobody checks here: what EDS does not know is taken as healthy, as Envoy does. Draining gets no new requests. */
function isHealthy(status: HealthStatus, path: string): boolean {
  switch (status) {
    case HealthStatus.UNKNOWN:
    case HealthStatus.HEALTHY:
      return true;
    case HealthStatus.UNHEALTHY:
    case HealthStatus.DRAINING:
    case HealthStatus.TIMEOUT:
      return false;
    default:
      throw new ConfigError(path, 'is not supported');
  }
}
