// Where everything goes: what the worker is asked, and what it answers. Coordinates in pixels, top left.
import type { GraphNode } from '../../../src/api/types.ts';

export const NODE_SIZE = { width: 200, height: 64 } as const;
export const LABEL_SIZE = { width: 118, height: 36 } as const;

export type LayoutRequest = {
  readonly nodes: readonly (Pick<GraphNode, 'id' | 'namespace' | 'app'> & { readonly boxed: boolean })[];
  readonly edges: readonly { readonly id: string; readonly from: string; readonly to: string }[];
};

export type Point = { readonly x: number; readonly y: number };
type Rectangle = Point & { readonly width: number; readonly height: number };

export type Layout = {
  readonly nodes: ReadonlyMap<string, Point>;
  /** Way of the edge, and the middle of its label. */
  readonly edges: ReadonlyMap<string, { readonly points: readonly Point[]; readonly label: Point }>;
  readonly boxes: readonly (Rectangle & {
    readonly id: string;
    readonly kind: 'namespace' | 'app';
    readonly title: string;
  })[];
};

/** Changes only when nodes or edges come or go. */
export const layoutKey = ({ nodes, edges }: LayoutRequest): string =>
  [...nodes.map(({ id }) => id), '', ...edges.map(({ id }) => id)].join('\n');

/** Workloads of one app share a box when there are several; namespaces get one when there are several. */
export function boxesOf(nodes: LayoutRequest['nodes']): Map<string, BoxPlan> {
  const boxes = new Map<string, BoxPlan>();
  const inMesh = nodes.filter(({ boxed }) => boxed);
  const namespaces = Map.groupBy(inMesh, ({ namespace }) => namespace);
  for (const [namespace, members] of namespaces) {
    const parent = `namespace:${namespace}`;
    if (namespaces.size > 1) boxes.set(parent, { kind: 'namespace', title: namespace, parent: null, nodes: members });
    for (const [app, versions] of Map.groupBy(members, (node) => node.app)) {
      if (versions.length < 2) continue;
      const inside = namespaces.size > 1 ? parent : null;
      boxes.set(`app:${namespace}/${app}`, { kind: 'app', title: app, parent: inside, nodes: versions });
    }
  }
  return boxes;
}

export type BoxPlan = {
  readonly kind: 'namespace' | 'app';
  readonly title: string;
  readonly parent: string | null;
  readonly nodes: readonly { readonly id: string }[];
};
