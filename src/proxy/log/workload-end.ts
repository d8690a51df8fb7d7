// What metrics say about one end of a request, and where they learn it: metadata, or what the peer's proxy sent.

import type { WorkloadEnd } from '../http/workload.ts';

export const unknownEnd: WorkloadEnd = {
  workload: '',
  namespace: '',
  app: '',
  version: '',
  service: '',
  revision: '',
  cluster: '',
};

/** From `tulle.workload` metadata. */
function workloadEnd(metadata: unknown): WorkloadEnd {
  const fields = (metadata ?? {}) as Readonly<Record<string, unknown>>;
  const [workload, app, version] = [textOf(fields['workload']), textOf(fields['app']), textOf(fields['version'])];
  const canonical = { service: app || workload, revision: version, cluster: DEFAULT_CLUSTER };
  return { workload, namespace: textOf(fields['namespace']), app, version, ...canonical };
}

/** What an endpoint's metadata say: ours, or Istio's `istio`: {workload: `<name>;<namespace>;<canonical service>;<revision>;<cluster>`}. */
export function endpointEnd(metadata: Readonly<Record<string, unknown>>): WorkloadEnd {
  const own = metadata['tulle.workload'];
  if (own !== undefined) return workloadEnd(own);
  const parts = textOf((metadata['istio'] as { workload?: unknown } | undefined)?.workload).split(';');
  if (parts.length < 5) return unknownEnd;
  const [workload = '', namespace = '', service = '', revision = '', cluster = ''] = parts;
  return { ...unknownEnd, workload, namespace, service, revision, cluster };
}

const DEFAULT_CLUSTER = 'Kubernetes';

/** From a node's metadata in the bootstrap. */
export function ownEnd(metadata: Readonly<Record<string, unknown>>): WorkloadEnd {
  const told = toldEnd(metadata);
  const workload = told.workload || textOf(metadata['NAME']);
  const canonical = { service: told.service || told.app || workload, revision: told.revision || told.version };
  return { ...told, ...canonical, workload, cluster: told.cluster || DEFAULT_CLUSTER };
}

/** From the metadata of a node of Istio's, without what our own would stand for. */
export function toldEnd(metadata: Readonly<Record<string, unknown>>): WorkloadEnd {
  const labels = (metadata['LABELS'] ?? {}) as Readonly<Record<string, unknown>>;
  return {
    workload: textOf(metadata['WORKLOAD_NAME']),
    namespace: textOf(metadata['NAMESPACE']),
    app: textOf(labels['app']),
    version: textOf(labels['version']),
    service: textOf(labels['service.istio.io/canonical-name']),
    revision: textOf(labels['service.istio.io/canonical-revision']),
    cluster: textOf(metadata['CLUSTER_ID']),
  };
}

const LONGEST_PEER = 1024;

/**
 * From `x-tulle-peer: workload=…;namespace=…;app=…;version=…`. It is only the peer's word: without a certificate, or with one
 * of another namespace, nothing of it is believed, and what the certificate says is all that is known: so it is where no header can be sent.
 */
export function peerEnd(header: string, principal: string): WorkloadEnd {
  if (header === '' || header.length > LONGEST_PEER) return certifiedEnd(principal);
  const end = workloadEnd(Object.fromEntries(header.split(';').map(pair)));
  return principal.includes(`/ns/${end.namespace}/`) ? end : certifiedEnd(principal);
}

function certifiedEnd(principal: string): WorkloadEnd {
  const namespace = namespaceIn(principal);
  return namespace === '' ? unknownEnd : { ...unknownEnd, namespace };
}

/** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` says the namespace, as to Istio; '' for another name. */
export function namespaceIn(principal: string): string {
  return /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\//.exec(principal)?.[1] ?? '';
}

function pair(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
