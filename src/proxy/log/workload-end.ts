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
 * of another namespace, nothing of it is believed.
 */
export function peerEnd(header: string, principal: string): WorkloadEnd {
  if (header === '' || header.length > LONGEST_PEER) return unknownEnd;
  const end = workloadEnd(Object.fromEntries(header.split(';').map(pair)));
  return principal.includes(`/ns/${end.namespace}/`) ? end : unknownEnd;
}

function pair(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
