// What a try wants of the endpoint it goes to.
import type { Hash64 } from '../../lib/hash.ts';
import type { PickContext } from '../balance/balancer.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ForwardAction } from '../route/table.ts';
import type { RetryState } from './retry.ts';

/** The first try takes whatever endpoint there is. */
const ANY_HOST = { tried: [], reselect: 0, rejects: null, reshare: null } as const;

/** Only computed where the balancer asks for it: to compute it may give the client a cookie. */
export function hashFor({ hash }: ForwardAction, exchange: Exchange, cluster: Cluster): Hash64 | null {
  return hash === null || !cluster.hashes ? null : hash(exchange.request, exchange);
}

export function pickContext(
  { subset, override, attempts, downstream, request }: Exchange,
  hash: Hash64 | null,
  retry: RetryState | null,
  now: number,
): PickContext {
  const destination = downstream.restored ? downstream.local : null;
  const { tried, reselect, rejects, reshare } = retry === null || attempts === 1 ? ANY_HOST : retry.wanted;
  const { authority, headers } = request;
  const attempt = attempts - 1;
  return { hash, attempt, now, subset, destination, authority, headers, override, tried, reselect, rejects, reshare };
}
