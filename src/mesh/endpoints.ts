// The running instances behind a service port, as one class of clients reaches them.
import type { Origin } from '../model/origin.ts';
import type { Instance, InstancePort, Labels, Service, ServicePort, Workload } from '../model/service.ts';
import { parseSpiffeId, type SpiffeId } from '../model/units.ts';
import { type Mesh, selectByLabels } from './merge.ts';
import { compareText, distinct } from './order.ts';
import type { EndpointPlan, WorkloadLabels } from './plan.ts';
import { subjectOf } from './subject.ts';
import { transportOf } from './transport.ts';

export type Endpoints = {
  readonly endpoints: readonly EndpointPlan[];
  readonly identities: readonly SpiffeId[];
  readonly shapedBy: readonly Origin[];
};

/**
 * Identities are those of everything the service may ever select, ready or not: an endpoint that appears reaches clients
 * before a changed cluster does, and must not be refused (nor anyone else accepted) meanwhile.
 */
export function endpointsOf(
  mesh: Mesh,
  service: Service,
  port: ServicePort,
  subset: Labels,
  proxyless: boolean,
): Endpoints {
  const selector = service.selector === null ? null : { ...service.selector, ...subset };
  if (selector === null || !agrees(service.selector ?? {}, subset))
    return { endpoints: [], identities: [], shapedBy: [] };
  const instances = selectByLabels(mesh.instancesByLabel, service.namespace, selector);
  const workloads = selectByLabels(mesh.workloadsByLabel, service.namespace, selector);
  const behind = instances.flatMap((instance) => {
    const target = targetPort(mesh, instance, port);
    return instance.ready && target !== null ? [endpoint(mesh, instance, target, proxyless)] : [];
  });
  const accounts = workloads.flatMap((workload) => identityOf(mesh, workload) ?? []);
  return {
    endpoints: behind.map(({ plan }) => plan).sort(byAddress),
    identities: distinct([...accounts, ...instances.map(({ identity }) => identity)]),
    shapedBy: [...workloads.map(({ origin }) => origin), ...behind.map(({ transport }) => transport)],
  };
}

export function workloadLabels(namespace: string, workload: string, labels: Labels): WorkloadLabels {
  const app = labels['app'] ?? labels['app.kubernetes.io/name'] ?? '';
  return { workload, namespace, app, version: labels['version'] ?? labels['app.kubernetes.io/version'] ?? '' };
}

/** The container port that a service port leads to on this instance. */
export function targetPort(mesh: Mesh, instance: Instance, port: ServicePort): InstancePort | null {
  const number = typeof port.target === 'number' ? port.target : subjectOf(mesh, instance).portNames.get(port.target);
  return instance.ports.find(({ container }) => container === number) ?? null;
}

function endpoint(mesh: Mesh, instance: Instance, port: InstancePort, proxyless: boolean) {
  const transport = transportOf(mesh, subjectOf(mesh, instance), port.container);
  const hasProxy = instance.dataPlane === 'tulle' || instance.dataPlane === 'envoy';
  const plan: EndpointPlan = {
    address: port.reach,
    mutualTls: hasProxy && !proxyless && transport.mode !== 'disable',
    workload: workloadLabels(instance.namespace, instance.workload, instance.labels),
    labels: instance.labels,
  };
  return { plan, transport: transport.origin };
}

const identityOf = (mesh: Mesh, { namespace, serviceAccount }: Workload): SpiffeId | null =>
  parseSpiffeId(`spiffe://${mesh.trustDomain}/ns/${namespace}/sa/${serviceAccount}`);

/** A subset that asks another value of a label than the service does selects nothing. */
const agrees = (selector: Labels, subset: Labels): boolean =>
  Object.entries(subset).every(([key, value]) => (selector[key] ?? value) === value);

const byAddress = (a: EndpointPlan, b: EndpointPlan): number =>
  compareText(a.address.host, b.address.host) || a.address.port - b.address.port;
