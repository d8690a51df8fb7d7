// Whom a policy is about: one workload's instance (or gateway), and one of its ports.
import type { PolicyTarget } from '../model/policy.ts';
import type { Instance, Labels } from '../model/service.ts';
import type { Mesh } from './merge.ts';

export type Subject = {
  readonly namespace: string;
  readonly labels: Labels;
  readonly serviceAccount: string;
  /** Container port names. */
  readonly portNames: ReadonlyMap<string, number>;
};

export function subjectOf(mesh: Mesh, instance: Instance): Subject {
  const workload = mesh.workloads.get(`${instance.namespace}/${instance.workload}`);
  return {
    namespace: instance.namespace,
    labels: instance.labels,
    serviceAccount: instance.serviceAccount,
    portNames: new Map(workload?.ports.map(({ name, port }) => [name, port])),
  };
}

export function isTarget(target: PolicyTarget, subject: Subject, port: number): boolean {
  if (target.namespace !== null && target.namespace !== subject.namespace) return false;
  return selectsWorkload(target.workloads, subject) && selectsPort(target.port, subject, port);
}

function selectsWorkload(workloads: PolicyTarget['workloads'], subject: Subject): boolean {
  switch (workloads.kind) {
    case 'all':
      return true;
    case 'labels':
      return Object.entries(workloads.labels).every(([key, value]) => subject.labels[key] === value);
    case 'service-account':
      return workloads.name === subject.serviceAccount;
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
