// Where other proxies' requests arrive: transport, authorization, then the application.
import { create } from '@bufbuild/protobuf';
import type { ListenerPlan } from '../mesh/plan.ts';
import { TrafficDirection } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
} from '../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener, ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../xds/gen/envoy/config/route/v3/route_pb.ts';
import { TlsInspectorSchema } from '../xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import {
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_ServerHeaderTransformation,
} from '../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { httpConnection } from './http-connection.ts';
import { peerHeader } from './peer.ts';
import { policyMetadata, rbacFilters } from './rbac.ts';
import { serverTls } from './tls.ts';
import { address, any, duration, metadata, originJson } from './values.ts';

type Inbound = ListenerPlan & { readonly kind: 'inbound' };

export function inboundListener(plan: Inbound, trustDomain: string): Listener {
  const { mode } = plan.transport;
  return create(ListenerSchema, {
    name: plan.name,
    address: address(plan.bind),
    trafficDirection: TrafficDirection.INBOUND,
    listenerFilters: mode === 'permissive' ? [tlsInspector()] : [],
    filterChains: filterChains(plan, trustDomain),
    metadata: metadata({
      'tulle.origin': originJson(plan.transport.origin),
      ...(plan.service === null ? {} : { 'tulle.service': { ...plan.service } }),
      ...policyMetadata(plan.authorization),
    }),
  });
}

const tlsInspector = () => ({
  name: 'envoy.filters.listener.tls_inspector',
  configType: { case: 'typedConfig', value: any(TlsInspectorSchema, {}) } as const,
});

function filterChains(plan: Inbound, trustDomain: string): FilterChain[] {
  const http = connection(plan, trustDomain);
  const tls = {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: serverTls(trustDomain) },
  } as const;
  switch (plan.transport.mode) {
    case 'strict':
      return [create(FilterChainSchema, { name: 'tls', filters: [http], transportSocket: tls })];
    case 'permissive':
      return [
        create(FilterChainSchema, {
          name: 'tls',
          filterChainMatch: { transportProtocol: 'tls' },
          filters: [http],
          transportSocket: tls,
        }),
        create(FilterChainSchema, {
          name: 'plain',
          filterChainMatch: { transportProtocol: 'raw_buffer' },
          filters: [http],
        }),
      ];
    case 'disable':
      return [create(FilterChainSchema, { name: 'plain', filters: [http] })];
  }
}

/** Paths are made canonical before anything judges them: `/admin/../x` must not pass for another path than the application sees. */
const connection = (plan: Inbound, trustDomain: string): Filter =>
  httpConnection({
    statPrefix: plan.name,
    routeSpecifier: { case: 'routeConfig', value: toApplication(plan) },
    httpFilters: rbacFilters(plan.authorization, { port: plan.containerPort, trustDomain }),
    forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.APPEND_FORWARD,
    setCurrentClientCertDetails: { subject: true, uri: true },
    serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
    normalizePath: true,
    mergeSlashes: true,
  });

/** Retries only what the application cannot have seen: a kept connection that it closed meanwhile (Istio's inbound default). */
function toApplication(plan: Inbound): RouteConfiguration {
  const action = {
    clusterSpecifier: { case: 'cluster', value: plan.cluster },
    timeout: duration(0),
    retryPolicy: { retryOn: 'reset-before-request', numRetries: 2 },
  } as const;
  return create(RouteConfigurationSchema, {
    name: plan.cluster,
    requestHeadersToRemove: [peerHeader],
    validateClusters: false,
    virtualHosts: [
      {
        name: `inbound|http|${plan.containerPort}`,
        domains: ['*'],
        routes: [
          {
            name: 'default',
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            action: { case: 'route', value: action },
          },
        ],
      },
    ],
  });
}
