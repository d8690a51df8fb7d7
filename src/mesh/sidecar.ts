// The plan of the proxy beside an application (or of a proxyless gRPC client, which gets the outbound half).
import { builtIn } from '../model/origin.ts';
import type { Instance, InstancePort, Service, ServicePort } from '../model/service.ts';
import { authorizationOf } from './authorization.ts';
import { type ClientClass, classOf } from './client.ts';
import { backingCluster, serviceCluster, serviceLabels, shapedBy, sortClusters } from './clusters.ts';
import { targetPort, workloadLabels } from './endpoints.ts';
import { applicationName, hostPort, nodeId } from './names.ts';
import { compareText } from './order.ts';
import type { ClusterPlan, ListenerPlan, ProxyPlan, ProxyRef, RouteTablePlan } from './plan.ts';
import type { Planning } from './planning.ts';
import { httpPorts, routesFor } from './service-routing.ts';
import { subjectOf } from './subject.ts';
import { transportOf } from './transport.ts';
import { anyAuthority, domainsOf, serviceVirtualHost } from './virtual-host.ts';

/** One place where the application's requests come in. */
type Entry = { readonly service: Service; readonly port: ServicePort };
type Outbound = Pick<ProxyPlan, 'listeners' | 'routeTables' | 'clusters'>;

export function planSidecar(planning: Planning, instance: Instance): ProxyPlan {
  const client = classOf(planning.mesh, instance.namespace, instance.labels, false);
  const inbound = instance.ports.map((port) => planInbound(planning, instance, port));
  const captured = planCaptured(planning, client, instance);
  const everything = planForwardProxy(planning, client, instance);
  return {
    proxy: proxyRef(instance, 'sidecar'),
    listeners: [...inbound.map(({ listener }) => listener), ...captured.listeners, ...everything.listeners],
    routeTables: [...captured.routeTables, ...everything.routeTables],
    clusters: sortClusters([...inbound.map(({ cluster }) => cluster), ...captured.clusters, ...everything.clusters]),
  };
}

export function planProxyless(planning: Planning, instance: Instance): ProxyPlan {
  const client = classOf(planning.mesh, instance.namespace, instance.labels, true);
  const entries = allEntries(planning);
  const tables = entries.map((entry) => serviceTable(planning, client, entry));
  return {
    proxy: proxyRef(instance, 'proxyless'),
    listeners: entries.map(({ service, port }) => {
      const name = hostPort(service.host, port.port);
      return { kind: 'api', name, routeTable: name, shapedBy: shapedBy([service.origin]) };
    }),
    routeTables: tables,
    clusters: sortClusters(entries.flatMap((entry) => clustersOf(planning, client, entry))),
  };
}

function proxyRef(instance: Instance, kind: 'sidecar' | 'proxyless'): ProxyRef {
  const address = instance.ports[0]?.reach.host ?? instance.capture.forwardProxy?.host ?? '127.0.0.1';
  return {
    id: nodeId(kind, address, instance.name, instance.namespace),
    kind,
    name: instance.name,
    namespace: instance.namespace,
    dataPlane: instance.dataPlane === 'envoy' || instance.dataPlane === 'proxyless' ? instance.dataPlane : 'tulle',
    identity: instance.identity,
    workload: workloadLabels(instance.namespace, instance.workload, instance.labels),
  };
}

function planInbound(planning: Planning, instance: Instance, port: InstancePort) {
  const { mesh } = planning;
  const subject = subjectOf(mesh, instance);
  const transport = transportOf(mesh, subject, port.container);
  const authorization = authorizationOf(mesh, subject, port.container);
  const serving = servingPort(planning, instance, port);
  const workload = mesh.workloads.get(`${instance.namespace}/${instance.workload}`);
  const own = [
    ...(workload === undefined ? [] : [workload.origin]),
    ...(serving === null ? [] : [serving.service.origin]),
  ];
  const name = applicationName(port.container);
  const protocol = serving?.port.protocol ?? 'auto';
  const listener: ListenerPlan = {
    kind: 'inbound',
    name: `inbound_${port.container}`,
    bind: port.reach,
    containerPort: port.container,
    protocol,
    cluster: name,
    service: serving === null ? null : serviceLabels(serving.service),
    transport,
    authorization: authorization.layers,
    shapedBy: shapedBy(own, [transport.origin], authorization.shapedBy),
  };
  const origin = workload?.origin ?? builtIn('application');
  const cluster: ClusterPlan = {
    kind: 'application',
    name,
    address: port.application,
    protocol,
    origin,
    shapedBy: shapedBy(own),
  };
  return { listener, cluster };
}

/** The first service, by host, that leads to this port of the instance. */
function servingPort({ mesh }: Planning, instance: Instance, port: InstancePort): Entry | null {
  for (const service of mesh.services.values()) {
    if (service.namespace !== instance.namespace || service.selector === null) continue;
    const selected = Object.entries(service.selector).every(([key, value]) => instance.labels[key] === value);
    const found = selected ? service.ports.find((each) => targetPort(mesh, instance, each) === port) : undefined;
    if (found !== undefined && Object.keys(service.selector).length > 0) return { service, port: found };
  }
  return null;
}

function planCaptured(planning: Planning, client: ClientClass, instance: Instance): Outbound {
  const captured = instance.capture.listeners.flatMap(({ host, port: number, bind }) => {
    const service = planning.mesh.services.get(host);
    const port = service === undefined ? undefined : httpPorts(service).find((each) => each.port === number);
    return service === undefined || port === undefined ? [] : [{ service, port, bind }];
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
    clusters: captured.flatMap((entry) => clustersOf(planning, client, entry)),
  };
}

function planForwardProxy(planning: Planning, client: ClientClass, instance: Instance): Outbound {
  const bind = instance.capture.forwardProxy;
  if (bind === null) return { listeners: [], routeTables: [], clusters: [] };
  const entries = allEntries(planning);
  return {
    listeners: [{ kind: 'forward-proxy', name: 'outbound_proxy', bind, routeTable: 'outbound_proxy' }],
    routeTables: [everyService(planning, client, instance.namespace, entries)],
    clusters: entries.flatMap((entry) => clustersOf(planning, client, entry)),
  };
}

function everyService(
  planning: Planning,
  client: ClientClass,
  namespace: string,
  entries: readonly Entry[],
): RouteTablePlan {
  return planning.made.routeTables(`${client.key}|${namespace}|outbound_proxy`, () => ({
    name: 'outbound_proxy',
    virtualHosts: entries.map(({ service, port }) =>
      serviceVirtualHost(planning, client, service, port, domainsOf(service, port, namespace)),
    ),
  }));
}

function serviceTable(planning: Planning, client: ClientClass, { service, port }: Entry): RouteTablePlan {
  const name = hostPort(service.host, port.port);
  return planning.made.routeTables(`${client.key}|${name}`, () => ({
    name,
    virtualHosts: [serviceVirtualHost(planning, client, service, port, anyAuthority)],
  }));
}

/** The port's own cluster is there even when its routes lead elsewhere: `proxy config clusters` shows every service. */
function clustersOf(planning: Planning, client: ClientClass, { service, port }: Entry): readonly ClusterPlan[] {
  const { backings } = routesFor(planning, client, service, port);
  const own = serviceCluster(planning, client, { service, port, subset: '' });
  return [own, ...backings.map((backing) => backingCluster(planning, client, backing))];
}

const allEntries = ({ mesh }: Planning): readonly Entry[] =>
  [...mesh.services.values()].flatMap((service) => httpPorts(service).map((port) => ({ service, port })));
