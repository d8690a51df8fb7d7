// What metrics say about one end of a request, and where they learn it: metadata, or what the peer's proxy sent.

export type WorkloadEnd = {
  readonly workload: string;
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
};

export const unknownEnd: WorkloadEnd = { workload: '', namespace: '', app: '', version: '' };

/** From `tulle.workload` metadata. */
export function workloadEnd(metadata: unknown): WorkloadEnd {
  const fields = (metadata ?? {}) as Readonly<Record<string, unknown>>;
  return {
    workload: textOf(fields['workload']),
    namespace: textOf(fields['namespace']),
    app: textOf(fields['app']),
    version: textOf(fields['version']),
  };
}

/** From a node's metadata in the bootstrap. */
export function ownEnd(metadata: Readonly<Record<string, unknown>>): WorkloadEnd {
  const labels = (metadata['LABELS'] ?? {}) as Readonly<Record<string, unknown>>;
  return {
    workload: textOf(metadata['WORKLOAD_NAME']) || textOf(metadata['NAME']),
    namespace: textOf(metadata['NAMESPACE']),
    app: textOf(labels['app']),
    version: textOf(labels['version']),
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

/** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` says the namespace, as to Istio. */
function certifiedEnd(principal: string): WorkloadEnd {
  const namespace = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\//.exec(principal)?.[1];
  return namespace === undefined ? unknownEnd : { ...unknownEnd, namespace };
}

function pair(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
