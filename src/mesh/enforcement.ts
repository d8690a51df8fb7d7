// Policies that restrict nothing, because what they are about is not there or has no proxy: reported, never passed over in silence.
import type { Origin } from '../model/origin.ts';
import type { AuthorizationPolicy } from '../model/policy.ts';
import type { Severity } from '../model/problem.ts';
import type { Instance } from '../model/service.ts';
import { didYouMean } from './nearest.ts';
import type { Planning } from './planning.ts';
import { isTarget, subjectOf } from './subject.ts';

export function checkEnforcement(planning: Planning, instances: readonly Instance[]): void {
  for (const policy of planning.mesh.authorizations) checkTarget(planning, policy);
  for (const instance of instances) {
    if (instance.dataPlane !== 'none' && instance.dataPlane !== 'proxyless') continue;
    for (const { container } of instance.ports) checkPort(planning, instance, container);
  }
}

/** A policy on what is not there restricts nothing. */
function checkTarget({ mesh, report }: Planning, { target, origin }: AuthorizationPolicy): void {
  const { workloads, namespace } = target;
  if (workloads.kind !== 'gateway' && workloads.kind !== 'service') return;
  const known = [...(workloads.kind === 'gateway' ? mesh.gateways : mesh.services).values()];
  if (known.some((each) => each.namespace === namespace && each.name === workloads.name)) return;
  const own = known.filter((each) => each.namespace === namespace).map(({ name }) => name);
  const message = `${workloads.kind} ${namespace}/${workloads.name} does not exist: the policy restricts nothing`;
  report({ severity: 'error', code: 'dangling', origin, message, hint: didYouMean(workloads.name, own) });
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
