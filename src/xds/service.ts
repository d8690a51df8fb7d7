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

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
const sds = '/envoy.service.secret.v3.SecretDiscoveryService';

export const discoveryMethods = {
  ads: {
    sotw: { path: `${ads}/StreamAggregatedResources`, protocol: 'sotw', only: null },
    delta: { path: `${ads}/DeltaAggregatedResources`, protocol: 'delta', only: null },
  },
  sds: {
    sotw: { path: `${sds}/StreamSecrets`, protocol: 'sotw', only: typeUrl.secret },
    delta: { path: `${sds}/DeltaSecrets`, protocol: 'delta', only: typeUrl.secret },
  },
} as const satisfies Record<'ads' | 'sds', Record<'sotw' | 'delta', DiscoveryMethod>>;

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
