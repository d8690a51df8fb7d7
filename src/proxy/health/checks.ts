// All active health checks of one cluster: a session for every endpoint and check.
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import { unfit } from '../balance/health.ts';
import { CircuitBreaker } from '../cluster/circuit-breaker.ts';
import type { HealthOwner, HealthWatch } from '../cluster/health-watch.ts';
import type { Host } from '../cluster/host.ts';
import { HostStats } from '../cluster/host-stats.ts';
import { Pool, type PoolProtocol } from '../cluster/pool.ts';
import { ClusterStats } from '../cluster/stats.ts';
import type { Limits } from '../config/cluster-types.ts';
import type { HealthCheckConfig } from '../config/health-check-types.ts';
import { Http2Stats } from '../http2/stats.ts';
import { EventLog, type LineWriter } from './event-log.ts';
import { ExchangeProbe } from './exchange-probe.ts';
import { grpcQuestion } from './grpc-question.ts';
import { httpQuestion } from './http-question.ts';
import type { Probe } from './probe.ts';
import { HealthSession } from './session.ts';
import { TcpProbe } from './tcp-probe.ts';

export type CheckServices = {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  /** Where lines for a file go. */
  readonly openLines: (path: string) => LineWriter;
};

const ONE_CONNECTION: Limits = {
  maxConnections: 1,
  maxPendingRequests: 1,
  maxRequests: 1,
  maxRetries: 0,
  retryBudget: null,
  trackRemaining: false,
  maxConnectionsPerHost: 1,
};

export class HealthChecks implements HealthWatch {
  readonly #owner: HealthOwner;
  readonly #services: CheckServices;
  readonly #sessions = new Map<Host, readonly HealthSession[]>();

  constructor(owner: HealthOwner, services: CheckServices) {
    this.#owner = owner;
    this.#services = services;
  }

  add(host: Host): void {
    if (host.check.disabled) return;
    host.mark(unfit.failedActiveCheck);
    if (this.#owner.config().ignoreNewHosts) host.mark(unfit.pendingActiveCheck);
    const { wheel, random } = this.#services;
    const sessions = this.#owner.config().checks.map((check) => {
      const context = { wheel, random, ...this.#owner, events: this.#eventsOf(check) };
      return new HealthSession(check, host, this.#makeProbe(check, host), context);
    });
    this.#sessions.set(host, sessions);
    for (const session of sessions) session.start();
  }

  remove(host: Host): void {
    for (const session of this.#sessions.get(host) ?? []) session.stop();
    this.#sessions.delete(host);
  }

  failNow(host: Host): void {
    if (!this.#sessions.has(host)) return;
    host.mark(unfit.excludedByImmediateFailure);
    for (const session of this.#sessions.get(host) ?? []) session.failNow();
  }

  #eventsOf(check: HealthCheckConfig): EventLog | null {
    if (check.events === null) return null;
    const { clock, openLines } = this.#services;
    const writers = check.events.paths.map(openLines);
    return new EventLog(check, { cluster: this.#owner.config().name, epoch: () => clock.epoch(), writers });
  }

  #makeProbe(check: HealthCheckConfig, host: Host): Probe {
    const { probe, reuseConnection: reuse } = check;
    const own = check.labels === null && check.alpn.length === 0;
    const { connector, secure } = own ? host : this.#owner.transportFor(host, check);
    const address = host.check.address || host.address;
    const port = host.check.port || check.altPort || host.port;
    const scheme = secure ? 'https' : 'http';
    const onBug = (error: unknown) =>
      this.#services.log.error({ err: error, cluster: this.#owner.config().name }, 'exception in a health check');
    const pool = (protocol: PoolProtocol) => () =>
      this.#makePool({ address, port, connector }, protocol, check.timeout);
    switch (probe.kind) {
      case 'tcp':
        return new TcpProbe(probe, { address, port, connector }, reuse, onBug);
      case 'http': {
        const authority = host.check.hostname || probe.host || this.#owner.config().name;
        return new ExchangeProbe(httpQuestion(probe, authority, scheme), reuse, pool(probe.protocol), onBug);
      }
      default: {
        const authority = host.check.hostname || probe.authority || this.#owner.config().name;
        return new ExchangeProbe(grpcQuestion(probe, authority, scheme), reuse, pool('http2'), onBug);
      }
    }
  }

  /** Its connections are no part of the cluster's: they are neither limited nor counted with them. */
  #makePool(
    { address, port, connector }: Pick<Host, 'address' | 'port' | 'connector'>,
    protocol: PoolProtocol,
    connectTimeout: number,
  ): Pool {
    const stats = new ClusterStats();
    const { http1, http2, responseLimits } = this.#owner.config();
    const target = { address, port, connector, stats: new HostStats(), purpose: null, onUnused: nothing };
    const settings = {
      connectTimeout,
      idleTimeout: 0,
      maxRequestsPerConnection: 0,
      maxConnectionDuration: 0,
      preconnectRatio: 1,
      http1,
      http2,
      responseLimits,
      stats,
      http2Stats: new Http2Stats(),
      ...this.#services,
    };
    return new Pool(target, protocol, settings, new CircuitBreaker(ONE_CONNECTION, stats));
  }
}

function nothing(): void {
  // Whoever probes keeps the pool.
}
