// The outbound half of a plan: where a client's requests come in, and the routes and clusters for them.
import { type Instance, reaches, type Service, type ServicePort } from '../model/service.ts';
import type { ClientClass } from './client.ts';
import { backingCluster, serviceCluster, sortClusters } from './clusters.ts';
import { hostPort } from './names.ts';
import { compareText } from './order.ts';
import type { ClusterPlan, ProxyPlan, RouteTablePlan } from './plan.ts';
import type { Planning } from './planning.ts';
import { httpPorts, routesFor } from './service-routing.ts';
import { shapedBy } from './shaping.ts';
import { anyAuthority, domainsOf, serviceVirtualHost } from './virtual-host.ts';

export type Outbound = Pick<ProxyPlan, 'listeners' | 'routeTables' | 'clusters'>;

/** A service and one of its ports. */
type Entry = { readonly service: Service; readonly port: ServicePort };

/** A client with a forward proxy can reach every service, so its clusters are those of everybody of its class. */
export function planOutbound(planning: Planning, client: ClientClass, instance: Instance): Outbound {
  const captured = planCaptured(planning, client, instance);
  const bind = instance.capture.forwardProxy;
  if (bind === null) return captured;
  const table = everyServiceTable(planning, client, instance.namespace);
  return {
    listeners: [
      ...captured.listeners,
      { kind: 'forward-proxy', name: 'outbound_proxy', bind, routeTable: 'outbound_proxy' },
    ],
    routeTables: [...captured.routeTables, table],
    clusters: everyCluster(planning, client),
  };
}

/** What a proxyless client may ask for by name. */
export function planTargets(planning: Planning, client: ClientClass): Outbound {
  const entries = allEntries(planning, client);
  return {
    listeners: entries.map(({ service, port }) => {
      const name = hostPort(service.host, port.port);
      return { kind: 'api', name, routeTable: name, shapedBy: shapedBy([service.origin]) };
    }),
    routeTables: entries.map((entry) => serviceTable(planning, client, entry)),
    clusters: everyCluster(planning, client),
  };
}

function planCaptured(planning: Planning, client: ClientClass, instance: Instance): Outbound {
  const captured = instance.capture.listeners.flatMap(({ host, port: number, bind }) => {
    const service = planning.mesh.services.get(host);
    const port = service === undefined ? undefined : httpPorts(service).find((each) => each.port === number);
    return service === undefined || port === undefined || !reaches(service.clients, client.namespace)
      ? []
      : [{ service, port, bind }];
  });
  captured.sort((a, b) => compareText(a.service.host, b.service.host) || a.port.port - b.port.port);
  return {
    listeners: captured.map(({ service, port, bind }) => ({
      kind: 'outbound',
      name: `outbound_${port.port}_${service.host}`,
      bind,
      protocol: port.protocol,
      routeTable: hostPort(service.host, port.port),
      shapedBy: shapedBy([service.origin]),
    })),
    routeTables: captured.map((entry) => serviceTable(planning, client, entry)),
    clusters: sortClusters(captured.flatMap((entry) => clustersOf(planning, client, entry))),
  };
}

function everyServiceTable(planning: Planning, client: ClientClass, namespace: string): RouteTablePlan {
  return planning.made.routeTables(`${client.key}|${namespace}|outbound_proxy`, () => ({
    name: 'outbound_proxy',
    ignoresPort: false,
    virtualHosts: allEntries(planning, client).map(({ service, port }) =>
      serviceVirtualHost(planning, client, service, port, domainsOf(service, port, namespace)),
    ),
  }));
}

const everyCluster = (planning: Planning, client: ClientClass): readonly ClusterPlan[] =>
  planning.made.everyCluster(client.key, () =>
    sortClusters(allEntries(planning, client).flatMap((entry) => clustersOf(planning, client, entry))),
  );

function serviceTable(planning: Planning, client: ClientClass, { service, port }: Entry): RouteTablePlan {
  const name = hostPort(service.host, port.port);
  return planning.made.routeTables(`${client.key}|${name}`, () => ({
    name,
    ignoresPort: false,
    virtualHosts: [serviceVirtualHost(planning, client, service, port, anyAuthority)],
  }));
}

/** The port's own cluster is there even when its routes lead elsewhere: `proxy config clusters` shows every service. */
function clustersOf(planning: Planning, client: ClientClass, { service, port }: Entry): readonly ClusterPlan[] {
  const { backings } = routesFor(planning, client, service, port);
  const own = serviceCluster(planning, client, { service, port, subset: '' });
  return [own, ...backings.map((backing) => backingCluster(planning, client, backing))];
}

/** Of the services that the client can see. */
const allEntries = ({ mesh }: Planning, { namespace }: ClientClass): readonly Entry[] =>
  [...mesh.services.values()]
    .filter(({ clients }) => reaches(clients, namespace))
    .flatMap((service) => httpPorts(service).map((port) => ({ service, port })));
