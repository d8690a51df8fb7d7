// The proxy around a filter under test: time stands still, chance always comes out lowest, counters start at zero.

import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { ClusterClient } from '../client/cluster-client.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { nothingOnDemand } from '../config/on-demand.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import type { FilterScope } from '../filter/filter.ts';
import { Overload } from '../overload/overload.ts';
import type { RouteTable } from '../route/table.ts';
import { FilterStats } from '../router/filter-stats.ts';
import { silentLog } from './harness.ts';

export function testScope(change: Partial<FilterScope> = {}): FilterScope {
  const clock = change.clock ?? new ManualClock();
  const stats = new FilterStats();
  const raise = (error: unknown) => {
    throw error;
  };
  const wheel = new TimerWheel(clock, raise);
  const services = {
    clock,
    wheel,
    random: () => 0,
    log: silentLog([]),
    overload: new Overload(clock),
    runtime: noRuntime,
    workers: 1,
    tally: () => null,
    health: { failing: false },
    leaving: { failing: false },
    node: { id: 'node', cluster: 'service', zone: '', metadata: {} },
    localAddress: '192.0.2.1',
    currentRoutes: () => undefined,
    onDemand: nothingOnDemand,
    secrets: { get: () => undefined },
    clusters: new Map<string, Cluster>(),
    routes: new Map<string, RouteTable>(),
    filterStats: <Stats extends object>(name: string, make: () => Stats) => stats.get(name, make),
  };
  return {
    ...services,
    client: new ClusterClient(services),
    secret: () => '',
    requestLimits: { maxHeaders: 100, maxHeadBytes: 61_440 },
    prefix: 'http.test.',
    stats: services.filterStats,
    ...change,
  };
}
