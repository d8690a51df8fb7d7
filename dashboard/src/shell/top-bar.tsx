// Name, navigation, how many problems there are, whether the figures are live, light or dark.
import type { ReactNode } from 'react';
import { hrefOf } from '../use-hash.ts';
import type { Mesh } from '../use-mesh.ts';
import { ThemeButton } from './theme-button.tsx';

const VIEWS = ['graph', 'workloads', 'configuration', 'proxies', 'explain'] as const;

export function TopBar({ view, mesh }: { view: string; mesh: Mesh }): ReactNode {
  return (
    <header className="top-bar">
      <a className="brand" href={hrefOf('graph')}>
        <img src="/favicon.svg" alt="" width="22" height="22" /> Tulle
      </a>
      <nav aria-label="Views">
        {VIEWS.map((name) => (
          <a key={name} href={hrefOf(name)} aria-current={name === view ? 'page' : undefined}>
            {name}
            {name === 'configuration' && <ProblemBadge mesh={mesh} />}
          </a>
        ))}
      </nav>
      <span className="live" role="status" data-live={mesh.live}>
        {mesh.live ? 'live' : 'connecting …'}
      </span>
      <ThemeButton />
    </header>
  );
}

function ProblemBadge({ mesh: { problems } }: { mesh: Mesh }): ReactNode {
  const grave = problems.filter(({ severity }) => severity !== 'info');
  if (grave.length === 0) return null;
  const worst = grave.some(({ severity }) => severity === 'error') ? 'error' : 'warning';
  return (
    <span className="badge" data-severity={worst} title={`${grave.length} problems`}>
      {grave.length}
    </span>
  );
}
