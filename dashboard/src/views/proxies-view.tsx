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
        health={(proxy) => HEALTH[stateOf(proxy)] ?? 'failing'}
      />
    </section>
  );
}

const APPLIED: Readonly<Record<string, string>> = { synced: 'applied', 'not asking': 'none' };
const HEALTH: Readonly<Record<string, 'good' | 'idle'>> = { synced: 'good', 'not asking': 'idle' };

function stateOf({ connected, sync, dataPlane }: ProxyStatus): string {
  // A gRPC server that calls nobody never asks.
  if (!connected) return dataPlane === 'proxyless' ? 'not asking' : 'not connected';
  return (['rejected', 'pending'] as const).find((state) => sync.some((type) => type.state === state)) ?? 'synced';
}

const columns: readonly Column<ProxyStatus>[] = [
  {
    title: 'Proxy',
    value: ({ namespace, name }) => `${name}/${namespace}`,
    cell: ({ namespace, name, identity }) => (
      <>
        <b>{name}</b> <span className="hint">{namespace}</span>
        <code className="second-line">{identity}</code>
      </>
    ),
  },
  { title: 'Data plane', value: ({ dataPlane }) => dataPlane, cell: ({ dataPlane }) => dataPlane },
  { title: 'State', value: stateOf, cell: (proxy) => <State proxy={proxy} /> },
  { title: 'Resources', value: resourcesOf, cell: ({ sync }) => <Types sync={sync} /> },
  {
    title: 'Certificate until',
    value: ({ certificateExpires }) => certificateExpires,
    cell: ({ certificateExpires, dataPlane }) => <Certificate until={certificateExpires} dataPlane={dataPlane} />,
  },
  {
    title: 'Admin',
    value: ({ admin }) => admin,
    cell: ({ admin }) => (admin === '' ? <span className="hint">none</span> : <code>{admin}</code>),
  },
];

function State({ proxy }: { proxy: ProxyStatus }): ReactNode {
  const errors = [...proxy.sync.map(({ error }) => error), proxy.scrapeError].filter(Boolean);
  const state = stateOf(proxy);
  return (
    <>
      <span className="applied" data-state={APPLIED[state] ?? 'rejected'}>
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
            {resources} {wordFor(type, resources)}
          </span>
        ))}
    </span>
  );
}

function resourcesOf({ sync }: ProxyStatus): number {
  return sync.reduce((sum, { resources }) => sum + resources, 0);
}

/** `routes` and `endpoints` are so named: one resource holds several. */
const wordFor = (type: string, count: number): string => (count === 1 || type.endsWith('s') ? type : `${type}s`);

/** A proxyless client has none; others are waiting for theirs. */
function Certificate({ until, dataPlane }: { until: string | null; dataPlane: string }): ReactNode {
  if (until === null) return <span className="hint">{dataPlane === 'proxyless' ? 'none' : 'not issued yet'}</span>;
  const time = new Date(until);
  const short = time.toLocaleString(undefined, {
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  return (
    <time dateTime={until} title={time.toString()}>
      {short}
    </time>
  );
}
