// The gRPC methods of xDS and how calls of our services are declared: messages pass as bytes, each side encodes its own.
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { TypeUrl } from './resource.ts';
import { typeUrl } from './resource.ts';

export type DiscoveryMethod = {
  readonly path: string;
  readonly protocol: 'sotw' | 'delta';
  /** What a request without a type URL asks for; null where it has to say. */
  readonly only: TypeUrl | null;
};

type Service = Readonly<Record<'sotw' | 'delta', DiscoveryMethod>>;

/** By the type that it serves alone; `ads` serves all. */
export const discoveryServices = {
  ads: service('discovery.v3.AggregatedDiscoveryService', 'AggregatedResources', null),
  [typeUrl.cluster]: service('cluster.v3.ClusterDiscoveryService', 'Clusters', typeUrl.cluster),
  [typeUrl.endpoints]: service('endpoint.v3.EndpointDiscoveryService', 'Endpoints', typeUrl.endpoints),
  [typeUrl.listener]: service('listener.v3.ListenerDiscoveryService', 'Listeners', typeUrl.listener),
  [typeUrl.routes]: service('route.v3.RouteDiscoveryService', 'Routes', typeUrl.routes),
  [typeUrl.virtualHost]: service('route.v3.VirtualHostDiscoveryService', 'VirtualHosts', typeUrl.virtualHost),
  [typeUrl.secret]: service('secret.v3.SecretDiscoveryService', 'Secrets', typeUrl.secret),
  [typeUrl.runtime]: service('runtime.v3.RuntimeDiscoveryService', 'Runtime', typeUrl.runtime),
} as const satisfies Record<'ads' | TypeUrl, Service>;

function service(name: string, resources: string, only: TypeUrl | null): Service {
  const path = (method: string) => `/envoy.service.${name}/${method}${resources}`;
  return {
    sotw: { path: path('Stream'), protocol: 'sotw', only },
    delta: { path: path('Delta'), protocol: 'delta', only },
  };
}

const identity = {
  serialize: (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  deserialize: (bytes: Buffer): Uint8Array => bytes,
};

export function bidiStream(path: string): MethodDefinition<Uint8Array, Uint8Array> {
  return method(path, true);
}

export function unary(path: string): MethodDefinition<Uint8Array, Uint8Array> {
  return method(path, false);
}

export function serviceOf(methods: readonly MethodDefinition<Uint8Array, Uint8Array>[]): ServiceDefinition {
  return Object.fromEntries(methods.map((one) => [one.path, one]));
}

function method(path: string, streams: boolean): MethodDefinition<Uint8Array, Uint8Array> {
  return {
    path,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: identity.serialize,
    requestDeserialize: identity.deserialize,
    responseSerialize: identity.serialize,
    responseDeserialize: identity.deserialize,
  };
}
