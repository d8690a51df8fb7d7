// Kinds that live in no namespace. A file does not say it, and no API server is there to ask.

const CORE = new Set(['Namespace', 'Node', 'PersistentVolume']);

const OTHERS = new Set([
  'APIService',
  'CSIDriver',
  'ClusterIssuer',
  'ClusterRole',
  'ClusterRoleBinding',
  'ClusterTrustBundle',
  'CustomResourceDefinition',
  'GatewayClass',
  'IngressClass',
  'MeshRootCertificate',
  'MutatingWebhookConfiguration',
  'PriorityClass',
  'RuntimeClass',
  'StorageClass',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
]);

export function isClusterScoped(apiVersion: string, kind: string): boolean {
  return apiVersion.includes('/') ? OTHERS.has(kind) : CORE.has(kind);
}
