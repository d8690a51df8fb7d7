// Whom a policy is about: one workload's instance (or gateway), and one of its ports.
import type { Gateway } from '../model/gateway.ts';
import { type PolicyTarget, selects } from '../model/policy.ts';
import type { GatewayInstance, Instance, Labels } from '../model/service.ts';
import type { Mesh } from './merge.ts';

export type Subject = {
  readonly namespace: string;
  readonly labels: Labels;
  readonly serviceAccount: string;
  /** Container port names. */
  readonly portNames: ReadonlyMap<string, number>;
  /** What it is the proxy of; null for a workload. */
  readonly gateway: { readonly name: string; readonly className: string } | null;
  /** The services that select it, with the container ports they lead to: found when a policy asks. */
  readonly services: () => readonly { readonly name: string; readonly ports: readonly number[] }[];
};

export function subjectOf(mesh: Mesh, instance: Instance): Subject {
  const workload = mesh.workloads.get(`${instance.namespace}/${instance.workload}`);
  const portNames = new Map(workload?.ports.map(({ name, port }) => [name, port]));
  return {
    namespace: instance.namespace,
    labels: instance.labels,
    serviceAccount: instance.serviceAccount,
    portNames,
    gateway: null,
    services: () => servicesOf(mesh, instance, portNames),
  };
}

export const gatewaySubject = (
  { name, namespace, className, labels }: Gateway,
  { serviceAccount }: GatewayInstance,
): Subject => ({
  namespace,
  labels,
  serviceAccount,
  portNames: new Map(),
  gateway: { name, className },
  services: () => [],
});

function servicesOf(mesh: Mesh, instance: Instance, portNames: ReadonlyMap<string, number>) {
  return [...mesh.services.values()]
    .filter(({ namespace, selector }) => namespace === instance.namespace && selector !== null)
    .filter(({ selector }) => selects({ labels: selector ?? {}, expressions: [] }, instance.labels))
    .map(({ name, ports }) => ({
      name,
      ports: ports.flatMap(({ target }) => (typeof target === 'number' ? target : (portNames.get(target) ?? []))),
    }));
}

export function isTarget(target: PolicyTarget, subject: Subject, port: number): boolean {
  if (target.namespace !== null && target.namespace !== subject.namespace) return false;
  return selectsWorkload(target.workloads, subject, port) && selectsPort(target.port, subject, port);
}

function selectsWorkload(workloads: PolicyTarget['workloads'], subject: Subject, port: number): boolean {
  switch (workloads.kind) {
    case 'all':
      return true;
    case 'labels':
      return selects(workloads, subject.labels);
    case 'service-account':
      return workloads.name === subject.serviceAccount;
    case 'gateway':
      return workloads.name === subject.gateway?.name;
    case 'gateway-class':
      return workloads.name === subject.gateway?.className;
    case 'service':
      return subject.services().some(({ name, ports }) => name === workloads.name && ports.includes(port));
  }
}

function selectsPort(target: PolicyTarget['port'], subject: Subject, port: number): boolean {
  switch (target.kind) {
    case 'any':
      return true;
    case 'number':
      return target.port === port;
    case 'name':
      return subject.portNames.get(target.name) === port;
  }
}
