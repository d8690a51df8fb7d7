// Heads of messages as every codec delivers and takes them, whatever the wire. Strings hold one byte per character (latin1).
import type { HeaderMap } from './headers.ts';

/** '' stands for a connection that carries no HTTP. */
export type Protocol = '' | 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';

export type RequestHead = {
  method: string;
  /** `:scheme`; from the transport when the wire does not say. */
  scheme: 'http' | 'https';
  /** `:authority`: Host header or the authority of an absolute-form target; '' when there is none (HTTP/1.0). */
  authority: string;
  /** `:path`: path and query as on the wire, never an authority. `*` for `OPTIONS *`; '' for CONNECT. */
  path: string;
  protocol: Protocol;
  /** The protocol the client asks to switch to, in lower case (`websocket`), '' for none: an upgrade of HTTP/1.1 or an extended CONNECT of HTTP/2. */
  upgrade: string;
  /** Without host and without hop-by-hop headers, which belong to the codecs. Content-Length stays: it means the same on every wire. */
  headers: HeaderMap;
};

export type ResponseHead = { status: number; headers: HeaderMap };
