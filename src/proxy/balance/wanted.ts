// Whether an endpoint that was chosen will do for the request.
import type { Endpoint, PickContext } from './balancer.ts';

export function isUnwanted(endpoint: Endpoint, { tried, rejects }: PickContext): boolean {
  return tried.includes(endpoint) || rejects?.(endpoint) === true;
}
