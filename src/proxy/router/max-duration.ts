// How long an exchange may take in all: the route's max_stream_duration, a gRPC client's deadline, or the connection manager's limit.
import type { Clock } from '../../lib/clock.ts';
import type { Exchange } from '../http/exchange.ts';
import { grpcTimeout } from '../http/grpc-status.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RouteEntry } from '../route/table.ts';

/** Milliseconds that are left of it; null without limit. */
export function durationLeft(exchange: Exchange, limit: number, clock: Clock): number | null {
  const own = maxDuration(exchange.route, exchange.request.headers, limit);
  return own === null ? null : Math.max(0, own - (clock.now() - exchange.started));
}

/** Milliseconds; null without limit. `limit` is the connection manager's, 0 is none. */
export function maxDuration(route: RouteEntry | null, headers: HeaderMap, limit: number): number | null {
  const own = route?.action.kind === 'forward' ? route.action.maxDuration : null;
  if (own === null) return limit > 0 ? limit : null;
  const deadline = own.grpc === null ? null : grpcTimeout(headers);
  if (own.grpc === null || deadline === null) return (own.limit ?? limit) > 0 ? (own.limit ?? limit) : null;
  const { max, offset } = own.grpc;
  const cut = max > 0 ? Math.min(deadline, max) : deadline;
  return cut === 0 ? 0 : Math.max(0, cut - offset);
}
