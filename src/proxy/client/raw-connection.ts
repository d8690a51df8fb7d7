// A connection to a cluster's endpoint, without HTTP, counted as the cluster's others are.

import type { Socket } from 'node:net';
import { anyEndpoint } from '../balance/balancer.ts';
import type { CallServices } from './call.ts';

export type RawHandler = {
  onConnected(socket: Socket): void;
  /** It could not be made, or is over. Nothing follows. */
  onClosed(): void;
};

/** `handler` may hear of a failure before this returns. The result ends the connection, or gives it up. */
export function connectRaw({ clusters, clock, wheel }: CallServices, name: string, handler: RawHandler): () => void {
  const cluster = clusters.get(name);
  const host = cluster?.pick({ ...anyEndpoint, now: clock.now() }) ?? null;
  if (cluster === undefined || host === null || !cluster.breakers.default.allowsConnection) {
    handler.onClosed();
    return () => undefined;
  }
  let over = false;
  let end: () => void = () => undefined;
  const closed = () => {
    if (over) return;
    over = true;
    wheel.cancel(timer);
    host.endConnection(cluster.breakers.default);
    handler.onClosed();
  };
  const timer = wheel.set(cluster.config.connectTimeout, () => {
    cluster.stats.upstream_cx_connect_timeout += 1;
    end();
    closed();
  });
  host.beginConnection(cluster.breakers.default);
  const giveUp = host.connector.connect(host.address, host.port, {
    onConnected(socket) {
      wheel.cancel(timer);
      cluster.observeConnected(host, true);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => {
        cluster.stats.upstream_cx_destroy += 1;
        closed();
      });
      end = () => socket.destroy();
      handler.onConnected(socket);
    },
    onFailed() {
      cluster.stats.upstream_cx_connect_fail += 1;
      host.stats.cx_connect_fail += 1;
      cluster.observeFailure(host, 503);
      closed();
    },
  });
  if (!over) end = giveUp;
  return () => end();
}
