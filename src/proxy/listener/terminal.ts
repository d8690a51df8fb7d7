// What a filter chain does with a connection that was let in: HTTP, TCP to a cluster, an echo or a fixed answer.
import type { Socket } from 'node:net';
import type { FilterChainConfig, ListenerConfig } from '../config/types.ts';
import type { Downstream, Exchange } from '../http/exchange.ts';
import type { RouterServices } from '../router/services.ts';
import type { HttpStats } from '../router/stats.ts';
import { TcpStats } from '../tcp/stats.ts';
import { TcpProxy } from '../tcp/tcp-proxy.ts';
import { HttpTerminal } from './http-terminal.ts';
import { serveEcho, serveFixed } from './small-terminals.ts';

/** A connection while it is served. */
export type Served = {
  /** Goes as soon as that harms nobody. */
  drain(): void;
  destroy(): void;
};

export type Accepted = {
  /** Paused. */
  readonly socket: Socket;
  readonly downstream: Downstream;
  /** The connection as network filters left it. */
  record(): Exchange;
  onGone(): void;
  onBug(error: unknown): void;
};

export type Terminal = {
  serve(accepted: Accepted): Served;
  /** A new listener waits for it; undefined: there is nothing to wait for. Never rejects. */
  readonly ready?: Promise<void>;
  /** Connections that come after this go as soon as they can, too. */
  drain(): void;
  /** A connection that was not let in. */
  turnAway?(record: Exchange): void;
};

export type TerminalServices = RouterServices & { httpStats(prefix: string): HttpStats };

export function createTerminal(
  network: FilterChainConfig['network'],
  listener: Pick<ListenerConfig, 'direction' | 'bufferLimit'>,
  services: TerminalServices,
): Terminal {
  switch (network.kind) {
    case 'http':
      return new HttpTerminal(network.http, listener.direction, services);
    case 'tcp': {
      const stats = services.filterStats(`tcp.${network.tcp.statPrefix}`, () => new TcpStats());
      const proxy = new TcpProxy(network.tcp, services, stats, listener.bufferLimit);
      return {
        serve: (accepted) => proxy.serve(accepted.socket, accepted.record(), accepted),
        drain: () => undefined,
        turnAway: (record) => proxy.turnedAway(record),
      };
    }
    case 'echo':
      return { serve: serveEcho, drain: () => undefined };
    case 'respond':
      return { serve: (accepted) => serveFixed(accepted, network.body), drain: () => undefined };
  }
}
