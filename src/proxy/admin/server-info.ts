// What the process says of itself: /server_info, /init_dump and the statistics under `server.`.
import type { JsonObject } from '@bufbuild/protobuf';
import { typeUrl } from '../../xds/resource.ts';
import type { ResourceLog } from '../discovery/resource-log.ts';
import type { AdminView } from './endpoints.ts';
import type { Statistic } from './statistics.ts';

export function serverInfo(view: AdminView): JsonObject {
  const { id, cluster } = view.bootstrap.node;
  const uptime = `${Math.floor(process.uptime())}s`;
  return {
    version: view.version,
    state: view.state(),
    uptime_current_epoch: uptime,
    uptime_all_epochs: uptime,
    hot_restart_version: 'disabled',
    command_line_options: { concurrency: view.concurrency, mode: 'Serve', disable_hot_restart: true },
    node: { id, cluster, user_agent_name: 'tulle' },
  };
}

/** What is accepted and waits for something else. */
export function initDump(resources: ResourceLog): JsonObject {
  const waiting = [
    ['cluster', typeUrl.cluster],
    ['listener', typeUrl.listener],
  ] as const;
  const dumps = waiting.flatMap(([kind, type]) =>
    resources
      .entries(type)
      .filter(([, { warming }]) => warming !== null)
      .map(([name]) => ({ name: `init manager ${kind} ${name}`, target_names: [`${kind} ${name}`] })),
  );
  return dumps.length === 0 ? {} : { unready_targets_dumps: dumps };
}

const STATES: Readonly<Record<ReturnType<AdminView['state']>, number>> = { LIVE: 0, DRAINING: 1, PRE_INITIALIZING: 2 };

export function* serverStatistics(
  view: Pick<AdminView, 'bootstrap' | 'state' | 'clusters' | 'listeners' | 'resources' | 'memory' | 'concurrency'>,
): IterableIterator<Statistic> {
  const state = view.state();
  const { heapUsed, heapTotal, rss } = view.memory();
  yield ['server.live', state === 'LIVE' ? 1 : 0];
  yield ['server.state', STATES[state]];
  yield ['server.uptime', Math.floor(process.uptime())];
  yield ['server.concurrency', view.concurrency];
  yield ['server.memory_allocated', heapUsed];
  yield ['server.memory_heap_size', heapTotal];
  yield ['server.memory_physical_size', rss];
  yield ['cluster_manager.active_clusters', view.clusters().length];
  yield ['cluster_manager.warming_clusters', warmingOf(view.resources, typeUrl.cluster)];
  yield ['listener_manager.total_listeners_active', view.listeners().length];
  yield ['listener_manager.total_listeners_warming', warmingOf(view.resources, typeUrl.listener)];
  yield* view.bootstrap.runtime.statistics();
}

function warmingOf(resources: ResourceLog, type: typeof typeUrl.cluster | typeof typeUrl.listener): number {
  return resources.entries(type).filter(([, { warming }]) => warming !== null).length;
}
