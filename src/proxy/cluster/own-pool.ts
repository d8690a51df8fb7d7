// A pool of one connection for what the proxy asks endpoints itself: it is no part of the cluster's, neither limited nor counted with them.
import type { Limits } from '../config/cluster-types.ts';
import { Http2Stats } from '../http2/stats.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { Host } from './host.ts';
import { HostStats } from './host-stats.ts';
import { Pool, type PoolProtocol } from './pool.ts';
import type { PoolSettings } from './pool-settings.ts';
import { ClusterStats } from './stats.ts';

export type OwnPoolSettings = Pick<
  PoolSettings,
  'connectTimeout' | 'http1' | 'http2' | 'responseLimits' | 'clock' | 'wheel' | 'random'
>;

const ONE_CONNECTION: Limits = {
  maxConnections: 1,
  maxPendingRequests: 1,
  maxRequests: 1,
  maxRetries: 0,
  retryBudget: null,
  trackRemaining: false,
  maxConnectionsPerHost: 1,
};

export function ownPool(
  { address, port, connector }: Pick<Host, 'address' | 'port' | 'connector'>,
  protocol: PoolProtocol,
  { connectTimeout, http1, http2, responseLimits, clock, wheel, random }: OwnPoolSettings,
): Pool {
  const stats = new ClusterStats();
  const target = { address, port, connector, stats: new HostStats(), purpose: null, onUnused: nothing };
  const settings = {
    ...{ connectTimeout, http1, http2, responseLimits, clock, wheel, random, stats },
    idleTimeout: 0,
    maxRequestsPerConnection: 0,
    maxConnectionDuration: 0,
    preconnectRatio: 1,
    http2Stats: new Http2Stats(),
  };
  return new Pool(target, protocol, settings, new CircuitBreaker(ONE_CONNECTION, stats));
}

function nothing(): void {
  // Whoever asks keeps the pool.
}
