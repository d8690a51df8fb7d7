// Endpoints that a retry leaves out by what their metadata says (Envoy's omit_canary_hosts and omit_host_metadata).
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { Endpoint } from '../balance/balancer.ts';

/** An endpoint with every one of these values; of no value at all, every endpoint. */
export function omitsByMetadata(
  unwanted: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): (endpoint: Endpoint) => boolean {
  const members = Object.entries(unwanted['envoy.lb'] ?? {}).map(
    ([key, value]) => [key, canonicalJson(value)] as const,
  );
  return ({ metadata }) => {
    const own = (metadata['envoy.lb'] ?? {}) as Readonly<Record<string, unknown>>;
    return members.every(([key, value]) => Object.hasOwn(own, key) && hasValue(own[key], value));
  };
}

/** A list has each of its elements. */
function hasValue(own: unknown, value: string): boolean {
  return Array.isArray(own) ? own.some((one) => canonicalJson(one) === value) : canonicalJson(own) === value;
}
