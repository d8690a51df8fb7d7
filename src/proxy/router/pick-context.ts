// What a try wants of the endpoint it goes to.
import type { Hash64 } from '../../lib/hash.ts';
import type { PickContext } from '../balance/balancer.ts';
import type { PolicyConfig } from '../config/cluster-types.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ForwardAction } from '../route/table.ts';
import type { RetryState } from './retry.ts';

/** The first try takes whatever endpoint there is. */
const ANY_HOST = { tried: [], reselect: 0, rejects: null, reshare: null } as const;

const WITHOUT_HASH: ReadonlySet<PolicyConfig['kind']> = new Set([
  'round-robin',
  'least-request',
  'random',
  'peak-ewma',
]);

/** Only computed where the balancer asks for it: to compute it may give the client a cookie. */
export function hashFor({ hash }: ForwardAction, exchange: Exchange, policy: PolicyConfig): Hash64 | null {
  return hash === null || WITHOUT_HASH.has(policy.kind) ? null : hash(exchange.request, exchange);
}

export function pickContext(
  { subset, override, attempts, downstream, request }: Exchange,
  hash: Hash64 | null,
  retry: RetryState | null,
  now: number,
): PickContext {
  const destination = downstream.restored ? downstream.local : null;
  const wanted = retry === null || attempts === 1 ? ANY_HOST : retry.wanted;
  return { hash, now, subset, destination, headers: request.headers, override, ...wanted };
}
