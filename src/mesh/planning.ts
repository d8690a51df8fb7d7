// What the stages of one `planMesh` share: the merged mesh, a place for problems, and what was already made.
import type { Problem } from '../model/problem.ts';
import type { Mesh } from './merge.ts';
import type { ClusterPlan, RouteTablePlan, VirtualHostPlan } from './plan.ts';
import type { ResolvedRoute } from './resolved.ts';

export type Planning = {
  readonly mesh: Mesh;
  /** The same problem may be reported any number of times. */
  readonly report: (problem: Problem) => void;
  readonly made: {
    readonly clusters: Memo<ClusterPlan>;
    readonly routings: Memo<readonly ResolvedRoute[]>;
    readonly virtualHosts: Memo<VirtualHostPlan>;
    readonly routeTables: Memo<RouteTablePlan>;
    /** Of every service, by client class. */
    readonly everyCluster: Memo<readonly ClusterPlan[]>;
  };
};

/** Makes a value once per key, so that equal parts of plans are the same object. */
export type Memo<V> = (key: string, make: () => V) => V;

export const planning = (mesh: Mesh, report: (problem: Problem) => void): Planning => ({
  mesh,
  report,
  made: { clusters: memo(), routings: memo(), virtualHosts: memo(), routeTables: memo(), everyCluster: memo() },
});

function memo<V>(): Memo<V> {
  const made = new Map<string, V>();
  return (key, make) => {
    let value = made.get(key);
    if (value === undefined) {
      value = make();
      made.set(key, value);
    }
    return value;
  };
}
