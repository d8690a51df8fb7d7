// Requests the connection manager answers by itself before it looks for a route.
import type { HttpConnectionConfig } from '../config/types.ts';
import type { LocalReply } from '../filter/filter.ts';
import type { RequestHead } from '../http/message.ts';
import type { ServerStream } from '../http/stream.ts';
import { cause } from './causes.ts';
import { normalizePath } from './normalize-path.ts';

/** Normalizes the path as configured. A reply: the request goes no further. */
export function refuseHead(
  request: RequestHead,
  config: HttpConnectionConfig,
  stream: ServerStream,
): LocalReply | null {
  if (request.method === 'CONNECT') {
    stream.closeAfter();
    return cause.routeNotFound;
  }
  if (!request.path.startsWith('/')) return cause.absolutePath;
  if (request.path.includes('#')) {
    stream.closeAfter();
    return cause.pathNormalization;
  }
  if (request.headers.has('upgrade')) {
    stream.closeAfter();
    return cause.upgradeRefused;
  }
  if (!config.normalizePath && !config.mergeSlashes) return null;
  const path = normalizePath(request.path, config);
  if (path === null) return cause.pathNormalization;
  request.path = path;
  return null;
}
