// Problems that no proxy's plan would show: they are found for every object, whether or not anybody calls what it is about.
import type { Gateway } from '../model/gateway.ts';
import { describeObject, type Origin } from '../model/origin.ts';
import type { ProblemCode } from '../model/problem.ts';
import { reaches, type Service } from '../model/service.ts';
import { classOf } from './client.ts';
import { isHttp, virtualHosts } from './gateway.ts';
import { mayAttach, takenBy } from './gateway-attachment.ts';
import { covers } from './hosts.ts';
import type { Attached } from './merge.ts';
import { didYouMean } from './nearest.ts';
import type { Planning } from './planning.ts';
import { httpPorts, routesAt, serviceRouting } from './service-routing.ts';
import { carriesHttp } from './shaping.ts';

export function checkMesh(planning: Planning): void {
  for (const service of planning.mesh.services.values()) checkService(planning, service);
  for (const [host, attached] of planning.mesh.serviceRoutes)
    for (const each of attached) checkParent(planning, host, each);
  for (const attached of planning.mesh.gatewayRoutes.values())
    for (const each of attached) checkAttachment(planning, each);
  for (const gateway of planning.mesh.gateways.values()) checkGateway(planning, gateway);
  checkDestinations(planning);
}

function checkService(planning: Planning, service: Service): void {
  for (const port of service.ports) {
    if (carriesHttp(port.protocol)) continue;
    const message = `port ${port.port} is ${port.protocol}: only HTTP is carried so far, the port is left out`;
    complain(planning, 'unsupported', service.origin, message, 'name the port http-… if it does speak HTTP');
  }
  const singledOut = [...planning.mesh.clientScope.namespaces].filter((each) => singlesOut(planning, service, each));
  const namespaces = ['', ...singledOut].filter((namespace) => reaches(service.clients, namespace));
  for (const port of httpPorts(service))
    for (const namespace of namespaces) serviceRouting(planning, service, port, namespace);
}

/** Whether clients of the namespace may get other routes or subsets for the service than everybody. */
function singlesOut({ mesh }: Planning, service: Service, namespace: string): boolean {
  if (isAmong(service.clients, namespace)) return true;
  const consumes = routesAt(mesh, service).some(({ attachment: { clients } }) => isAmong(clients, namespace));
  const policies = [...mesh.destinations.values()].flat().filter(({ host }) => covers(host, service.host));
  return consumes || policies.some((policy) => policy.namespace === namespace || isAmong(policy.clients, namespace));
}

const isAmong = (clients: Service['clients'], namespace: string): boolean =>
  clients.kind === 'namespaces' && clients.names.includes(namespace);

function checkParent(planning: Planning, host: string, { attachment }: Attached<'service'>): void {
  const { services } = planning.mesh;
  const service = services.get(host);
  if (service === undefined) {
    const matched = host.startsWith('*') && [...services.keys()].some((each) => covers(host, each));
    if (!matched)
      complain(
        planning,
        'dangling',
        attachment.origin,
        `service ${host} does not exist: the routes are not used`,
        didYouMean(host, services.keys()),
      );
    return;
  }
  if (attachment.port === null || service.ports.some(({ port }) => port === attachment.port)) return;
  const hint = `it has ${service.ports.map(({ port }) => port).join(', ') || 'none'}`;
  complain(
    planning,
    'dangling',
    attachment.origin,
    `service ${host} has no port ${attachment.port}: the routes are not used`,
    hint,
  );
}

function checkAttachment(planning: Planning, attached: Attached<'gateway'>): void {
  const { set, attachment } = attached;
  const key = `${attachment.gateway.namespace}/${attachment.gateway.name}`;
  const gateway = planning.mesh.gateways.get(key);
  if (gateway === undefined) {
    const hint = didYouMean(key, planning.mesh.gateways.keys());
    complain(
      planning,
      'dangling',
      attachment.origin,
      `gateway ${key} does not exist: the routes are not used there`,
      hint,
    );
    return;
  }
  const wanted = gateway.listeners.filter(
    ({ name, port }) => (attachment.section ?? name) === name && (attachment.port ?? port) === port,
  );
  if (wanted.some((listener) => takenBy(planning.mesh, gateway, listener, attached).length > 0)) return;
  const allowed = wanted.filter((listener) => mayAttach(planning.mesh, gateway, listener, set.origin.namespace));
  if (wanted.length === 0) {
    const hint = `it has ${gateway.listeners.map(({ name, port }) => `${name} (${port})`).join(', ') || 'none'}`;
    complain(
      planning,
      'dangling',
      attachment.origin,
      `${describeObject(gateway.origin)} has no such listener: the routes are not used there`,
      hint,
    );
  } else if (allowed.length === 0) {
    const message = `${describeObject(gateway.origin)} takes no routes from namespace ${set.origin.namespace}`;
    complain(planning, 'invalid', attachment.origin, message, "see the listener's allowedRoutes");
  } else {
    const hosts = allowed.map(({ hostname }) => hostname ?? '*').join(', ');
    complain(
      planning,
      'invalid',
      attachment.origin,
      `no host of the route is one of ${describeObject(gateway.origin)} (${hosts})`,
      '',
    );
  }
}

function checkGateway(planning: Planning, gateway: Gateway): void {
  for (const listener of gateway.listeners) {
    if (isHttp(listener)) continue;
    const message = `listener ${listener.name} is ${listener.protocol}: only http is served so far, the listener is left out`;
    complain(planning, 'unsupported', listener.origin, message, '');
  }
  const client = classOf(planning.mesh, gateway.namespace, {}, false);
  for (const port of new Set(gateway.listeners.filter(isHttp).map((listener) => listener.port))) {
    virtualHosts(planning, client, gateway, port);
  }
}

function checkDestinations(planning: Planning): void {
  const { services, destinations } = planning.mesh;
  for (const policies of destinations.values()) {
    for (const policy of policies) {
      if (policy.host.startsWith('*') || services.has(policy.host)) continue;
      complain(
        planning,
        'dangling',
        policy.origin,
        `service ${policy.host} does not exist: the policy is not used`,
        didYouMean(policy.host, services.keys()),
      );
    }
    for (const policy of policies) {
      const first = policies.find(
        ({ host, origin }) => host === policy.host && origin.dialect === policy.origin.dialect,
      );
      if (first === undefined || first === policy) continue;
      const message = `${describeObject(first.origin)} speaks about ${policy.host} too: its settings count, only new subsets of ${describeObject(policy.origin)} are added`;
      complain(
        planning,
        'conflict',
        policy.origin,
        message,
        'one object for one host; the oldest, then the first by name',
      );
    }
  }
}

function complain({ report }: Planning, code: ProblemCode, origin: Origin, message: string, hint: string): void {
  report({ severity: code === 'invalid' ? 'error' : 'warning', code, origin, message, hint });
}
