// An edge in detail: both ends, the names it was called by, its figures and its last minutes.
import type { ReactNode } from 'react';
import type { GraphEdge } from '../../../src/api/types.ts';
import type { Selection } from '../selection.ts';
import { GoldenFigures } from './golden-figures.tsx';
import { HistoryCharts } from './history-charts.tsx';

export function EdgeDetails({ edge, select }: { edge: GraphEdge; select: (selection: Selection) => void }): ReactNode {
  const { from, to, services, golden } = edge;
  return (
    <>
      <h2>
        <button type="button" className="link" onClick={() => select({ kind: 'node', id: from })}>
          {from}
        </button>{' '}
        →{' '}
        <button type="button" className="link" onClick={() => select({ kind: 'node', id: to })}>
          {to}
        </button>
      </h2>
      <p className="hint">calls {services.join(', ') || 'an unknown service'}</p>
      <GoldenFigures golden={golden} />
      <HistoryCharts query={new URLSearchParams({ from, to }).toString()} />
    </>
  );
}
