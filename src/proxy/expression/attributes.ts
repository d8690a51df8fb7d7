// Every attribute by root and name, in one table. What Envoy has beside is in `REFUSED`: an expression that names it is no configuration.
import type { CelInput } from '@bufbuild/cel';
import {
  connectionAttributes,
  destinationAttributes,
  sourceAttributes,
  upstreamAttributes,
} from './connection-attributes.ts';
import { metadataMessage, plainMetadata, rootMap } from './messages.ts';
import { requestAttributes, responseAttributes } from './request-attributes.ts';
import type { Attribute, Members, Seen } from './seen.ts';

const LISTENER_DIRECTIONS = { unspecified: 0n, inbound: 1n, outbound: 2n } as const;

const xdsAttributes: Members<Seen> = {
  cluster_name: clusterName,
  cluster_metadata: ({ exchange: { clusterMetadata } }) =>
    clusterMetadata === null ? undefined : plainMetadata(clusterMetadata),
  route_name: ({ exchange: { route } }) => route?.name,
  route_metadata: ({ exchange: { route } }) => (route === null ? undefined : plainMetadata(route.metadata)),
  virtual_host_metadata: ({ exchange: { route } }) => (route === null ? undefined : plainMetadata(route.hostMetadata)),
  virtual_host_name: ({ exchange: { route } }) => route?.virtualHost,
  /** Null where the endpoint has none. */
  upstream_host_metadata({ exchange: { endpoint } }) {
    if (endpoint === null) return undefined;
    return Object.keys(endpoint.metadata).length === 0 ? null : plainMetadata(endpoint.metadata);
  },
  /** No group of endpoints has any. */
  upstream_host_locality_metadata: ({ exchange: { endpoint } }) => (endpoint === null ? undefined : null),
  filter_chain_name: ({ exchange }) => exchange.downstream.listener.chain,
  listener_metadata: ({ exchange }) => plainMetadata(exchange.downstream.listener.metadata),
  listener_direction: ({ exchange }) => LISTENER_DIRECTIONS[exchange.downstream.listener.direction],
};

/** By root. */
export const attributes: Readonly<Record<string, (seen: Seen) => Attribute>> = {
  request: members(requestAttributes),
  response: members(responseAttributes),
  connection: members(connectionAttributes),
  upstream: members(upstreamAttributes),
  source: members(sourceAttributes),
  destination: members(destinationAttributes),
  xds: members(xdsAttributes),
  metadata: ({ exchange: { metadata } }) =>
    metadataMessage({ get: (name) => metadata?.get(name), names: () => [...(metadata?.keys() ?? [])] }),
  filter_state: ({ exchange: { filterState } }) =>
    rootMap((name) => {
      const value = filterState?.get(name);
      return value === undefined ? undefined : Buffer.from(value, 'latin1');
    }),
  /** Filters of upstream connections leave it; there are none. */
  upstream_filter_state: ({ exchange }) => (exchange.endpoint === null ? undefined : rootMap(() => undefined)),
};

/** Envoy's attributes that this proxy does not know, as `root.name`. */
export const REFUSED: ReadonlySet<string> = new Set([
  'upstream.cx_pool_ready_duration',
  'upstream.num_endpoints',
  'xds.node',
]);

/** Before the request goes anywhere, the one its route leads to; after that, one that there is. */
function clusterName({ exchange, response, ended }: Seen): Attribute {
  const { cluster, clusterMetadata, choice, request, route } = exchange;
  if (clusterMetadata !== null) return cluster;
  if (response !== null || ended !== 0 || route?.action.kind !== 'forward') return undefined;
  // What chance decides is chosen with the route.
  return (choice ?? route.action.pickCluster(request, 0)).cluster;
}

function members(table: Members<Seen>): (seen: Seen) => CelInput {
  return (seen) => rootMap((name) => (Object.hasOwn(table, name) ? table[name]!(seen) : undefined));
}
