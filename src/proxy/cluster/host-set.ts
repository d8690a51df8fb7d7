// The endpoints of a cluster over its updates: who stays keeps connections, counters and what was learned of its health.
import type { EndpointConfig } from '../config/cluster-types.ts';
import type { Host } from './host.ts';

export type HostChange = {
  readonly hosts: readonly Host[];
  readonly added: readonly Host[];
  readonly removed: readonly Host[];
};

/** `duplicates`: whether an address may occur twice; EDS takes only the first (as Envoy does). */
export function reconcile(
  before: readonly Host[],
  endpoints: readonly EndpointConfig[],
  duplicates: boolean,
  make: (endpoint: EndpointConfig) => Host,
): HostChange {
  const known = new Map<string, Host[]>();
  for (const host of before) known.set(hostKey(host), [...(known.get(hostKey(host)) ?? []), host]);
  const seen = new Set<string>();
  const hosts: Host[] = [];
  const added: Host[] = [];
  for (const endpoint of endpoints) {
    const key = hostKey(endpoint);
    if (!duplicates && seen.has(key)) continue;
    seen.add(key);
    const kept = known.get(key)?.shift();
    if (kept === undefined) added.push(make(endpoint));
    else kept.describe(endpoint);
    hosts.push(kept ?? added.at(-1)!);
  }
  return { hosts, added, removed: [...known.values()].flat() };
}

/** What makes an endpoint the same one: its addresses, and what its transport is chosen by. */
function hostKey({ address, port, moreAddresses, metadata }: EndpointConfig | Host): string {
  const labels = metadata['envoy.transport_socket_match'];
  if (labels === undefined && moreAddresses.length === 0) return `${address} ${port}`;
  return `${address} ${port} ${JSON.stringify([moreAddresses, labels])}`;
}
