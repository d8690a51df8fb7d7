// A workload in detail: identity, figures, its last minutes, who it talks to, and the objects that touch it.
import type { ReactNode } from 'react';
import type { GraphEdge, GraphNode, WorkloadResponse } from '../../../src/api/types.ts';
import { percent, rate } from '../format.ts';
import { Lock } from '../lock.tsx';
import type { Selection } from '../selection.ts';
import { useAnswer } from '../use-answer.ts';
import { objectHref } from '../use-hash.ts';
import { GoldenFigures } from './golden-figures.tsx';
import { HistoryCharts } from './history-charts.tsx';

type Props = { node: GraphNode; select: (selection: Selection) => void };

export function NodeDetails({ node, select }: Props): ReactNode {
  const known = node.kind === 'workload' || node.kind === 'gateway';
  const path = known ? `workloads/${encodeURIComponent(node.namespace)}/${encodeURIComponent(node.name)}` : null;
  const { value } = useAnswer<WorkloadResponse>(path, 2_000);
  return (
    <>
      <h2>
        {node.name} {node.version !== '' && <span className="chip">{node.version}</span>}
      </h2>
      <p className="hint">
        {node.namespace !== '' && `namespace ${node.namespace}`}
        {node.proxies > 0 && `, ${node.proxies} ${node.proxies === 1 ? 'proxy' : 'proxies'}`}
      </p>
      {node.identity !== '' && <code className="identity">{node.identity}</code>}
      <GoldenFigures golden={node.inbound} />
      {known && <HistoryCharts query={new URLSearchParams({ workload: node.id }).toString()} />}
      {value !== null && (
        <>
          <Calls title="Called by" edges={value.inbound} end={({ from }) => from} select={select} />
          <Calls title="Calls" edges={value.outbound} end={({ to }) => to} select={select} />
          <Objects objects={value.objects} />
        </>
      )}
    </>
  );
}

type CallsProps = {
  title: string;
  edges: readonly GraphEdge[];
  end: (edge: GraphEdge) => string;
  select: Props['select'];
};

function Calls({ title, edges, end, select }: CallsProps): ReactNode {
  if (edges.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul className="calls">
        {edges.map((edge) => (
          <li key={edge.id}>
            <button type="button" className="link" onClick={() => select({ kind: 'edge', id: edge.id })}>
              {end(edge)}
            </button>
            <Lock encrypted={edge.golden.encrypted} />
            <span>{rate(edge.golden.rate)}</span>
            <span>{percent(edge.golden.success)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Objects({ objects }: { objects: WorkloadResponse['objects'] }): ReactNode {
  if (objects.length === 0) return null;
  return (
    <>
      <h3>Configured by</h3>
      <ul className="objects">
        {objects.map((object) => (
          <li key={objectHref(object)}>
            <a href={objectHref(object)}>
              {object.kind} {object.namespace}/{object.name}
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}
