// Listeners, one function per kind.
import { create, toBinary } from '@bufbuild/protobuf';
import type { ListenerPlan } from '../mesh/plan.ts';
import { TrafficDirection } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import { type Listener, ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { HttpConnectionManager_ServerHeaderTransformation } from '../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { type EncodedResource, typeUrl } from '../xds/resource.ts';
import { connectionManager, faultFilter, httpConnection, routesByName } from './http-connection.ts';
import { inboundListener } from './inbound-listener.ts';
import { policyMetadata, rbacFilters } from './rbac.ts';
import { resource } from './resource.ts';
import { address, metadata, originJson } from './values.ts';

export function encodeListener(plan: ListenerPlan, trustDomain: string): EncodedResource {
  const origins = plan.kind === 'forward-proxy' ? [] : plan.shapedBy;
  return resource(typeUrl.listener, plan.name, toBinary(ListenerSchema, listener(plan, trustDomain)), origins);
}

function listener(plan: ListenerPlan, trustDomain: string): Listener {
  switch (plan.kind) {
    case 'inbound':
      return inboundListener(plan, trustDomain);
    case 'outbound':
    case 'forward-proxy':
      return outboundListener(plan);
    case 'gateway':
      return gatewayListener(plan, trustDomain);
    case 'api':
      return apiListener(plan);
  }
}

/** The client is the application beside the proxy: what it sends is not the edge's to distrust. */
const outboundListener = (plan: ListenerPlan & { readonly kind: 'outbound' | 'forward-proxy' }): Listener =>
  create(ListenerSchema, {
    name: plan.name,
    address: address(plan.bind),
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [
      {
        filters: [
          httpConnection({
            statPrefix: plan.name,
            routeSpecifier: routesByName(plan.routeTable),
            httpFilters: [faultFilter],
            generateRequestId: true,
            serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
          }),
        ],
      },
    ],
  });

const gatewayListener = (plan: ListenerPlan & { readonly kind: 'gateway' }, trustDomain: string): Listener =>
  create(ListenerSchema, {
    name: plan.name,
    address: address(plan.bind),
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [
      {
        filters: [
          httpConnection({
            statPrefix: plan.name,
            routeSpecifier: routesByName(plan.routeTable),
            httpFilters: [...rbacFilters(plan.authorization, { port: plan.bind.port, trustDomain }), faultFilter],
            generateRequestId: true,
            useRemoteAddress: true,
            normalizePath: true,
            mergeSlashes: true,
          }),
        ],
      },
    ],
    metadata: metadata({
      'tulle.origin': originJson(plan.origin),
      ...policyMetadata(plan.authorization),
    }),
  });

/** gRPC asks for it by the name of its target; it has no socket (gRFC A27). */
const apiListener = (plan: ListenerPlan & { readonly kind: 'api' }): Listener =>
  create(ListenerSchema, {
    name: plan.name,
    apiListener: { apiListener: connectionManager({ routeSpecifier: routesByName(plan.routeTable) }) },
  });
