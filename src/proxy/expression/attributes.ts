// Every attribute by root and name, in one table. What Envoy has beside is in `REFUSED`: an expression that names it is no configuration.
import { clusterName } from '../route/chosen-cluster.ts';
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
  cluster_name: ({ exchange, response, ended }) => clusterName(exchange, response, ended),
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

/** Roots whose members are known by name. */
const NAMED: Readonly<Record<string, Members<Seen>>> = {
  request: requestAttributes,
  response: responseAttributes,
  connection: connectionAttributes,
  upstream: upstreamAttributes,
  source: sourceAttributes,
  destination: destinationAttributes,
  xds: xdsAttributes,
};

/** Roots whose members are what filters left. */
const LEFT: Readonly<Record<string, (seen: Seen) => Attribute>> = {
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

export type Bindings = Readonly<Record<string, Attribute>>;

/** What an expression sees of an exchange, by the roots it names; the same object every time, filled until the next one is asked for. */
export function bindRoots(roots: Iterable<string>): (seen: Seen) => Bindings {
  const bindings: Record<string, Attribute> = Object.create(null) as Record<string, Attribute>;
  const left: [name: string, read: (seen: Seen) => Attribute][] = [];
  let current: Seen | null = null;
  for (const root of roots) {
    const members = Object.hasOwn(NAMED, root) ? NAMED[root] : undefined;
    if (members !== undefined) bindings[root] = rootMap((name) => memberOf(members, name, current!));
    if (Object.hasOwn(LEFT, root)) left.push([root, LEFT[root]!]);
  }
  return (seen) => {
    current = seen;
    for (const [name, read] of left) bindings[name] = read(seen);
    return bindings;
  };
}

function memberOf(members: Members<Seen>, name: string, seen: Seen): Attribute {
  return Object.hasOwn(members, name) ? members[name]!(seen) : undefined;
}

/** Envoy's attributes that this proxy does not know, as `root.name`. */
export const REFUSED: ReadonlySet<string> = new Set([
  'upstream.cx_pool_ready_duration',
  'upstream.num_endpoints',
  'xds.node',
]);
