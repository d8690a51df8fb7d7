// The TCP proxy of one filter chain: a session for every connection it is given.
import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { TcpProxyConfig } from '../config/network-types.ts';
import type { OnDemand } from '../config/on-demand.ts';
import type { Exchange } from '../http/exchange.ts';
import type { AccessLog, LogServices } from '../log/access-log.ts';
import type { TcpStats } from './stats.ts';
import { type SessionOwner, TcpSession } from './tcp-session.ts';

export type TcpServices = LogServices & {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: () => number;
  readonly clusters: { get(name: string): Cluster | undefined };
  readonly onDemand: OnDemand;
};

/** What filters before it may have chosen (Envoy's filter state of that name). */
const CHOSEN_CLUSTER = 'envoy.tcp_proxy.cluster';

export class TcpProxy {
  readonly config: TcpProxyConfig;
  readonly services: TcpServices;
  readonly stats: TcpStats;
  /** The most that is read at once. */
  readonly bufferLimit: number;
  readonly #logs: readonly AccessLog[];

  constructor(config: TcpProxyConfig, services: TcpServices, stats: TcpStats, bufferLimit: number) {
    this.config = config;
    this.services = services;
    this.stats = stats;
    this.bufferLimit = bufferLimit;
    this.#logs = config.accessLogs.map((log) => log.open?.(services) ?? log);
  }

  /** `socket` is paused. */
  serve(socket: Socket, record: Exchange, owner: SessionOwner): TcpSession {
    const session = new TcpSession(this, socket, record, owner);
    session.begin();
    return session;
  }

  chooseCluster(record: Exchange): TcpProxyConfig['clusters'][number] {
    const { clusters, totalWeight } = this.config;
    const chosen = record.filterState?.get(CHOSEN_CLUSTER);
    if (chosen !== undefined && chosen !== '') return { name: chosen, weight: 1, subset: null };
    if (clusters.length === 1) return clusters[0]!;
    let rest = this.services.random() * totalWeight;
    for (const cluster of clusters) {
      rest -= cluster.weight;
      if (rest < 0) return cluster;
    }
    return clusters.findLast(({ weight }) => weight > 0)!;
  }

  /** A filter let nobody in. */
  turnedAway(record: Exchange): void {
    this.config.onOpened?.(record)();
    this.log(record, this.services.clock.now());
  }

  log(record: Exchange, ended: number): void {
    for (const log of this.#logs) log.write(record, ended);
  }
}
