// What a pool is made of beside its cluster's limits.
import type { Clock } from '../../lib/clock.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { ResponseLimits } from '../http/response-limits.ts';
import type { Http1Options } from '../http1/options.ts';
import type { Http2Options } from '../http2/options.ts';
import type { Http2Stats } from '../http2/stats.ts';
import type { Connector, Purpose } from './connector.ts';
import type { HostStats } from './host-stats.ts';
import type { ClusterStats } from './stats.ts';

/** The part of a cluster that its pools share; the cluster replaces limits and timeouts on update. */
export type PoolSettings = {
  connectTimeout: number;
  idleTimeout: number;
  /** 0 is no limit. */
  maxRequestsPerConnection: number;
  /** Milliseconds a connection may live, 0 is no limit. */
  maxConnectionDuration: number;
  /** Connections to have ready for each request in progress (Envoy's `per_upstream_preconnect_ratio`); 1 is none ahead. */
  preconnectRatio: number;
  http1: Http1Options;
  http2: Http2Options;
  responseLimits: ResponseLimits;
  readonly stats: ClusterStats;
  readonly http2Stats: Http2Stats;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: () => number;
};

/** Where a pool connects to. */
export type PoolTarget = {
  readonly address: string;
  readonly port: number;
  readonly connector: Connector;
  /** Of the endpoint, counted in by all of its pools. */
  readonly stats: HostStats;
  /** Whom connections are for; null: for anybody. */
  readonly purpose: Purpose | null;
  /** No connection is left, and nobody waits. */
  readonly onUnused: () => void;
};
