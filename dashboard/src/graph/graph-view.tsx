// The live service graph: who calls whom, how often, how well, and whether encrypted.
import { Background, Controls, ReactFlow } from '@xyflow/react';
import { type ReactNode, useMemo } from 'react';
import type { GraphEdge, GraphNode, GraphResponse } from '../../../src/api/types.ts';
import type { Selection } from '../selection.ts';
import { BoxNode, type BoxNodeType } from './box-node.tsx';
import { CallEdge, type CallEdgeType } from './call-edge.tsx';
import { FIT, FitView } from './fit-view.tsx';
import { type Layout, NODE_SIZE } from './layout.ts';
import { Legend } from './legend.tsx';
import { useLayout } from './use-layout.ts';
import { WorkloadNode, type WorkloadNodeType } from './workload-node.tsx';

type Props = {
  graph: GraphResponse;
  live: boolean;
  selection: Selection | null;
  select: (selection: Selection | null) => void;
};

const nodeTypes = { workload: WorkloadNode, box: BoxNode };
const edgeTypes = { call: CallEdge };

export function GraphView({ graph, live, selection, select }: Props): ReactNode {
  const layout = useLayout(graph);
  const nodes = useMemo(
    () => (layout === null ? [] : [...boxNodes(layout), ...workloadNodes(graph.nodes, layout, selection, select)]),
    [graph.nodes, layout, selection, select],
  );
  const edges = useMemo(
    () => (layout === null ? [] : callEdges(graph.edges, layout, selection, select)),
    [graph.edges, layout, selection, select],
  );
  if (graph.nodes.length === 0) {
    return <p className="empty">{live ? 'No workload has a proxy yet.' : 'Waiting for the control plane …'}</p>;
  }
  return (
    <section className="graph" aria-label="Service graph">
      {layout !== null && (
        <ReactFlow
          nodes={nodes}
          edges={edges}
          nodeTypes={nodeTypes}
          edgeTypes={edgeTypes}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          onPaneClick={() => select(null)}
          minZoom={0.2}
          maxZoom={1.6}
          fitView
          fitViewOptions={FIT}
          proOptions={{ hideAttribution: true }}
        >
          <FitView layout={layout} />
          <Background gap={24} />
          <Controls showInteractive={false} />
        </ReactFlow>
      )}
      <Legend window={graph.window} />
    </section>
  );
}

function boxNodes(layout: Layout): BoxNodeType[] {
  return layout.boxes.map(({ id, kind, title, x, y, width, height }) => ({
    id,
    type: 'box',
    position: { x, y },
    ...{ width, height },
    zIndex: kind === 'namespace' ? -2 : -1,
    data: { kind, title },
  }));
}

function workloadNodes(
  nodes: readonly GraphNode[],
  layout: Layout,
  selection: Selection | null,
  select: Props['select'],
): WorkloadNodeType[] {
  return nodes.flatMap((node): WorkloadNodeType[] => {
    const position = layout.nodes.get(node.id);
    if (position === undefined) return [];
    const selected = selection?.kind === 'node' && selection.id === node.id;
    const open = (): void => select({ kind: 'node', id: node.id });
    return [{ id: node.id, type: 'workload', position, ...NODE_SIZE, data: { node, selected, open } }];
  });
}

function callEdges(
  edges: readonly GraphEdge[],
  layout: Layout,
  selection: Selection | null,
  select: Props['select'],
): CallEdgeType[] {
  return edges.flatMap((edge): CallEdgeType[] => {
    const way = layout.edges.get(edge.id);
    if (way === undefined) return [];
    const selected = selection?.kind === 'edge' && selection.id === edge.id;
    const open = (): void => select({ kind: 'edge', id: edge.id });
    const data = { edge, way, selected, open };
    return [{ id: edge.id, type: 'call', source: edge.from, target: edge.to, data }];
  });
}
