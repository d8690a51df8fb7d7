// One request as the proxy's matchers and filters see it, without a connection behind it.
import type { HttpConnectionConfig } from '../proxy/config/types.ts';
import { Exchange, type PeerTls } from '../proxy/http/exchange.ts';
import { HeaderMap } from '../proxy/http/headers.ts';
import type { RequestHead } from '../proxy/http/message.ts';
import { nobody } from '../proxy/http/nobody.ts';
import { normalizePath } from '../proxy/router/normalize-path.ts';

export type RequestQuestion = {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly authority: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
};

export const requestHead = ({ method, path, authority, headers }: RequestQuestion): RequestHead => ({
  method,
  scheme: 'http',
  authority,
  path,
  protocol: 'HTTP/1.1',
  upgrade: '',
  headers: new HeaderMap(headers.flatMap(([name, value]) => [name.toLowerCase(), value])),
});

/** `identity` is the peer's, null over plain text; a copy of the head, as the next proxy reads it off the wire. */
export function rehearse(head: RequestHead, identity: string | null): Exchange {
  const tls = identity === null ? null : peer(identity);
  const downstream = { ...nobody, remote: loopback, directRemote: loopback, local: loopback, tls };
  return new Exchange(downstream, { ...head, headers: head.headers.clone() }, 0, 0);
}

/** As the connection manager does before its filters; false: it would answer 400. */
export function normalize(exchange: Exchange, http: HttpConnectionConfig): boolean {
  const path = normalizePath(exchange.request.path, http);
  if (path !== null) exchange.request.path = path;
  return path !== null;
}

const loopback = { address: '127.0.0.1', port: 0 };

const peer = (identity: string): PeerTls => ({
  version: 'TLSv1.3',
  cipher: '',
  sni: '',
  alpn: 'http/1.1',
  uriSans: [identity],
  dnsSans: [],
  subject: '',
  fingerprint: '',
  localUriSans: [],
  certificate: null,
  localCertificate: null,
});
