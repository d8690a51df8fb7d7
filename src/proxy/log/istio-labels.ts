// The labels of Istio's standard metrics that say between whom something passed.
import type { ListenerConfig } from '../config/types.ts';
import type { Exchange } from '../http/exchange.ts';
import { peerEnd, unknownEnd, type WorkloadEnd, workloadEnd } from './workload-end.ts';

export type Labels = readonly (readonly [name: string, value: string])[];

/** `inbound`: metadata of the listener, whose proxy reports as the destination; null: it reports as the source. */
export function endsOf(exchange: Exchange, own: WorkloadEnd, inbound: ListenerConfig['metadata'] | null): Labels {
  return inbound === null ? outbound(exchange, own) : inboundEnds(exchange, own, inbound);
}

export const heading = (name: string, type: string, help: string): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;

function outbound({ endpoint, clusterMetadata }: Exchange, own: WorkloadEnd): Labels {
  const destination = endpoint === null ? unknownEnd : workloadEnd(endpoint.metadata['tulle.workload']);
  return [
    ['reporter', 'source'],
    ...endLabels('source', own, ''),
    ...endLabels('destination', destination, ''),
    ...serviceLabels(clusterMetadata?.['tulle.service']),
    ['connection_security_policy', 'unknown'],
  ];
}

function inboundEnds({ peer, downstream }: Exchange, own: WorkloadEnd, metadata: ListenerConfig['metadata']): Labels {
  const principal = downstream.tls?.uriSans[0] ?? '';
  return [
    ['reporter', 'destination'],
    ...endLabels('source', peerEnd(peer, principal), principal),
    ...endLabels('destination', own, downstream.tls?.localUriSans[0] ?? ''),
    ...serviceLabels(metadata['tulle.service']),
    ['connection_security_policy', principal === '' ? 'none' : 'mutual_tls'],
  ];
}

function endLabels(side: 'source' | 'destination', end: WorkloadEnd, principal: string): Labels {
  return [
    [`${side}_workload`, known(end.workload)],
    [`${side}_workload_namespace`, known(end.namespace)],
    [`${side}_principal`, known(principal)],
    [`${side}_app`, known(end.app)],
    [`${side}_version`, known(end.version)],
    [`${side}_canonical_service`, known(end.app || end.workload)],
    [`${side}_canonical_revision`, end.version || 'latest'],
    [`${side}_cluster`, 'Kubernetes'],
  ];
}

function serviceLabels(service: unknown): Labels {
  const { host, name, namespace } = (service ?? {}) as Readonly<Record<string, unknown>>;
  return [
    ['destination_service', known(host)],
    ['destination_service_name', known(name)],
    ['destination_service_namespace', known(namespace)],
  ];
}

const known = (value: unknown): string => (typeof value === 'string' && value !== '' ? value : 'unknown');

export const labelText = (labels: Labels): string =>
  labels.map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escapeChar)}"`).join(',');

const escapeChar = (char: string): string => (char === '\n' ? '\\n' : `\\${char}`);
