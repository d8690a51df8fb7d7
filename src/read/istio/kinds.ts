// Istio's kinds.
import { type Kind, kindsOf } from '../kind.ts';

const NETWORKING = ['v1', 'v1beta1', 'v1alpha3'];
const SECURITY = ['v1', 'v1beta1'];

export const istioKinds: readonly Kind[] = [
  ...kindsOf('networking.istio.io', 'read', NETWORKING, 'DestinationRule', 'Gateway', 'ProxyConfig', 'VirtualService'),
  ...kindsOf('security.istio.io', 'read', SECURITY, 'AuthorizationPolicy', 'PeerAuthentication'),
  ...kindsOf('networking.istio.io', 'unsupported', NETWORKING, 'EnvoyFilter', 'ServiceEntry'),
  ...kindsOf('networking.istio.io', 'unsupported', NETWORKING, 'Sidecar', 'WorkloadEntry', 'WorkloadGroup'),
  ...kindsOf('security.istio.io', 'unsupported', SECURITY, 'RequestAuthentication'),
  ...kindsOf('telemetry.istio.io', 'unsupported', ['v1', 'v1alpha1'], 'Telemetry'),
  ...kindsOf('extensions.istio.io', 'unsupported', ['v1alpha1'], 'TrafficExtension', 'WasmPlugin'),
];
