// Endpoints of a cluster, from EDS or from the cluster itself.
import type { Locality } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { HealthStatus } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import type { LbEndpoint, LocalityLbEndpoints } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { socketAddress } from './address.ts';
import { refuseUnsupported } from './check.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import type { EndpointConfig } from './types.ts';
import { plainMetadata } from './values.ts';

export function decodeEndpoints(assignment: ClusterLoadAssignment): {
  readonly name: string;
  readonly endpoints: readonly EndpointConfig[];
} {
  refuseUnsupported(ClusterLoadAssignmentSchema, assignment, '');
  if (assignment.clusterName === '') throw new ConfigError('cluster_name', 'is empty');
  return { name: assignment.clusterName, endpoints: assignedEndpoints(assignment, '') };
}

/** Expects an assignment whose fields were checked. */
export function assignedEndpoints(assignment: ClusterLoadAssignment | undefined, path: string): EndpointConfig[] {
  return mapAt(assignment?.endpoints ?? [], at(path, 'endpoints'), decodeLocality).flat();
}

function decodeLocality({ locality, lbEndpoints, priority }: LocalityLbEndpoints, path: string): EndpointConfig[] {
  const place = localityName(locality);
  return mapAt(lbEndpoints, at(path, 'lb_endpoints'), (endpoint, here) =>
    decodeEndpoint(endpoint, place, priority, here),
  );
}

function decodeEndpoint(endpoint: LbEndpoint, locality: string, priority: number, path: string): EndpointConfig {
  if (endpoint.hostIdentifier.case !== 'endpoint') throw new ConfigError(at(path, 'endpoint'), 'is required');
  const { address, port } = socketAddress(endpoint.hostIdentifier.value.address, at(path, 'endpoint.address'));
  return {
    address,
    port,
    weight: endpoint.loadBalancingWeight ?? 1,
    healthy: endpoint.healthStatus === HealthStatus.UNKNOWN || endpoint.healthStatus === HealthStatus.HEALTHY,
    locality,
    priority,
    metadata: plainMetadata(endpoint.metadata),
  };
}

/** `region/zone/sub zone`, '' for none. */
function localityName(locality: Locality | undefined): string {
  return locality === undefined ? '' : `${locality.region}/${locality.zone}/${locality.subZone}`;
}
