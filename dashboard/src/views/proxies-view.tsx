// Every proxy: who it is, and whether it runs what it should.
import type { ReactNode } from 'react';
import type { ProxyStatus, SyncStatus } from '../../../src/api/types.ts';
import { type Column, SortableTable } from './sortable-table.tsx';

export function ProxiesView({ proxies }: { proxies: readonly ProxyStatus[] }): ReactNode {
  if (proxies.length === 0) return <p className="empty">No proxy runs.</p>;
  return (
    <section className="page" aria-label="Proxies">
      <h1>Proxies</h1>
      <SortableTable
        caption="Proxies and their configuration"
        columns={columns}
        rows={proxies}
        rowKey={({ nodeId }) => nodeId}
        health={(proxy) => (stateOf(proxy) === 'synced' ? 'good' : 'failing')}
      />
    </section>
  );
}

function stateOf({ connected, sync }: ProxyStatus): string {
  if (!connected) return 'not connected';
  return (['rejected', 'pending'] as const).find((state) => sync.some((type) => type.state === state)) ?? 'synced';
}

const columns: readonly Column<ProxyStatus>[] = [
  {
    title: 'Proxy',
    value: ({ namespace, name }) => `${name}/${namespace}`,
    cell: ({ namespace, name }) => (
      <>
        <b>{name}</b> <span className="hint">{namespace}</span>
      </>
    ),
  },
  { title: 'Data plane', value: ({ dataPlane }) => dataPlane, cell: ({ dataPlane }) => dataPlane },
  { title: 'State', value: stateOf, cell: (proxy) => <State proxy={proxy} /> },
  { title: 'Resources', value: resourcesOf, cell: ({ sync }) => <Types sync={sync} /> },
  {
    title: 'Identity',
    value: ({ identity }) => identity,
    cell: ({ identity }) => <code>{identity}</code>,
  },
  {
    title: 'Certificate until',
    value: ({ certificateExpires }) => certificateExpires,
    cell: ({ certificateExpires }) => (certificateExpires === null ? '–' : formatTime(certificateExpires)),
  },
  { title: 'Admin', value: ({ admin }) => admin, cell: ({ admin }) => <code>{admin}</code> },
];

function State({ proxy }: { proxy: ProxyStatus }): ReactNode {
  const errors = [...proxy.sync.map(({ error }) => error), proxy.scrapeError].filter(Boolean);
  const state = stateOf(proxy);
  return (
    <>
      <span className="applied" data-state={state === 'synced' ? 'applied' : 'rejected'}>
        {state}
      </span>
      {errors.map((error) => (
        <p key={error} className="hint">
          {error}
        </p>
      ))}
    </>
  );
}

function Types({ sync }: { sync: readonly SyncStatus[] }): ReactNode {
  return (
    <span className="types">
      {sync
        .filter(({ state }) => state !== 'not-asked')
        .map(({ type, state, resources }) => (
          <span key={type} className="chip" data-state={state} title={`${type}: ${state}`}>
            {resources} {type}
          </span>
        ))}
    </span>
  );
}

function resourcesOf({ sync }: ProxyStatus): number {
  return sync.reduce((sum, { resources }) => sum + resources, 0);
}

const formatTime = (time: string): string =>
  new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
