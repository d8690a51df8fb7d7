// What a try wants of the endpoint it goes to.
import type { Hash64 } from '../../lib/hash.ts';
import type { PickContext } from '../balance/balancer.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RetryState } from './retry.ts';

/** The first try takes whatever endpoint there is. */
const ANY_HOST = { tried: [], reselect: 0, rejects: null } as const;

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
