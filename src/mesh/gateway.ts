// The plan of a gateway's proxy: one listener per port, virtual hosts from listener and route host names (Gateway API rules).
import type { Gateway, GatewayListener } from '../model/gateway.ts';
import type { RouteSet } from '../model/route.ts';
import type { GatewayInstance } from '../model/service.ts';
import type { Port } from '../model/units.ts';
import { authorizationOf } from './authorization.ts';
import { type ClientClass, classOf } from './client.ts';
import { backingCluster, sortClusters } from './clusters.ts';
import { attachmentsOf, type GatewayHost, gatewayHosts } from './gateway-attachment.ts';
import { specificity } from './hosts.ts';
import { hostPort, nodeId } from './names.ts';
import { compareText, distinct } from './order.ts';
import type { ClusterPlan, ListenerPlan, ProxyPlan, VirtualHostPlan } from './plan.ts';
import type { Planning } from './planning.ts';
import { candidatesOf, catchAllLast, compareSpecificity, firstDialect } from './precedence.ts';
import type { Backing } from './resolved.ts';
import { resolveCandidate } from './route-rule.ts';
import { clientRoutes } from './service-routing.ts';
import { shapedBy } from './shaping.ts';
import { gatewaySubject } from './subject.ts';

export function planGateway(planning: Planning, instance: GatewayInstance): ProxyPlan {
  const gateway = planning.mesh.gateways.get(`${instance.gateway.namespace}/${instance.gateway.name}`);
  const client = classOf(planning.mesh, instance.namespace, {}, false);
  const ports = gateway === undefined ? [] : httpListenerPorts(gateway);
  const plans = gateway === undefined ? [] : ports.map((port) => planPort(planning, client, instance, gateway, port));
  return {
    proxy: {
      id: nodeId('gateway', instance.bindHost, instance.name, instance.namespace),
      kind: 'gateway',
      name: instance.name,
      namespace: instance.namespace,
      dataPlane: instance.dataPlane,
      identity: instance.identity,
      workload: { workload: instance.name, namespace: instance.namespace, app: instance.gateway.name, version: '' },
    },
    listeners: plans.map(({ listener }) => listener),
    routeTables: plans.map(({ listener, virtualHosts }) => ({
      name: listener.routeTable,
      ignoresPort: true,
      virtualHosts,
    })),
    clusters: sortClusters(plans.flatMap(({ clusters }) => clusters)),
  };
}

/** Other protocols are reported by the checks. */
const httpListenerPorts = (gateway: Gateway): readonly Port[] =>
  [...new Set(gateway.listeners.filter(isHttp).map(({ port }) => port))].sort((a, b) => a - b);

export const isHttp = ({ protocol }: GatewayListener): boolean => protocol === 'http';

type PortPlan = {
  readonly listener: ListenerPlan & { readonly kind: 'gateway' };
  readonly virtualHosts: readonly VirtualHostPlan[];
  readonly clusters: readonly ClusterPlan[];
};

function planPort(
  planning: Planning,
  client: ClientClass,
  instance: GatewayInstance,
  gateway: Gateway,
  port: Port,
): PortPlan {
  const authorization = authorizationOf(planning.mesh, gatewaySubject(gateway, instance), port);
  const hosts = virtualHosts(planning, client, gateway, port);
  return {
    listener: {
      kind: 'gateway',
      name: `gateway_${port}`,
      bind: { host: instance.bindHost, port },
      protocol: 'http',
      routeTable: `gateway_${port}`,
      authorization: authorization.layers,
      origin: gateway.origin,
      shapedBy: shapedBy([gateway.origin], authorization.shapedBy),
    },
    virtualHosts: hosts.map(({ plan }) => plan),
    clusters: hosts.flatMap(({ backings }) => backings.map((backing) => backingCluster(planning, client, backing))),
  };
}

export function virtualHosts(planning: Planning, client: ClientClass, gateway: Gateway, port: Port) {
  const listeners = gateway.listeners.filter((listener) => isHttp(listener) && listener.port === port);
  const attached = attachmentsOf(planning.mesh, gateway, listeners);
  const hosts = gatewayHosts(listeners, attached);
  hosts.sort((a, b) => specificity(b.host) - specificity(a.host) || compareText(a.host, b.host));
  return hosts.map((host) => virtualHost(planning, client, gateway, port, host));
}

function virtualHost(
  planning: Planning,
  client: ClientClass,
  gateway: Gateway,
  port: Port,
  { host, attached }: GatewayHost,
): {
  readonly plan: VirtualHostPlan;
  readonly backings: readonly Backing[];
} {
  const name = hostPort(host, port);
  const exact = attached.filter((each) => each.host === host);
  const sets = firstDialect(
    planning,
    [...new Set((exact.length > 0 ? exact : attached).map(({ set }) => set))],
    `${name} of gateway ${gateway.name}`,
  );
  const [first] = sets;
  // Sets that merge by specificity also fall through to routes of wider host names; lists stay within their own (Istio).
  const wider =
    first?.order === 'specificity'
      ? attached.filter(({ host: other, set }) => other !== host && isMergeable(set, first))
      : [];
  const widest = [
    ...new Set(wider.toSorted((a, b) => specificity(b.host) - specificity(a.host)).map(({ set }) => set)),
  ];
  const groups = [sets, ...widest.filter((set) => !sets.includes(set)).map((set) => [set])];
  const candidates = groups.flatMap((group) => {
    const all = candidatesOf(group);
    return first?.order === 'specificity' ? all.toSorted(compareSpecificity) : catchAllLast(all);
  });
  const asking = { port: null, listener: port, clientNamespace: client.namespace };
  const resolved = candidates.map((candidate) => resolveCandidate(planning, candidate, asking));
  const routing = clientRoutes(resolved, client);
  const shaped = distinct([...shapedBy([gateway.origin]), ...routing.shapedBy]);
  return { plan: { name, domains: [host], routes: routing.routes, shapedBy: shaped }, backings: routing.backings };
}

const isMergeable = (set: RouteSet, first: RouteSet): boolean =>
  set.order === 'specificity' && set.origin.dialect === first.origin.dialect;
