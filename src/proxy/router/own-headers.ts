// Headers that every response gets from this proxy, whoever made it.
import type { HttpConnectionConfig } from '../config/types.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import { httpDate } from './http-date.ts';

/** `now`: milliseconds since the epoch. */
export function addOwnHeaders(headers: HeaderMap, config: HttpConnectionConfig, now: number): void {
  if (!headers.has('date')) headers.append('date', httpDate(now));
  if (config.serverHeader === 'overwrite') headers.set('server', config.serverName);
  else if (config.serverHeader === 'append-if-absent' && !headers.has('server')) {
    headers.append('server', config.serverName);
  }
  if (config.via !== '') headers.append('via', config.via);
}

/** How long the upstream took; of a request that is still coming nobody can say. */
export function addServiceTime(headers: HeaderMap, { upstreamStarted, requestEnded }: Exchange): void {
  if (requestEnded === 0) return;
  headers.set('x-envoy-upstream-service-time', String(Math.max(0, Math.round(upstreamStarted - requestEnded))));
}

export function answerRequestId(headers: HeaderMap, { request }: Exchange): void {
  const id = request.headers.get('x-request-id');
  if (id !== undefined) headers.set('x-request-id', id);
}
