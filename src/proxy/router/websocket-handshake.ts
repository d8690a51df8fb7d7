// WebSocket begins with a key and its answer in HTTP/1.1 (RFC 6455 section 4), without them in HTTP/2 (RFC 8441 section 5): where the two sides
// speak different versions, each gets what its own asks for.
import { createHash, randomBytes } from 'node:crypto';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import type { ClientSession, ClientStream, ClientStreamHandler } from '../http/stream.ts';
import type { WireBytes } from '../http/wire-bytes.ts';

const KEY = 'sec-websocket-key';
const ACCEPT = 'sec-websocket-accept';
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Opens the stream of a request that would switch to WebSocket. A key goes on over HTTP/2 too: another proxy may stand there. */
export function openWebSocket(
  session: ClientSession,
  head: RequestHead,
  handler: ClientStreamHandler,
  wire: WireBytes | null,
): ClientStream {
  const key = head.headers.get(KEY);
  if (key !== undefined)
    return session.open(
      head,
      false,
      told(handler, (headers) => answer(headers, key)),
      wire,
    );
  if (session.connection.protocol === 'HTTP/2') return session.open(head, false, handler, wire);
  const headers = head.headers.clone();
  headers.append(KEY, randomBytes(16).toString('base64'));
  return session.open(
    { ...head, headers },
    false,
    told(handler, (heard) => heard.remove(ACCEPT)),
    wire,
  );
}

/** The upstream spoke HTTP/2 and knew of no key, unless it answered it by itself. */
function answer(headers: HeaderMap, key: string): void {
  if (!headers.has(ACCEPT)) headers.append(ACCEPT, createHash('sha1').update(`${key}${GUID}`).digest('base64'));
}

/** The handler, whose answer is changed when it is the switch of protocols. */
function told(handler: ClientStreamHandler, change: (headers: HeaderMap) => void): ClientStreamHandler {
  return {
    onInterim: (head) => handler.onInterim(head),
    onResponse: (head, last) => {
      if (head.status === 101) change(head.headers);
      handler.onResponse(head, last);
    },
    onData: (chunk) => handler.onData(chunk),
    onEnd: (trailers) => handler.onEnd(trailers),
    onReadDone: () => handler.onReadDone(),
    onReset: (reason) => handler.onReset(reason),
    onDrain: () => handler.onDrain(),
    onBug: (error) => handler.onBug(error),
  };
}
