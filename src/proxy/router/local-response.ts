// What a LocalReply looks like on the wire: text for most clients, a status in the trailers-only form for gRPC ones.
import type { LocalReply } from '../filter/filter.ts';
import type { Exchange } from '../http/exchange.ts';
import { encodeGrpcMessage, grpcStatusOf, isGrpc } from '../http/grpc-status.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { RouterOptions } from '../route/request-plan.ts';
import type { ForwardAction, RouteAction } from '../route/table.ts';

const EMPTY = Buffer.alloc(0);

export function localResponse(
  reply: LocalReply,
  { request, answersGrpc }: Exchange,
): { head: ResponseHead; body: Buffer } {
  const headers = new HeaderMap();
  const grpc = answersGrpc ?? isGrpc(request.headers);
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body;
  if (grpc) {
    headers.append('content-type', 'application/grpc');
    headers.append('grpc-status', String(reply.grpcStatus ?? grpcStatusOf(reply.status)));
    if (body.length > 0) headers.append('grpc-message', encodeGrpcMessage(body));
  } else if (body.length > 0) {
    headers.append('content-length', String(body.length));
    headers.append('content-type', 'text/plain');
  }
  if (reply.headers !== null) merge(headers, reply.headers);
  return { head: { status: grpc ? 200 : reply.status, headers }, body: grpc ? EMPTY : body };
}

/** What a route says without an upstream. */
export function routeReply(
  action: Exclude<RouteAction, ForwardAction>,
  exchange: Exchange,
  options: RouterOptions,
): LocalReply {
  const { status } = action;
  const said = { status, details: 'direct_response', flags: 0 };
  const { request } = exchange;
  if (action.kind === 'respond') return { ...said, body: action.body, headers: placeOf(status, request) };
  const headers = new HeaderMap(['location', action.location(request)]);
  if (action.changePath !== null) {
    exchange.originalPath = request.path;
    if (!options.suppressHeaders) request.headers.set('x-envoy-original-path', request.path);
    request.path = action.changePath(request.path);
  }
  return { ...said, body: '', headers };
}

/** RFC 9110 10.2.2: what was created, or is elsewhere, has a place: the request's own, as nothing else is said. */
function placeOf(status: number, { scheme, authority, path }: RequestHead): HeaderMap | null {
  const has = path !== '' && (status === 201 || (status >= 300 && status < 400));
  return has ? new HeaderMap(['location', `${scheme}://${authority}${path}`]) : null;
}

/** A name given here replaces ours; given twice it is sent twice. */
function merge(headers: HeaderMap, more: HeaderMap): void {
  for (const [name] of more) headers.remove(name);
  for (const [name, value] of more) headers.append(name, value);
}
