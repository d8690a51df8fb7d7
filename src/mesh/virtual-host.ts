// Virtual hosts for services, and every name by which a client may call one.
import type { Service, ServicePort } from '../model/service.ts';
import type { ClientClass } from './client.ts';
import { hostPort } from './names.ts';
import { distinct } from './order.ts';
import type { VirtualHostPlan } from './plan.ts';
import type { Planning } from './planning.ts';
import { httpPorts, routesFor } from './service-routing.ts';
import { shapedBy } from './shaping.ts';

/** Whatever the authority says: the listener already chose the service. */
export const anyAuthority: readonly string[] = ['*'];

export function serviceVirtualHost(
  planning: Planning,
  client: ClientClass,
  service: Service,
  port: ServicePort,
  domains: readonly string[],
): VirtualHostPlan {
  const name = hostPort(service.host, port.port);
  return planning.made.virtualHosts(`${client.key}|${name}|${domains[0] ?? ''}`, () => {
    const routing = routesFor(planning, client, service, port);
    const shaped = distinct([...shapedBy([service.origin]), ...routing.shapedBy]);
    return { name, domains, routes: routing.routes, shapedBy: shaped };
  });
}

/** Bare names mean port 80, or the first port of a service that has no port 80. The short name is for clients of the same namespace. */
export function domainsOf(service: Service, port: ServicePort, clientNamespace: string): readonly string[] {
  const names = namesOf(service, clientNamespace);
  const ports = httpPorts(service);
  const bare = (ports.find((each) => each.port === 80) ?? ports[0])?.port === port.port;
  const qualified = names.map((name) => hostPort(name, port.port));
  return bare ? [...names, ...qualified] : qualified;
}

function namesOf({ name, namespace, host }: Service, clientNamespace: string): readonly string[] {
  const inCluster = `${name}.${namespace}.svc`;
  if (!host.startsWith(`${inCluster}.`)) return [host];
  const short = clientNamespace === namespace ? [name] : [];
  return [...short, `${name}.${namespace}`, inCluster, host];
}
