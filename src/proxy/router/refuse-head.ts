// Requests the connection manager answers by itself: before it looks for a route, and for what a route does not let switch protocols.
import type { LocalReply } from '../filter/filter.ts';
import type { RequestHead } from '../http/message.ts';
import type { ServerStream } from '../http/stream.ts';
import { pathOnly } from '../route/match/query.ts';
import type { RouteEntry } from '../route/table.ts';
import { cause, pathRedirect } from './causes.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { hasEscapedSlash, normalizePath, type PathRules } from './normalize-path.ts';
import type { HttpStats } from './stats.ts';

/** What every request is told while the proxy has too much to do. */
export function shedLoad({ config, services, stats }: ConnectionManager): LocalReply | null {
  if (!services.overload.shedsRequests) return null;
  stats.downstream_rq_overload_close += 1;
  return config.tellsOverload ? cause.overloadedTold : cause.overloaded;
}

/** Normalizes the path as configured. A reply: the request goes no further. */
export function refuseHead(
  request: RequestHead,
  { config, stats }: ConnectionManager,
  stream: ServerStream,
): LocalReply | null {
  if (request.method === 'CONNECT') return null;
  if (!request.path.startsWith('/')) return cause.absolutePath;
  if (request.path.includes('#')) {
    // Whoever reads such a path otherwise may have read more otherwise; frames leave no room for that.
    if (request.protocol !== 'HTTP/2' && !config.outlivesBadRequests) stream.closeAfter();
    stats.downstream_rq_failed_path_normalization += 1;
    return cause.pathNormalization;
  }
  const refusal = isPathKept(config) ? null : refusePath(request, config, stats);
  if (refusal !== null) return refusal;
  const { normalizeHost } = config;
  if (normalizeHost !== null) request.authority = normalizeHost(request.authority, stream.downstream.local.port);
  return null;
}

function isPathKept({ normalizePath: normalizes, mergeSlashes, escapedSlashes }: PathRules): boolean {
  return !normalizes && !mergeSlashes && escapedSlashes === 'keep';
}

function refusePath(request: RequestHead, rules: PathRules, stats: HttpStats): LocalReply | null {
  const path = normalizePath(request.path, rules);
  if (path === null) {
    stats.downstream_rq_failed_path_normalization += 1;
    return cause.pathNormalization;
  }
  if (rules.escapedSlashes === 'redirect' && hasEscapedSlash(pathOnly(request.path))) {
    stats.downstream_rq_redirected_with_normalized_path += 1;
    return pathRedirect(path);
  }
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
