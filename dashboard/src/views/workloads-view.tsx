// Every workload with its golden metrics.
import type { ReactNode } from 'react';
import type { GraphNode } from '../../../src/api/types.ts';
import { healthOf, millis, percent, rate } from '../format.ts';
import { Lock } from '../lock.tsx';
import type { Selection } from '../selection.ts';
import { type Column, SortableTable } from './sortable-table.tsx';

type Props = {
  nodes: readonly GraphNode[];
  selection: Selection | null;
  select: (selection: Selection) => void;
};

export function WorkloadsView({ nodes, selection, select }: Props): ReactNode {
  const workloads = nodes.filter(({ kind }) => kind === 'workload' || kind === 'gateway');
  if (workloads.length === 0) return <p className="empty">No workload has a proxy yet.</p>;
  return (
    <section className="page" aria-label="Workloads">
      <h1>Workloads</h1>
      <SortableTable
        caption="Golden metrics per workload"
        columns={columnsFor(select)}
        rows={workloads}
        rowKey={({ id }) => id}
        health={({ inbound }) => healthOf(inbound)}
        selected={({ id }) => selection?.id === id}
      />
    </section>
  );
}

function columnsFor(select: Props['select']): Column<GraphNode>[] {
  const figure = (
    title: string,
    value: (node: GraphNode) => number | null,
    text: (value: number | null) => string,
  ): Column<GraphNode> => ({ title, numeric: true, value, cell: (node) => text(value(node)) });
  return [
    {
      title: 'Workload',
      value: ({ id }) => id,
      cell: ({ id, name }) => (
        <button type="button" className="link" onClick={() => select({ kind: 'node', id })}>
          {name}
        </button>
      ),
    },
    { title: 'Namespace', value: ({ namespace }) => namespace, cell: ({ namespace }) => namespace },
    {
      title: 'Version',
      value: ({ version }) => version,
      cell: ({ version }) => version && <span className="chip">{version}</span>,
    },
    figure('Success', ({ inbound }) => inbound.success, percent),
    figure(
      'Requests',
      ({ inbound }) => inbound.rate,
      (value) => rate(value ?? 0),
    ),
    figure(
      'Denied',
      ({ inbound }) => inbound.denied,
      (value) => (value ? rate(value) : '–'),
    ),
    figure('p50', ({ inbound }) => inbound.p50, millis),
    figure('p95', ({ inbound }) => inbound.p95, millis),
    figure('p99', ({ inbound }) => inbound.p99, millis),
    {
      title: 'mTLS',
      numeric: true,
      value: ({ inbound }) => inbound.encrypted,
      cell: ({ inbound }) => (
        <>
          <Lock encrypted={inbound.encrypted} /> {percent(inbound.encrypted)}
        </>
      ),
    },
  ];
}
