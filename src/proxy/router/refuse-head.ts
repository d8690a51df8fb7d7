// Requests the connection manager answers by itself: before it looks for a route, and for what a route does not let switch protocols.
import type { HttpConnectionConfig } from '../config/types.ts';
import type { LocalReply } from '../filter/filter.ts';
import type { RequestHead } from '../http/message.ts';
import type { ServerStream } from '../http/stream.ts';
import type { RouteEntry } from '../route/table.ts';
import { cause } from './causes.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { normalizePath } from './normalize-path.ts';

/** What every request is told while the proxy has too much to do. */
export function shedLoad({ services, stats }: ConnectionManager): LocalReply | null {
  if (!services.overload.shedsRequests) return null;
  stats.downstream_rq_overload_close += 1;
  return cause.overloaded;
}

/** Normalizes the path as configured. A reply: the request goes no further. */
export function refuseHead(
  request: RequestHead,
  config: HttpConnectionConfig,
  stream: ServerStream,
): LocalReply | null {
  if (request.method === 'CONNECT') return null;
  if (!request.path.startsWith('/')) return cause.absolutePath;
  if (request.path.includes('#')) {
    // Whoever reads such a path otherwise may have read more otherwise; frames leave no room for that.
    if (request.protocol !== 'HTTP/2') stream.closeAfter();
    return cause.pathNormalization;
  }
  if (!config.normalizePath && !config.mergeSlashes) return null;
  const path = normalizePath(request.path, config);
  if (path === null) return cause.pathNormalization;
  request.path = path;
  return null;
}

/**
 * For requests that would switch protocols (upgrades, CONNECT). What follows a refusal may be the other protocol's already, which nobody
 * may take for a request: the connection ends.
 */
export function refuseUpgrade(
  request: RequestHead,
  route: RouteEntry | null,
  { config, stats }: ConnectionManager,
  stream: ServerStream,
): LocalReply | null {
  const wanted = request.upgrade === '' ? 'connect' : request.upgrade;
  if (route === null) {
    stats.no_route += 1;
    stream.closeAfter();
    return cause.routeNotFound;
  }
  const own = route.action.kind === 'forward' ? route.action.upgrades.get(wanted) : undefined;
  if (own ?? config.upgrades.get(wanted) ?? false) {
    stats.downstream_cx_upgrades_total += 1;
    return null;
  }
  stream.closeAfter();
  return cause.upgradeRefused;
}
