// The kinds that Kubernetes itself brings, and what the mesh makes of them.
import { type Kind, kindsOf } from '../kind.ts';

export const kubernetesKinds: readonly Kind[] = [
  ...kindsOf('', 'read', ['v1'], 'Namespace', 'Pod', 'Service'),
  ...kindsOf('apps', 'read', ['v1'], 'DaemonSet', 'Deployment', 'StatefulSet'),
  ...kindsOf('batch', 'read', ['v1'], 'Job'),
  // Identities come from the workloads that name them; the rest concerns the cluster, not its traffic.
  ...kindsOf('', 'accepted', ['v1'], 'ConfigMap', 'Event', 'LimitRange', 'Node', 'PersistentVolume'),
  ...kindsOf('', 'accepted', ['v1'], 'PersistentVolumeClaim', 'ResourceQuota', 'Secret', 'ServiceAccount'),
  ...kindsOf('apps', 'accepted', ['v1'], 'ControllerRevision', 'ReplicaSet'),
  ...kindsOf('autoscaling', 'accepted', ['v1', 'v2'], 'HorizontalPodAutoscaler'),
  ...kindsOf('policy', 'accepted', ['v1'], 'PodDisruptionBudget'),
  ...kindsOf(
    'rbac.authorization.k8s.io',
    'accepted',
    ['v1'],
    'ClusterRole',
    'ClusterRoleBinding',
    'Role',
    'RoleBinding',
  ),
  ...kindsOf('apiextensions.k8s.io', 'accepted', ['v1', 'v1beta1'], 'CustomResourceDefinition'),
  ...kindsOf('storage.k8s.io', 'accepted', ['v1'], 'StorageClass'),
  ...kindsOf('scheduling.k8s.io', 'accepted', ['v1'], 'PriorityClass'),
  ...kindsOf('kustomize.config.k8s.io', 'accepted', ['v1beta1'], 'Kustomization'),
  ...kindsOf('cert-manager.io', 'accepted', ['v1'], 'Certificate', 'ClusterIssuer', 'Issuer'),
  ...kindsOf('certmanager.k8s.io', 'accepted', ['v1alpha1'], 'Certificate', 'ClusterIssuer', 'Issuer'),
  ...kindsOf('', 'unsupported', ['v1'], 'Endpoints', 'ReplicationController'),
  ...kindsOf('discovery.k8s.io', 'unsupported', ['v1'], 'EndpointSlice'),
  ...kindsOf('batch', 'unsupported', ['v1'], 'CronJob'),
  ...kindsOf('networking.k8s.io', 'unsupported', ['v1'], 'Ingress', 'IngressClass', 'NetworkPolicy'),
  ...kindsOf('extensions', 'unsupported', ['v1beta1'], 'Ingress'),
];
