// From everything that was read and everything that runs to one plan per proxy.
import type { Fragment } from '../model/fragment.ts';
import { objectKey } from '../model/origin.ts';
import type { Problem } from '../model/problem.ts';
import type { GatewayInstance, Instance } from '../model/service.ts';
import { checkMesh } from './checks.ts';
import { checkEnforcement } from './enforcement.ts';
import { planGateway } from './gateway.ts';
import { instanceKey, mergeMesh } from './merge.ts';
import { compareOrigins, compareText } from './order.ts';
import type { ProxyPlan } from './plan.ts';
import { planning } from './planning.ts';
import { shareUnchanged } from './share.ts';
import { planProxyless, planSidecar } from './sidecar.ts';

export type MeshInput = {
  readonly fragment: Fragment;
  readonly instances: readonly Instance[];
  readonly gateways: readonly GatewayInstance[];
  readonly trustDomain: string;
  /** The plans of the last call: what did not change is the same object again. */
  readonly previous?: readonly ProxyPlan[];
};

export type MeshPlan = { readonly plans: readonly ProxyPlan[]; readonly problems: readonly Problem[] };

/** Plans are sorted by proxy id. Instances without a data plane get none. */
export function planMesh({ fragment, instances, gateways, trustDomain, previous = [] }: MeshInput): MeshPlan {
  const problems = new Map<string, Problem>();
  const report = (problem: Problem) => problems.set(problemKey(problem), problem);
  const shared = planning(mergeMesh(fragment, instances, trustDomain, report), report);
  checkMesh(shared);
  checkEnforcement(shared, instances);
  const plans = [
    ...instances
      .toSorted((a, b) => compareText(instanceKey(a), instanceKey(b)))
      .flatMap((instance) => {
        if (instance.dataPlane === 'none') return [];
        return [instance.dataPlane === 'proxyless' ? planProxyless(shared, instance) : planSidecar(shared, instance)];
      }),
    ...gateways.map((gateway) => planGateway(shared, gateway)),
  ];
  plans.sort((a, b) => compareText(a.proxy.id, b.proxy.id));
  return { plans: shareUnchanged(previous, plans), problems: [...problems.values()].sort(compareProblems) };
}

const problemKey = ({ origin, message }: Problem): string =>
  JSON.stringify([objectKey(origin), origin.dialect, origin.path, origin.place, message]);

const compareProblems = (a: Problem, b: Problem): number =>
  compareOrigins(a.origin, b.origin) || compareText(a.message, b.message);
