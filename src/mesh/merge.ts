// What the fragments say together, sorted on model terms and indexed for the stages that follow.
import type { Fragment } from '../model/fragment.ts';
import type { Gateway } from '../model/gateway.ts';
import { describeOrigin } from '../model/origin.ts';
import type { DestinationPolicy } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import type { RouteAttachment, RouteSet } from '../model/route.ts';
import type { Audience, Instance, Labels, Service, Workload } from '../model/service.ts';
import { compareAge, compareOrigins, compareText, distinct } from './order.ts';

/** One way in which a route set applies. */
export type Attached<Kind extends RouteAttachment['kind']> = {
  readonly set: RouteSet;
  readonly attachment: RouteAttachment & { readonly kind: Kind };
};

export type Mesh = {
  readonly trustDomain: string;
  /** By host. */
  readonly services: ReadonlyMap<string, Service>;
  readonly namespaces: ReadonlyMap<string, Labels>;
  /** By `namespace/name`. */
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly gateways: ReadonlyMap<string, Gateway>;
  readonly grants: Fragment['grants'];
  /** Oldest first. */
  readonly routes: readonly RouteSet[];
  /** By the attachment's host, which may be a pattern. */
  readonly serviceRoutes: ReadonlyMap<string, readonly Attached<'service'>[]>;
  readonly serviceRoutePatterns: readonly string[];
  /** By `namespace/name` of the gateway. */
  readonly gatewayRoutes: ReadonlyMap<string, readonly Attached<'gateway'>[]>;
  /** By namespace, oldest first. */
  readonly destinations: ReadonlyMap<string, readonly DestinationPolicy[]>;
  readonly authorizations: Fragment['authorizations'];
  readonly transports: Fragment['transports'];
  /** By namespace and label, as in `shop|app=cart`. */
  readonly instancesByLabel: ReadonlyMap<string, readonly Instance[]>;
  readonly workloadsByLabel: ReadonlyMap<string, readonly Workload[]>;
  /** What a client's configuration can depend on. */
  readonly clientScope: { readonly namespaces: ReadonlySet<string>; readonly labels: readonly string[] };
};

export const rootNamespace = 'istio-system';

export function mergeMesh(
  fragment: Fragment,
  instances: readonly Instance[],
  trustDomain: string,
  report: (problem: Problem) => void,
): Mesh {
  const routes = fragment.routes.toSorted(compareAge);
  const serviceRoutes = groupBy(attachedTo(routes, 'service'), ({ attachment }) => attachment.host);
  const workloads = fragment.workloads.toSorted((a, b) => compareOrigins(a.origin, b.origin));
  return {
    trustDomain,
    services: unique(fragment.services, (service) => service.host, report),
    namespaces: new Map(fragment.namespaces.map(({ name, labels }) => [name, labels])),
    workloads: new Map(workloads.toReversed().map((workload) => [`${workload.namespace}/${workload.name}`, workload])),
    gateways: unique(fragment.gateways, ({ namespace, name }) => `${namespace}/${name}`, report),
    grants: fragment.grants.toSorted((a, b) => compareOrigins(a.origin, b.origin)),
    routes,
    serviceRoutes,
    serviceRoutePatterns: [...serviceRoutes.keys()].filter((host) => host.startsWith('*')).sort(compareText),
    gatewayRoutes: groupBy(
      attachedTo(routes, 'gateway'),
      ({ attachment }) => `${attachment.gateway.namespace}/${attachment.gateway.name}`,
    ),
    destinations: groupBy(fragment.destinations.toSorted(compareAge), ({ namespace }) => namespace),
    authorizations: fragment.authorizations.toSorted((a, b) => compareOrigins(a.origin, b.origin)),
    transports: fragment.transports.toSorted(compareAge),
    instancesByLabel: byLabel(instances.toSorted((a, b) => compareText(instanceKey(a), instanceKey(b)))),
    workloadsByLabel: byLabel(workloads),
    clientScope: clientScope(fragment),
  };
}

export const instanceKey = (instance: { readonly namespace: string; readonly name: string }): string =>
  `${instance.namespace}/${instance.name}`;

/** Everything in `namespace` that has all the labels. An empty selector selects nothing, as in Kubernetes Services. */
export function selectByLabels<T extends { readonly labels: Labels }>(
  index: ReadonlyMap<string, readonly T[]>,
  namespace: string,
  selector: Labels,
): readonly T[] {
  const [first, ...rest] = Object.entries(selector);
  if (first === undefined) return [];
  const candidates = index.get(`${namespace}|${first[0]}=${first[1]}`) ?? [];
  return candidates.filter(({ labels }) => rest.every(([key, value]) => labels[key] === value));
}

function attachedTo<Kind extends RouteAttachment['kind']>(routes: readonly RouteSet[], kind: Kind): Attached<Kind>[] {
  return routes.flatMap((set) =>
    set.attachments
      .filter((attachment): attachment is RouteAttachment & { kind: Kind } => attachment.kind === kind)
      .map((attachment) => ({ set, attachment })),
  );
}

function unique<T extends { readonly origin: Service['origin'] }>(
  values: readonly T[],
  key: (value: T) => string,
  report: (problem: Problem) => void,
): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  for (const value of values.toSorted((a, b) => compareText(key(a), key(b)) || compareOrigins(a.origin, b.origin))) {
    const first = found.get(key(value));
    if (first === undefined) found.set(key(value), value);
    else {
      const where = first.origin.place === null ? '' : ` of ${first.origin.place.file}:${first.origin.place.line}`;
      const message = `not used: ${describeOrigin(first.origin)}${where} is already ${key(value)}`;
      report({ severity: 'error', code: 'conflict', origin: value.origin, message, hint: 'remove one of the two' });
    }
  }
  return found;
}

function groupBy<T>(values: Iterable<T>, key: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(key(value));
    if (group === undefined) groups.set(key(value), [value]);
    else group.push(value);
  }
  return groups;
}

function byLabel<T extends { readonly namespace: string; readonly labels: Labels }>(
  values: readonly T[],
): Map<string, T[]> {
  const pairs = values.flatMap((value) => Object.entries(value.labels).map(([key, text]) => ({ value, key, text })));
  const groups = groupBy(pairs, ({ value, key, text }) => `${value.namespace}|${key}=${text}`);
  return new Map([...groups].map(([key, group]) => [key, group.map(({ value }) => value)]));
}

/** A policy in its service's own namespace, or the root's, is the same for every client; anything else makes that namespace's clients differ. */
function clientScope(fragment: Fragment): Mesh['clientScope'] {
  const clients = fragment.routes.flatMap(({ rules }) =>
    rules.flatMap(({ matches }) => matches.map(({ client }) => client)),
  );
  const consumers = fragment.routes.flatMap(({ attachments }) =>
    attachments.flatMap((a) => (a.kind === 'service' ? namesOf(a.clients) : [])),
  );
  const services = new Map(fragment.services.map(({ host, namespace }) => [host, namespace]));
  const policies = fragment.destinations
    .filter(({ host, namespace }) => namespace !== rootNamespace && services.get(host) !== namespace)
    .map(({ namespace }) => namespace);
  const audiences = [...fragment.services, ...fragment.destinations].flatMap(({ clients: audience }) =>
    namesOf(audience),
  );
  const matched = clients.flatMap((client) => client?.namespace ?? []);
  const labels = distinct(clients.flatMap((client) => Object.keys(client?.labels ?? {})));
  return { namespaces: new Set([...policies, ...consumers, ...audiences, ...matched]), labels };
}

const namesOf = (audience: Audience): readonly string[] => (audience.kind === 'all' ? [] : audience.names);
