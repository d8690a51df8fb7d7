// Linkerd's kinds.
import { type Kind, kindsOf } from '../kind.ts';

const POLICY = 'policy.linkerd.io';

export const linkerdKinds: readonly Kind[] = [
  ...kindsOf('linkerd.io', 'read', ['v1alpha2', 'v1alpha1'], 'ServiceProfile'),
  ...kindsOf(POLICY, 'read', ['v1beta3', 'v1beta2', 'v1beta1', 'v1alpha1'], 'Server'),
  ...kindsOf(POLICY, 'read', ['v1beta1', 'v1alpha1'], 'ServerAuthorization'),
  ...kindsOf(POLICY, 'read', ['v1alpha1'], 'AuthorizationPolicy', 'MeshTLSAuthentication', 'NetworkAuthentication'),
  ...kindsOf(POLICY, 'unsupported', ['v1beta3', 'v1beta2', 'v1beta1', 'v1alpha1'], 'HTTPRoute'),
  ...kindsOf(POLICY, 'unsupported', ['v1alpha1'], 'EgressNetwork', 'HTTPLocalRateLimitPolicy'),
  ...kindsOf('workload.linkerd.io', 'unsupported', ['v1beta1', 'v1alpha1'], 'ExternalWorkload'),
  ...kindsOf('multicluster.linkerd.io', 'unsupported', ['v1alpha3', 'v1alpha2', 'v1alpha1'], 'Link'),
];
