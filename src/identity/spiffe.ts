// SPIFFE ids of workloads: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
import { X509Certificate } from 'node:crypto';
import type { SpiffeId } from '../model/units.ts';
import { uriSansOf } from '../xds/peer.ts';

export type WorkloadIdentity = {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
};

const label = '[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?';
const pattern = new RegExp(`^spiffe://(${label})/ns/(${label})/sa/(${label})$`);

/** null unless it is exactly of that form: other paths, ports, queries and upper case are no workload of a mesh. */
export function parseSpiffe(text: string): WorkloadIdentity | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const [, trustDomain = '', namespace = '', serviceAccount = ''] = match;
  return { trustDomain, namespace, serviceAccount };
}

export function formatSpiffe({ trustDomain, namespace, serviceAccount }: WorkloadIdentity): SpiffeId {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}` as SpiffeId;
}

/** The trust domain that a root certificate (PEM) says it is for, as `spiffe://<trust domain>` among its names. */
export function trustDomainOf(root: string): string | null {
  const [uri = ''] = uriSansOf(new X509Certificate(root));
  return /^spiffe:\/\/([^/]+)$/.exec(uri)?.[1] ?? null;
}
