// Policies about workloads that have no proxy which could enforce them: they are reported, never passed over in silence.
import type { Origin } from '../model/origin.ts';
import type { Severity } from '../model/problem.ts';
import type { Instance } from '../model/service.ts';
import type { Planning } from './planning.ts';
import { isTarget, subjectOf } from './subject.ts';

export function checkEnforcement(planning: Planning, instances: readonly Instance[]): void {
  for (const instance of instances) {
    if (instance.dataPlane !== 'none' && instance.dataPlane !== 'proxyless') continue;
    for (const { container } of instance.ports) checkPort(planning, instance, container);
  }
}

function checkPort({ mesh, report }: Planning, instance: Instance, port: number): void {
  const subject = subjectOf(mesh, instance);
  const workload = `${instance.namespace}/${instance.workload || instance.name}`;
  const complain = (severity: Severity, origin: Origin): void => {
    const message = `is not enforced on ${workload}: it runs without a proxy`;
    report({ severity, code: 'unsupported', origin, message, hint: 'give it a proxy, or let nobody reach it' });
  };
  for (const { target, origin } of mesh.authorizations) if (isTarget(target, subject, port)) complain('error', origin);
  for (const { target, mode, origin } of mesh.transports) {
    const isStrict = mode.kind === 'set' && mode.value === 'strict';
    if (isStrict && isTarget(target, subject, port)) complain('warning', origin);
  }
}
