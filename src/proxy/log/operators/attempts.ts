// Where all attempts of a request went, and over which connections.
import type { Exchange, UpstreamConnection } from '../../http/exchange.ts';
import { filled, type Operator, type Operators, plain } from './operator.ts';

export const attempts: Operators = plain({
  UPSTREAM_HOSTS_ATTEMPTED: ofEndpoints(({ name }) => name),
  UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT: ofEndpoints(({ address }) => address),
  UPSTREAM_HOST_NAMES_ATTEMPTED: ofEndpoints(({ hostname, name }) => filled(hostname) ?? name),
  UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT: ofEndpoints(({ hostname, address }) => filled(hostname) ?? address),
  UPSTREAM_CONNECTION_ID: ({ upstream }) => (upstream === null ? 0 : idOf(upstream)),
  UPSTREAM_CONNECTION_IDS_ATTEMPTED: ({ upstream, upstreams }) => listed(upstreams ?? upstream, idOf),
});

type Endpoint = NonNullable<Exchange['endpoint']>;

/** Given to connections that a log names, in the order it first did. */
const ids = new WeakMap<UpstreamConnection, number>();
let lastId = 0;

function idOf(connection: UpstreamConnection): number {
  const known = ids.get(connection);
  if (known !== undefined) return known;
  lastId += 1;
  ids.set(connection, lastId);
  return lastId;
}

function ofEndpoints(said: (endpoint: Endpoint) => string): Operator {
  return ({ endpoint, endpoints }: Exchange) => listed(endpoints ?? endpoint, said);
}

function listed<One>(all: readonly One[] | One | null, said: (one: One) => string | number): string | undefined {
  if (all === null) return undefined;
  return Array.isArray(all) ? all.map(said).join(',') : String(said(all as One));
}
