// Which routes a gateway's listeners take, and for which host names.
import type { Gateway, GatewayListener } from '../model/gateway.ts';
import type { RouteSet } from '../model/route.ts';
import { intersect, mostSpecific } from './hosts.ts';
import type { Attached, Mesh } from './merge.ts';

/** A set taken by a listener for one host name, which may be a pattern or `*`. */
export type Taken = { readonly set: RouteSet; readonly listener: GatewayListener; readonly host: string };

/** One virtual host: what the listener responsible for the name has for it, and for wider names. */
export type GatewayHost = { readonly host: string; readonly attached: readonly Taken[] };

export function attachmentsOf(mesh: Mesh, gateway: Gateway, listeners: readonly GatewayListener[]): readonly Taken[] {
  const wanted = mesh.gatewayRoutes.get(`${gateway.namespace}/${gateway.name}`) ?? [];
  return wanted.flatMap((attached) => listeners.flatMap((listener) => takenBy(mesh, gateway, listener, attached)));
}

export function takenBy(
  mesh: Mesh,
  gateway: Gateway,
  listener: GatewayListener,
  { set, attachment }: Attached<'gateway'>,
): readonly Taken[] {
  if (attachment.section !== null && attachment.section !== listener.name) return [];
  if (attachment.port !== null && attachment.port !== listener.port) return [];
  if (!mayAttach(mesh, gateway, listener, set.origin.namespace)) return [];
  const own = listener.hostname ?? '*';
  const hosts = attachment.hosts.length === 0 ? [own] : attachment.hosts.flatMap((host) => intersect(own, host) ?? []);
  return hosts.map((host) => ({ set, listener, host }));
}

export function mayAttach(mesh: Mesh, gateway: Gateway, { routesFrom }: GatewayListener, namespace: string): boolean {
  switch (routesFrom.kind) {
    case 'all':
      return true;
    case 'same':
      return namespace === gateway.namespace;
    case 'selector': {
      const labels = mesh.namespaces.get(namespace) ?? {};
      return Object.entries(routesFrom.labels).every(([key, value]) => labels[key] === value);
    }
  }
}

/** A name belongs to the listener with the most specific host name: routes of other listeners never answer for it. */
export function gatewayHosts(listeners: readonly GatewayListener[], taken: readonly Taken[]): GatewayHost[] {
  const pattern = ({ hostname }: GatewayListener) => hostname ?? '*';
  const names = new Set([...taken.map(({ host }) => host), ...listeners.map(pattern)]);
  return [...names].map((host) => {
    const owner = mostSpecific(host, listeners, pattern);
    const own = taken.filter(({ listener }) => owner !== null && pattern(listener) === pattern(owner));
    return { host, attached: own.filter((each) => intersect(each.host, host) === host) };
  });
}
