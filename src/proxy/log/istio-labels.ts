// The labels of Istio's standard metrics that say between whom something passed.
import { X509Certificate } from 'node:crypto';
import type { ListenerConfig } from '../config/types.ts';
import type { Exchange } from '../http/exchange.ts';
import type { WorkloadEnd } from '../http/workload.ts';
import type { MetricRules } from './metric-rules.ts';
import { endpointEnd, namespaceIn, peerEnd, unknownEnd } from './workload-end.ts';

export type Labels = readonly (readonly [name: string, value: string])[];

/**
 * `inbound`: metadata of the listener, whose proxy reports as the destination; null: it reports as the source. `rules`: those of Istio's control plane;
 * null: it is ours.
 */
export function endsOf(
  exchange: Exchange,
  own: WorkloadEnd,
  inbound: ListenerConfig['metadata'] | null,
  rules: MetricRules | null,
): Labels {
  return inbound === null ? outbound(exchange, own, rules) : inboundEnds(exchange, own, inbound, rules);
}

/** Whose an endpoint is, in its metadata: as our control plane says it, or Istio's. */
export function workloadOf(endpoint: Exchange['endpoint']): unknown {
  return endpoint?.metadata['tulle.workload'] ?? endpoint?.metadata['istio'];
}

export const heading = (name: string, type: string, help: string): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;

function outbound(exchange: Exchange, own: WorkloadEnd, rules: MetricRules | null): Labels {
  const { endpoint, clusterMetadata, upstreamPeer, upstream } = exchange;
  const [principal = '', ownPrincipal = ''] = [upstream?.tls?.certificate, upstream?.tls?.localCertificate].map(uriOf);
  const said = upstreamPeer?.end ?? (endpoint === null ? unknownEnd : endpointEnd(endpoint.metadata));
  const destination = rules === null ? said : { ...said, namespace: namespaceIn(principal) || said.namespace };
  const ours = clusterMetadata?.['tulle.service'];
  return [
    ['reporter', 'source'],
    ...endLabels('source', own, ownPrincipal),
    ...endLabels('destination', destination, principal),
    ...serviceLabels(rules === null ? ours : istioService(exchange, rules, destination.namespace)),
    ['connection_security_policy', 'unknown'],
  ];
}

function inboundEnds(
  exchange: Exchange,
  own: WorkloadEnd,
  metadata: ListenerConfig['metadata'],
  rules: MetricRules | null,
): Labels {
  const { peer, downstreamPeer, downstream } = exchange;
  const principal = downstream.tls?.uriSans[0] ?? '';
  const said = downstreamPeer?.end ?? unknownEnd;
  const source =
    rules === null ? peerEnd(peer, principal) : { ...said, namespace: namespaceIn(principal) || said.namespace };
  return [
    ['reporter', 'destination'],
    ...endLabels('source', source, principal),
    ...endLabels('destination', own, downstream.tls?.localUriSans[0] ?? ''),
    ...serviceLabels(rules === null ? metadata['tulle.service'] : inboundService(exchange, rules, own)),
    ['connection_security_policy', principal === '' ? 'none' : 'mutual_tls'],
  ];
}

type Service = { readonly host: unknown; readonly name: unknown; readonly namespace: unknown };

/** A service that nobody names is the workload's own. */
function inboundService(exchange: Exchange, rules: MetricRules, own: WorkloadEnd): Service {
  const { host, name } = istioService(exchange, rules, own.namespace);
  return { host: host || own.service, name: name || own.service, namespace: own.namespace };
}

/** What Istio's control plane calls where traffic goes that is for no service: clusters, and the routes that lead there. */
const NO_SERVICE: ReadonlySet<string> = new Set([
  'BlackHoleCluster',
  'PassthroughCluster',
  'InboundPassthroughCluster',
  'InboundPassthroughClusterIpv4',
  'InboundPassthroughClusterIpv6',
]);
const NO_ROUTE: ReadonlyMap<string, string> = new Map([
  ['block_all', 'BlackHoleCluster'],
  ['allow_any', 'PassthroughCluster'],
]);

function istioService(exchange: Exchange, rules: MetricRules, namespace: string): Service {
  const { route, cluster, clusterMetadata, request } = exchange;
  const said = rules.namesByHost ? request.authority : '';
  const none = NO_ROUTE.get(route?.name ?? '') ?? (NO_SERVICE.has(cluster) ? cluster : undefined);
  if (none !== undefined) return { host: said, name: none, namespace };
  const services = (clusterMetadata?.['istio'] as { services?: readonly Partial<Service>[] } | undefined)?.services;
  const { host = said, name } = services?.[0] ?? { name: said };
  return { host, name: name ?? String(host).split('.')[0], namespace };
}

function endLabels(side: 'source' | 'destination', end: WorkloadEnd, principal: string): Labels {
  return [
    [`${side}_workload`, known(end.workload)],
    [`${side}_workload_namespace`, known(end.namespace)],
    [`${side}_principal`, known(principal)],
    [`${side}_app`, known(end.app)],
    [`${side}_version`, known(end.version)],
    [`${side}_canonical_service`, known(end.service)],
    [`${side}_canonical_revision`, end.revision || 'latest'],
    [`${side}_cluster`, known(end.cluster)],
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

/** The first URI in a certificate; '' without one. */
function uriOf(certificate: Buffer | null | undefined): string {
  if (certificate === null || certificate === undefined) return '';
  return /(?:^|, )URI:([^,"]*)/.exec(new X509Certificate(certificate).subjectAltName ?? '')?.[1] ?? '';
}
