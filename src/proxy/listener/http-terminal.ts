// HTTP on the connections of a filter chain: the codec, and the connection manager its requests go to.
import type { HttpConnectionConfig, ListenerConfig } from '../config/types.ts';
import { ConnectionManager } from '../router/connection-manager.ts';
import { withReusedReads } from '../socket/reused-reads.ts';
import { serveHttp } from './codec-choice.ts';
import { limitDuration } from './connection-limits.ts';
import type { Accepted, Served, Terminal, TerminalServices } from './terminal.ts';

export class HttpTerminal implements Terminal {
  readonly #manager: ConnectionManager;
  readonly #services: TerminalServices;

  constructor(config: HttpConnectionConfig, direction: ListenerConfig['direction'], services: TerminalServices) {
    this.#services = services;
    this.#manager = new ConnectionManager(config, direction, services, services.httpStats(config.statPrefix));
  }

  get ready(): Promise<void> {
    return this.#manager.ready;
  }

  drain(): void {
    this.#manager.drain();
  }

  serve({ socket: accepted, downstream, onGone, onBug }: Accepted): Served {
    const secure = downstream.tls !== null;
    const socket = secure ? accepted : withReusedReads(accepted);
    const manager = this.#manager;
    const { clock, wheel, random } = this.#services;
    this.#count(1, secure);
    let forget: (() => void) | null = null;
    const served = serveHttp(socket, downstream, manager, {
      clock,
      wheel,
      random,
      departures: manager.stats,
      onClosed: () => {
        forget?.();
        this.#count(-1, secure);
        onGone();
      },
      onBug: (error) => {
        manager.stats.uncaught_exceptions += 1;
        onBug(error);
      },
    });
    if (manager.config.maxConnectionDuration > 0) forget = limitDuration(served, manager, this.#services);
    return served;
  }

  #count(change: 1 | -1, secure: boolean): void {
    const { stats } = this.#manager;
    stats.downstream_cx_active += change;
    if (change === 1) stats.downstream_cx_total += 1;
    else stats.downstream_cx_destroy += 1;
    if (!secure) return;
    stats.downstream_cx_ssl_active += change;
    if (change === 1) stats.downstream_cx_ssl_total += 1;
  }
}
