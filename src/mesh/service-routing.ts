// Routes for requests to one service and port, for the clients of one namespace.

import { noEdit, type RouteSet } from '../model/route.ts';
import { reaches, type Service, type ServicePort } from '../model/service.ts';
import { off, set } from '../model/setting.ts';
import { type ClientClass, isClient } from './client.ts';
import { defaultRetry } from './dialects.ts';
import { mostSpecific } from './hosts.ts';
import type { Attached, Mesh } from './merge.ts';
import { clusterName, hostPort } from './names.ts';
import { distinct } from './order.ts';
import type { RoutePlan, ShapedBy } from './plan.ts';
import type { Planning } from './planning.ts';
import { candidatesOf, compareSpecificity, firstDialect, oneList } from './precedence.ts';
import type { Backing, ResolvedRoute } from './resolved.ts';
import { hashOf, resolveCandidate } from './route-rule.ts';
import { carriesHttp, shapedBy } from './shaping.ts';

export type ClientRoutes = {
  readonly routes: readonly RoutePlan[];
  readonly backings: readonly Backing[];
  readonly shapedBy: ShapedBy;
};

export const httpPorts = (service: Service): readonly ServicePort[] =>
  service.ports.filter(({ protocol }) => carriesHttp(protocol));

export function routesFor(planning: Planning, client: ClientClass, service: Service, port: ServicePort): ClientRoutes {
  return clientRoutes(serviceRouting(planning, service, port, client.namespace), client);
}

/** Names become unique here: two routes of one virtual host may carry the same user-given name. */
export function clientRoutes(resolved: readonly ResolvedRoute[], client: ClientClass): ClientRoutes {
  const mine = resolved.filter((route) => isClient(route.client, client));
  const names = new Map<string, number>();
  const routes = mine.map(({ route }) => {
    const copies = (names.get(route.name) ?? 0) + 1;
    names.set(route.name, copies);
    return copies === 1 ? route : { ...route, name: `${route.name}#${copies}` };
  });
  return {
    routes,
    backings: mine.flatMap(({ backings }) => backings),
    shapedBy: distinct(mine.flatMap((route) => route.shapedBy)),
  };
}

/** For all clients of the namespace: their labels are not looked at yet. */
export function serviceRouting(
  planning: Planning,
  service: Service,
  port: ServicePort,
  clientNamespace: string,
): readonly ResolvedRoute[] {
  const place = hostPort(service.host, port.port);
  return planning.made.routings(`${place}|${clientNamespace}`, () => {
    const applying = firstDialect(planning, applyingSets(planning.mesh, service, port, clientNamespace), place);
    const sets = oneList(planning, preferConsumers(applying, service, port, clientNamespace), place);
    if (sets.length === 0) return [defaultRoute(planning, service, port, clientNamespace)];
    const candidates = candidatesOf(sets);
    const ordered = sets[0]?.order === 'specificity' ? candidates.toSorted(compareSpecificity) : candidates;
    const asking = { port: port.port, listener: null, clientNamespace };
    return ordered.map((candidate) => resolveCandidate(planning, candidate, asking));
  });
}

/** Routes for the exact host beat those for a pattern. */
export function routesAt(mesh: Mesh, service: Service): readonly Attached<'service'>[] {
  const pattern = mesh.serviceRoutes.has(service.host)
    ? service.host
    : mostSpecific(service.host, mesh.serviceRoutePatterns, (host) => host);
  return pattern === null ? [] : (mesh.serviceRoutes.get(pattern) ?? []);
}

function applyingSets(mesh: Mesh, service: Service, port: ServicePort, clientNamespace: string): readonly RouteSet[] {
  const applying = routesAt(mesh, service).filter(({ attachment: { clients, ...attachment } }) => {
    const here = attachment.port === null || attachment.port === port.port;
    return here && reaches(clients, clientNamespace);
  });
  return [...new Set(applying.map((attached) => attached.set))];
}

/** A namespace's own routes replace those the service's owner gives to everybody (Gateway API, GEP-1426: they are not merged). */
function preferConsumers(
  sets: readonly RouteSet[],
  service: Service,
  port: ServicePort,
  namespace: string,
): readonly RouteSet[] {
  const own = sets.filter(({ attachments }) =>
    attachments.some(
      (attachment) =>
        attachment.kind === 'service' &&
        attachment.clients.kind === 'namespaces' &&
        attachment.clients.names.includes(namespace) &&
        attachment.host === service.host &&
        (attachment.port ?? port.port) === port.port,
    ),
  );
  return own.length === 0 ? sets : own;
}

function defaultRoute(planning: Planning, service: Service, port: ServicePort, clientNamespace: string): ResolvedRoute {
  const name = clusterName(service.host, port.port, '');
  const backing: Backing = { kind: 'service', name, cluster: { service, port, subset: '' }, grants: [] };
  const retry = defaultRetry('kubernetes');
  return {
    route: {
      name: 'default',
      match: null,
      action: {
        kind: 'forward',
        clusters: [{ cluster: name, weight: 1, requestHeaders: noEdit, responseHeaders: noEdit }],
        rewrite: null,
        mirrors: [],
        timeout: off,
        retry: retry === null ? off : set(retry),
        hash: hashOf(planning, backing, clientNamespace),
      },
      requestHeaders: noEdit,
      responseHeaders: noEdit,
      fault: null,
      origin: service.origin,
    },
    client: null,
    backings: [backing],
    shapedBy: shapedBy([service.origin]),
  };
}
