// Balancers and endpoints for tests: a test names only what it is about.
import type { Balancer, BalancerContext, Endpoint, LocalCluster } from '../balance/balancer.ts';
import { createBalancer } from '../balance/create.ts';
import { PeakEwma } from '../balance/peak-ewma.ts';
import { ClusterStats } from '../cluster/stats.ts';
import type { Assignment } from '../config/cluster-types.ts';
import { plainAssignment } from '../config/endpoints.ts';
import type { ClusterConfig } from '../config/types.ts';
import { cluster } from './configs.ts';

export type BalancerChange = Partial<ClusterConfig> & {
  readonly assignment?: Partial<Assignment>;
  readonly stats?: ClusterStats;
  readonly local?: LocalCluster;
  readonly seed?: number;
  readonly active?: () => number;
};

export function balancer(endpoints: readonly Endpoint[], change: BalancerChange = {}): Balancer {
  const { assignment, stats, local, seed, active, ...config } = change;
  const context: BalancerContext = {
    random: seeded(seed),
    now: () => 1000,
    stats: stats ?? new ClusterStats(),
    active: active ?? (() => 0),
    local: () => local ?? null,
  };
  return createBalancer(cluster('c', [], config), { ...plainAssignment([]), ...assignment }, endpoints, context);
}

export function endpoint(name: string, change: Partial<Endpoint> = {}): Endpoint {
  return {
    address: '127.0.0.1',
    port: 80,
    name,
    hostname: '',
    weight: 1,
    health: 0,
    healthySince: 0,
    activeRequests: 0,
    locality: '',
    priority: 0,
    metadata: {},
    latency: new PeakEwma({ kind: 'peak-ewma', decay: 10_000, defaultRtt: 30 }, 1000),
    ...change,
  };
}

/** A small multiplicative generator: the tests see the same numbers every time. */
export function seeded(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
