// A filter chain at run time: its connection manager, its TLS, and the connections that were accepted on it.
import type { FilterChainConfig, ListenerConfig } from '../config/types.ts';
import type { ListenerPlace } from '../http/exchange.ts';
import type { Http1ServerConnection } from '../http1/server-connection.ts';
import { ConnectionManager } from '../router/connection-manager.ts';
import type { RouterServices } from '../router/services.ts';
import type { HttpStats } from '../router/stats.ts';
import type { ServerTls } from '../tls/server-tls.ts';

export class FilterChain {
  readonly config: FilterChainConfig;
  readonly direction: ListenerConfig['direction'];
  readonly place: ListenerPlace;
  readonly manager: ConnectionManager;
  readonly tls: ServerTls | null;
  readonly connections = new Set<Http1ServerConnection>();

  constructor(
    config: FilterChainConfig,
    direction: ListenerConfig['direction'],
    place: ListenerPlace,
    tls: ServerTls | null,
    services: RouterServices,
    stats: HttpStats,
  ) {
    this.config = config;
    this.direction = direction;
    this.place = place;
    this.manager = new ConnectionManager(config.network.http, direction, services, stats);
    this.tls = tls;
  }

  /** Idle connections close now, the others with their next answer. */
  drain(): void {
    this.manager.draining = true;
    for (const connection of this.connections) connection.drain();
  }

  destroy(): void {
    for (const connection of this.connections) connection.destroy();
  }
}
