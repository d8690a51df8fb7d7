// How long a connection may live and how many requests it may bring, where a connection manager limits that.
import type { TimerWheel } from '../../lib/timer-wheel.ts';
import type { HttpConnectionConfig } from '../config/types.ts';
import type { StreamAcceptor } from '../http/stream.ts';
import type { ConnectionManager } from '../router/connection-manager.ts';
import type { HttpServed } from './codec-choice.ts';

/** What the codec of one connection hands its requests to: the last that it may bring is served, and the connection ends with it. */
export function acceptorOf(manager: ConnectionManager): StreamAcceptor {
  const most = manager.config.maxRequestsPerConnection;
  if (most === 0) return manager;
  let requests = 0;
  return {
    accept(stream, head, last) {
      requests += 1;
      if (requests >= most) {
        manager.stats.downstream_cx_max_requests_reached += 1;
        stream.closeAfter();
      }
      return manager.accept(stream, head, last);
    },
    refuse: (stream, fault, protocol) => manager.refuse(stream, fault, protocol),
  };
}

/** Lets the connection go when its time is over: its client is asked to leave, for the drain time. Returns how to forget it. */
export function limitDuration(
  served: Pick<HttpServed, 'closeAfter' | 'retire'>,
  { stats, config }: ConnectionManager,
  { wheel, random }: { readonly wheel: TimerWheel; readonly random: () => number },
): () => void {
  const timer = wheel.set(drawnDuration(config, random), () => {
    stats.downstream_cx_max_duration_reached += 1;
    if (config.safeMaxDuration) served.closeAfter();
    else served.retire();
  });
  return () => wheel.cancel(timer);
}

/** Longer by a part of it that is drawn: connections that came together do not go together. */
function drawnDuration(
  { maxConnectionDuration, maxConnectionJitter }: HttpConnectionConfig,
  random: () => number,
): number {
  return maxConnectionDuration * (1 + maxConnectionJitter * random());
}
