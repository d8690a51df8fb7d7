// All active health checks of one cluster: a session for every endpoint and check.
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import { unfit } from '../balance/health.ts';
import type { HealthOwner, HealthWatch } from '../cluster/health-watch.ts';
import type { Host } from '../cluster/host.ts';
import { ownPool } from '../cluster/own-pool.ts';
import type { PoolProtocol } from '../cluster/pool.ts';
import type { HealthCheckConfig } from '../config/health-check-types.ts';
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
    const settings = { ...this.#services, connectTimeout: check.timeout };
    const pool = (protocol: PoolProtocol) => () =>
      ownPool({ address, port, connector }, protocol, { ...settings, ...this.#owner.config() });
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
}
