// The side panel about the selected node or edge; Escape closes it.
import { type ReactNode, useEffect } from 'react';
import type { GraphResponse } from '../../../src/api/types.ts';
import type { Selection } from '../selection.ts';
import { EdgeDetails } from './edge-details.tsx';
import { NodeDetails } from './node-details.tsx';

type Props = { selection: Selection; graph: GraphResponse; select: (selection: Selection | null) => void };

export function Panel({ selection, graph, select }: Props): ReactNode {
  useEffect(() => {
    const close = ({ key }: KeyboardEvent): void => {
      if (key === 'Escape') select(null);
    };
    addEventListener('keydown', close);
    return () => removeEventListener('keydown', close);
  }, [select]);
  return (
    <aside className="panel" aria-label="Details">
      <button type="button" className="close" aria-label="Close details" onClick={() => select(null)}>
        ×
      </button>
      <Details key={`${selection.kind} ${selection.id}`} selection={selection} graph={graph} select={select} />
    </aside>
  );
}

function Details({ selection, graph, select }: Props): ReactNode {
  if (selection.kind === 'node') {
    const node = graph.nodes.find(({ id }) => id === selection.id);
    if (node !== undefined) return <NodeDetails node={node} select={select} />;
  } else {
    const edge = graph.edges.find(({ id }) => id === selection.id);
    if (edge !== undefined) return <EdgeDetails edge={edge} select={select} />;
  }
  return <p className="hint">It is no longer there.</p>;
}
