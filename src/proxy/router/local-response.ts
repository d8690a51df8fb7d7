// What a LocalReply looks like on the wire: text for most clients, a status in the trailers-only form for gRPC ones.
import type { LocalReply } from '../filter/filter.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';

const EMPTY = Buffer.alloc(0);

export function localResponse(reply: LocalReply, request: RequestHead): { head: ResponseHead; body: Buffer } {
  const headers = new HeaderMap();
  const grpc = isGrpc(request.headers);
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

/** gRPC over HTTP/2: `application/grpc`, `application/grpc+proto`, but not gRPC-Web. */
function isGrpc(headers: HeaderMap): boolean {
  const type = headers.get('content-type');
  return type?.startsWith('application/grpc') === true && (type.length === 16 || type[16] === '+');
}

/** A name given here replaces ours; given twice it is sent twice. */
function merge(headers: HeaderMap, more: HeaderMap): void {
  for (const [name] of more) headers.remove(name);
  for (const [name, value] of more) headers.append(name, value);
}

/** gRPC's "HTTP to gRPC Status Code Mapping". */
function grpcStatusOf(status: number): number {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

/** gRPC's HTTP/2 mapping, Percent-Encoded: what is not printable ASCII, and `%`. */
function encodeGrpcMessage(text: Buffer): string {
  let encoded = '';
  for (const byte of text) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
