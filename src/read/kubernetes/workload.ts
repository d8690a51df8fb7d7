// Deployment, StatefulSet, DaemonSet, Job, Pod → the template that instances are made from.
import type { ContainerPort, Workload } from '../../model/service.ts';
import type { Fields } from '../field/fields.ts';
import { count, name, oneOf, port, text } from '../field/values.ts';
import { readProxyThreads } from './proxy-threads.ts';

type Template = Pick<Workload, 'labels' | 'annotations' | 'serviceAccount' | 'ports' | 'environment' | 'concurrency'>;

export function readWorkload(root: Fields): Workload | null {
  const { source } = root;
  const isPod = source.kind === 'Pod';
  const made = isPod ? { replicas: 1, template: readPod(root) } : root.requireObject('spec', readController);
  if (made?.template == null) return null;
  const { replicas, template } = made;
  return {
    kind: source.kind,
    namespace: source.namespace,
    name: source.name,
    ...template,
    labels: isPod ? source.labels : template.labels,
    annotations: { ...source.annotations, ...template.annotations },
    concurrency: isPod ? (root.object('metadata', readMetadata)?.concurrency ?? null) : template.concurrency,
    replicas,
    origin: root.origin(),
  };
}

function readController(spec: Fields): { replicas: number; template: Template | null } {
  const copies = spec.get('replicas', count);
  const parallel = spec.get('parallelism', count);
  const template = spec.requireObject('template', (fields) => {
    const metadata = fields.object('metadata', readMetadata);
    return { ...readPod(fields), ...metadata };
  });
  // Roll-out, storage and selection of pods are the cluster's business.
  spec.ignoreRest();
  return { replicas: copies ?? parallel ?? 1, template };
}

function readMetadata(metadata: Fields): Pick<Template, 'labels' | 'annotations' | 'concurrency'> {
  const labels = Object.fromEntries(metadata.map('labels', text));
  const annotations = Object.fromEntries(metadata.map('annotations', text));
  const concurrency = metadata.object('annotations', (fields) => {
    const threads = readProxyThreads(fields);
    fields.ignoreRest();
    return threads;
  });
  metadata.ignoreRest();
  return { labels, annotations, concurrency };
}

function readPod(pod: Fields): Template {
  const spec = pod.requireObject('spec', (fields) => {
    const serviceAccount = fields.get('serviceAccountName', name) ?? fields.get('serviceAccount', name) ?? 'default';
    const containers = fields.objects('containers', readContainer);
    // Images, volumes, scheduling … say nothing about traffic.
    fields.ignoreRest();
    return { serviceAccount, containers };
  });
  return {
    labels: {},
    annotations: {},
    concurrency: null,
    serviceAccount: spec?.serviceAccount ?? 'default',
    ports: spec?.containers.flatMap((container) => container.ports) ?? [],
    environment: spec?.containers[0]?.environment ?? [],
  };
}

function readContainer(container: Fields): Pick<Template, 'ports' | 'environment'> {
  const ports = container.objects('ports', readContainerPort).filter((item) => item !== null);
  const environment = container.objects('env', readVariable).filter((item) => item !== null);
  container.ignoreRest();
  return { ports, environment };
}

function readContainerPort(fields: Fields): ContainerPort | null {
  const number = fields.require('containerPort', port);
  const portName = fields.get('name', text) ?? '';
  const transport = fields.get('protocol', oneOf('TCP', 'UDP', 'SCTP')) ?? 'TCP';
  fields.ignoreRest();
  return number === null || transport !== 'TCP' ? null : { name: portName, port: number };
}

/** Kubernetes wants strings; values from elsewhere (`valueFrom`) are for whoever runs the pod. */
function readVariable(fields: Fields): { name: string; value: string } | null {
  const variable = fields.require('name', name);
  const value = fields.get('value', text);
  const computed = fields.has('valueFrom');
  fields.ignoreRest();
  return variable === null || computed ? null : { name: variable, value: value ?? '' };
}
