// Endpoints of a service's cluster.
import { create, toBinary } from '@bufbuild/protobuf';
import type { ClusterPlan, EndpointPlan } from '../mesh/plan.ts';
import { type LbEndpoint, LbEndpointSchema } from '../xds/gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { type EncodedResource, typeUrl } from '../xds/resource.ts';
import { resource } from './resource.ts';
import { address, metadata } from './values.ts';

/** What `transport_socket_matches` of the cluster looks for. */
export const mutualTlsMatch = { tlsMode: 'istio' };

/** Without endpoints it is an empty assignment, not an absent one: clients would wait for it. */
export function encodeEndpoints(plan: ClusterPlan & { readonly kind: 'service' }): EncodedResource {
  const endpoints =
    plan.endpoints.length === 0 ? [] : [{ ...oneLocality, lbEndpoints: plan.endpoints.map(lbEndpoint) }];
  const message = create(ClusterLoadAssignmentSchema, { clusterName: plan.name, endpoints });
  return resource(typeUrl.endpoints, plan.name, toBinary(ClusterLoadAssignmentSchema, message), plan.shapedBy);
}

/** gRPC clients refuse a group without locality, and pass over one without weight (gRFC A27). */
const oneLocality = { locality: {}, loadBalancingWeight: 1 };

/** Endpoints that never change: an application's address. */
export const fixedEndpoints = (clusterName: string, at: EndpointPlan['address']): ClusterLoadAssignment =>
  create(ClusterLoadAssignmentSchema, {
    clusterName,
    endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: address(at) } } }] }],
  });

const lbEndpoint = (plan: EndpointPlan): LbEndpoint =>
  create(LbEndpointSchema, {
    hostIdentifier: { case: 'endpoint', value: { address: address(plan.address) } },
    metadata: metadata({
      'tulle.workload': { ...plan.workload },
      ...(plan.mutualTls ? { 'envoy.transport_socket_match': mutualTlsMatch } : {}),
    }),
  });
