// A running proxy for a test: one listener, the routes and clusters the test names, an access log in memory.

import { systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { adsSource } from '../config/config-source.ts';
import type { ClusterConfig, FilterChainConfig, HttpConnectionConfig, ListenerConfig } from '../config/types.ts';
import { DataPlane } from '../data-plane.ts';
import { formatFlags } from '../http/flags.ts';
import type { AccessLog } from '../log/access-log.ts';
import type { RouteEntry } from '../route/table.ts';
import { chain, http, listener, routeTable } from './configs.ts';

export type Harness = {
  readonly dataPlane: DataPlane;
  readonly port: number;
  /** `/path status flags details`, one line per exchange. */
  readonly accessLog: string[];
  /** Messages of warnings and errors. */
  readonly complaints: string[];
  stat(name: string): number;
};

export function silentLog(complaints: string[]): Log {
  const complain = (fields: object, message: string) =>
    void complaints.push(`${message} ${'err' in fields ? String(fields.err) : ''}`);
  return { debug: () => undefined, info: () => undefined, warn: complain, error: complain };
}

/** Routes by path prefix; add `'/'` last to catch everything. */
export async function startProxy(
  routes: Readonly<Record<string, RouteEntry>>,
  clusters: readonly ClusterConfig[],
  change: Partial<HttpConnectionConfig> = {},
  around: { readonly chain?: Partial<FilterChainConfig>; readonly listener?: Partial<ListenerConfig> } = {},
): Promise<Harness> {
  const accessLog: string[] = [];
  const complaints: string[] = [];
  const dataPlane = new DataPlane({ clock: systemClock, random: () => 0.5, log: silentLog(complaints) });
  for (const config of clusters) dataPlane.setCluster(config);
  dataPlane.setRoutes(routeTable('routes', routes));
  const connection = http(routeTable('', {}), {
    routes: { kind: 'rds', name: 'routes', source: adsSource },
    accessLogs: [memoryLog(accessLog)],
    ...change,
  });
  await dataPlane.setListener(listener([chain(connection, around.chain)], around.listener));
  const port = dataPlane.listeners()[0]!.port;
  const stat = (name: string) => new Map(dataPlane.stats()).get(name) ?? Number.NaN;
  return { dataPlane, port, accessLog, complaints, stat };
}

export function memoryLog(lines: string[]): AccessLog {
  return {
    write({ request, response, flags, details }) {
      lines.push(`${request.path} ${response?.status ?? 0} ${formatFlags(flags)} ${details}`);
    },
  };
}
