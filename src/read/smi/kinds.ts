// SMI's kinds, and those of Open Service Mesh beside them.
import { type Kind, kindsOf } from '../kind.ts';

const UP_TO_4 = ['v1alpha4', 'v1alpha3', 'v1alpha2', 'v1alpha1'];

export const smiKinds: readonly Kind[] = [
  ...kindsOf('split.smi-spec.io', 'read', UP_TO_4, 'TrafficSplit'),
  ...kindsOf('specs.smi-spec.io', 'read', UP_TO_4, 'HTTPRouteGroup', 'TCPRoute'),
  ...kindsOf('access.smi-spec.io', 'read', UP_TO_4.slice(1), 'TrafficTarget'),
  ...kindsOf('access.smi-spec.io', 'unsupported', UP_TO_4, 'IdentityBinding'),
  ...kindsOf('specs.smi-spec.io', 'unsupported', UP_TO_4, 'UDPRoute'),
  ...kindsOf('metrics.smi-spec.io', 'unsupported', UP_TO_4, 'TrafficMetrics'),
  ...kindsOf('config.openservicemesh.io', 'unsupported', ['v1alpha2', 'v1alpha1'], 'ExtensionService', 'MeshConfig'),
  ...kindsOf('config.openservicemesh.io', 'unsupported', ['v1alpha2', 'v1alpha1'], 'MeshRootCertificate'),
  ...kindsOf('policy.openservicemesh.io', 'unsupported', ['v1alpha1'], 'Egress', 'IngressBackend', 'Retry'),
  ...kindsOf('policy.openservicemesh.io', 'unsupported', ['v1alpha1'], 'Telemetry', 'UpstreamTrafficSetting'),
];
