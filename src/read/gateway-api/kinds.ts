// Gateway API's kinds.
import { type Kind, kindsOf } from '../kind.ts';

const GROUP = 'gateway.networking.k8s.io';

export const gatewayApiKinds: readonly Kind[] = [
  ...kindsOf(GROUP, 'read', ['v1', 'v1beta1'], 'Gateway', 'HTTPRoute', 'ReferenceGrant'),
  // A class says which controller serves it; every Gateway here is served by this mesh.
  ...kindsOf(GROUP, 'accepted', ['v1', 'v1beta1'], 'GatewayClass'),
  ...kindsOf(GROUP, 'unsupported', ['v1', 'v1alpha2', 'v1alpha3'], 'BackendTLSPolicy', 'GRPCRoute', 'ListenerSet'),
  ...kindsOf(GROUP, 'unsupported', ['v1', 'v1alpha2', 'v1alpha3'], 'TCPRoute', 'TLSRoute', 'UDPRoute'),
  ...kindsOf('gateway.networking.x-k8s.io', 'unsupported', ['v1alpha1'], 'XBackend', 'XBackendTrafficPolicy', 'XMesh'),
];
