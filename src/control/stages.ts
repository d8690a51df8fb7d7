// The stages of the loop, in the order they run. They are a parameter of the loop so that its tests can break one.
import { encodePlan } from '../encode/plan.ts';
import type { ProxyPlan } from '../mesh/plan.ts';
import { type MeshInput, type MeshPlan, planMesh } from '../mesh/plan-mesh.ts';
import type { Fragment } from '../model/fragment.ts';
import type { MeshObject } from '../model/object.ts';
import type { Problem } from '../model/problem.ts';
import { readAll } from '../read/registry.ts';
import type { Snapshot } from '../xds/resource.ts';

export type Stages = {
  read(objects: readonly MeshObject[]): { readonly fragment: Fragment; readonly problems: readonly Problem[] };
  plan(input: MeshInput): MeshPlan;
  encode(plan: ProxyPlan): Snapshot;
};

export const stages: Stages = { read: readAll, plan: planMesh, encode: encodePlan };
