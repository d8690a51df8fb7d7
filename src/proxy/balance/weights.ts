// Endpoints with their shares of a hash table; the shares add up to 1.
import type { HashKey } from '../config/cluster-types.ts';
import type { Endpoint } from './balancer.ts';

export type Share = { readonly endpoint: Endpoint; readonly weight: number };

export function sharesOf(endpoints: readonly Endpoint[], whole = 1): Share[] {
  const total = endpoints.reduce((sum, { weight }) => sum + weight, 0);
  return endpoints.map((endpoint) => ({ endpoint, weight: (endpoint.weight * whole) / total }));
}

/** The text that stands for the endpoint in rings and tables. */
export function keyOf(endpoint: Endpoint, key: HashKey): string {
  const named = endpoint.metadata['envoy.lb'];
  const own = typeof named === 'object' && named !== null ? (named as Record<string, unknown>)['hash_key'] : undefined;
  if (typeof own === 'string' && own !== '') return own;
  return key === 'hostname' ? endpoint.hostname : endpoint.name;
}
