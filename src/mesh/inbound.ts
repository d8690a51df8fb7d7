// The inbound half of a sidecar's plan: what it takes for its application, from whom, over which transport.
import { builtIn } from '../model/origin.ts';
import type { Instance, InstancePort, Service, ServicePort } from '../model/service.ts';
import { authorizationOf } from './authorization.ts';
import { serviceLabels } from './clusters.ts';
import { targetPort } from './endpoints.ts';
import { applicationName } from './names.ts';
import type { ClusterPlan, ListenerPlan } from './plan.ts';
import type { Planning } from './planning.ts';
import { shapedBy } from './shaping.ts';
import { subjectOf } from './subject.ts';
import { transportOf } from './transport.ts';

type Serving = { readonly service: Service; readonly port: ServicePort };

export function planInbound(
  planning: Planning,
  instance: Instance,
  port: InstancePort,
): { readonly listener: ListenerPlan; readonly cluster: ClusterPlan } {
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
function servingPort({ mesh }: Planning, instance: Instance, port: InstancePort): Serving | null {
  for (const service of mesh.services.values()) {
    if (service.namespace !== instance.namespace || service.selector === null) continue;
    const selected = Object.entries(service.selector).every(([key, value]) => instance.labels[key] === value);
    const found = selected ? service.ports.find((each) => targetPort(mesh, instance, each) === port) : undefined;
    if (found !== undefined && Object.keys(service.selector).length > 0) return { service, port: found };
  }
  return null;
}
