// Lays the graph out beside the page's own thread: seconds for hundreds of nodes.
import { Graph, layout } from '@dagrejs/dagre';
import { boxesOf, LABEL_SIZE, type Layout, type LayoutRequest, NODE_SIZE, type Point } from './layout.ts';

addEventListener('message', ({ data }: MessageEvent<LayoutRequest>) => postMessage(layOut(data)));

function layOut({ nodes, edges }: LayoutRequest): Layout {
  const graph = new Graph({ compound: true, multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 28, ranksep: 46, edgesep: 14, marginx: 24, marginy: 24 });
  for (const { id } of nodes) graph.setNode(id, { ...NODE_SIZE });
  const boxes = boxesOf(nodes);
  for (const [id, { parent, kind, nodes: members }] of boxes) {
    graph.setNode(id, {});
    if (parent !== null) graph.setParent(id, parent);
    // Inner boxes come after their outer one and take their members over.
    for (const member of members) if (kind === 'app' || parent === null) graph.setParent(member.id, id);
  }
  for (const { id, from, to } of edges) {
    graph.setEdge(from, to, { ...LABEL_SIZE, labelpos: 'c' }, id);
  }
  layout(graph);
  return {
    nodes: new Map(nodes.map(({ id }) => [id, corner(graph.node(id), NODE_SIZE)])),
    edges: new Map(edges.map(({ id, from, to }) => [id, wayOf(graph.edge(from, to, id))])),
    boxes: [...boxes].map(([id, { kind, title }]) => {
      const { width = 0, height = 0, ...middle } = graph.node(id);
      return { id, kind, title, width, height, ...corner(middle, { width, height }) };
    }),
  };
}

function corner(middle: { x?: number; y?: number }, size: { width: number; height: number }): Point {
  return { x: (middle.x ?? 0) - size.width / 2, y: (middle.y ?? 0) - size.height / 2 };
}

function wayOf(edge: { points?: Point[]; x?: number; y?: number }): { points: Point[]; label: Point } {
  return { points: edge.points ?? [], label: { x: edge.x ?? 0, y: edge.y ?? 0 } };
}
