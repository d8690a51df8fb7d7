// The frame: navigation, the view that the URL asks for, and the panel about what is selected.
import { type ReactNode, useState } from 'react';
import { GraphView } from '../graph/graph-view.tsx';
import { Panel } from '../panel/panel.tsx';
import type { Selection } from '../selection.ts';
import { useHash } from '../use-hash.ts';
import { type Mesh, useMesh } from '../use-mesh.ts';
import { ConfigurationView } from '../views/configuration-view.tsx';
import { ExplainView } from '../views/explain-view.tsx';
import { ProxiesView } from '../views/proxies-view.tsx';
import { WorkloadsView } from '../views/workloads-view.tsx';
import { TopBar } from './top-bar.tsx';

export function App(): ReactNode {
  const mesh = useMesh();
  const { segments } = useHash();
  const [selection, select] = useState<Selection | null>(null);
  const [view = 'graph', ...rest] = segments;
  const withPanel = view === 'graph' || view === 'workloads';
  return (
    <div className="shell">
      <TopBar view={view} mesh={mesh} />
      <main className="main">
        <div className="stage">{viewOf(view, rest, mesh, selection, select)}</div>
        {withPanel && selection !== null && <Panel selection={selection} graph={mesh.graph} select={select} />}
      </main>
    </div>
  );
}

function viewOf(
  view: string,
  rest: readonly string[],
  mesh: Mesh,
  selection: Selection | null,
  select: (selection: Selection | null) => void,
): ReactNode {
  switch (view) {
    case 'workloads':
      return <WorkloadsView nodes={mesh.graph.nodes} selection={selection} select={select} />;
    case 'configuration':
      return <ConfigurationView objects={mesh.objects} problems={mesh.problems} shown={rest} />;
    case 'proxies':
      return <ProxiesView proxies={mesh.proxies} />;
    case 'explain':
      return <ExplainView nodes={mesh.graph.nodes} />;
    default:
      return <GraphView graph={mesh.graph} live={mesh.live} selection={selection} select={select} />;
  }
}
