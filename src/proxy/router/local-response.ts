// What a LocalReply looks like on the wire: text for most clients, a status in the trailers-only form for gRPC ones.
import { JSON_TYPE, type LocalBody, TEXT } from '../config/local-reply.ts';
import type { LocalReply } from '../filter/filter.ts';
import type { Exchange } from '../http/exchange.ts';
import { encodeGrpcMessage, grpcStatusOf, isGrpc } from '../http/grpc-status.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { RouterOptions } from '../route/request-plan.ts';
import type { RedirectAction, RespondAction } from '../route/table.ts';
import type { ConnectionManager } from './connection-manager.ts';

const EMPTY = Buffer.alloc(0);

/** With the route's edits, and as the connection manager's `local_reply_config` rewrites it. */
export function localResponse(
  reply: LocalReply,
  exchange: Exchange,
  { config: { localReplies }, services: { clock, runtime } }: ConnectionManager,
): { head: ResponseHead; body: Buffer } {
  const head = { status: reply.status, headers: reply.headers?.clone() ?? new HeaderMap() };
  if (reply.asIs === true) return { head, body: Buffer.from(reply.body) };
  if (reply.ofRoute === true || exchange.route?.action.kind === 'forward') editResponse(exchange, head);
  const given = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body;
  const { headers } = head;
  const type = headers.get('content-type');
  let written: LocalBody = { body: given, contentType: TEXT };
  if (localReplies !== null) {
    exchange.response = head;
    written = localReplies(head, given, exchange, clock.now(), runtime);
  }
  const { body, contentType } = written;
  if (exchange.answersGrpc ?? isGrpc(exchange.request.headers)) {
    toGrpc(head, written, reply.grpcStatus);
    return { head, body: EMPTY };
  }
  if (body.length === 0) {
    headers.remove('content-length');
    headers.remove('content-type');
    return { head, body };
  }
  headers.set('content-length', String(body.length));
  // What the rewriting has set stays.
  const own = headers.get('content-type');
  if (own === undefined || (own === type && !body.equals(given))) headers.set('content-type', contentType);
  return { head, body };
}

/** What the route and its choice of a cluster edit in every response. */
export function editResponse(exchange: Exchange, head: ResponseHead): void {
  exchange.choice?.editResponse(exchange, head);
  exchange.route?.editResponse(exchange, head);
}

/** The trailers-only form. */
function toGrpc(head: ResponseHead, { body, contentType }: LocalBody, grpcStatus: number | undefined): void {
  const { headers } = head;
  headers.set('content-type', 'application/grpc');
  if (!headers.has('grpc-status')) headers.set('grpc-status', String(grpcStatus ?? grpcStatusOf(head.status)));
  // A line of JSON has an end that a header has no place for.
  const message = contentType === JSON_TYPE ? body.subarray(0, -1) : body;
  if (message.length > 0) headers.set('grpc-message', encodeGrpcMessage(message));
  headers.remove('content-length');
  head.status = 200;
}

/** What a route says without an upstream. `now` is monotonic milliseconds. */
export function routeReply(
  action: RedirectAction | RespondAction,
  exchange: Exchange,
  options: RouterOptions,
  now: number,
): LocalReply {
  const { status } = action;
  const said = { status, details: 'direct_response', flags: 0, ofRoute: true } as const;
  const { request } = exchange;
  if (action.kind === 'respond') {
    const headers = placeOf(status, request);
    if (action.format === undefined) return { ...said, body: action.body, headers };
    const head = { status, headers: new HeaderMap() };
    const { body, contentType } = action.format(Buffer.from(action.body), exchange, head, now);
    return { ...said, body, headers: new HeaderMap([...(headers?.fields ?? []), 'content-type', contentType]) };
  }
  const headers = new HeaderMap(['location', action.location(exchange)]);
  const path = action.changePath?.(request.path) ?? null;
  if (path !== null) {
    exchange.originalPath = request.path;
    if (!options.suppressHeaders) request.headers.set('x-envoy-original-path', request.path);
    request.path = path;
  }
  return { ...said, body: '', headers };
}

/** RFC 9110 10.2.2: what was created, or is elsewhere, has a place: the request's own, as nothing else is said. */
function placeOf(status: number, { scheme, authority, path }: RequestHead): HeaderMap | null {
  const has = path !== '' && (status === 201 || (status >= 300 && status < 400));
  return has ? new HeaderMap(['location', `${scheme}://${authority}${path}`]) : null;
}
