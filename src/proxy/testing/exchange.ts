// Requests and exchanges as the codec would make them: a test names only what it is about.
import { type Downstream, Exchange, type PeerTls } from '../http/exchange.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import { nobody } from '../http/nobody.ts';

export type RequestInit = Partial<Omit<RequestHead, 'headers'>> & { readonly headers?: readonly string[] };

export function requestHead({ headers = [], ...head }: RequestInit = {}): RequestHead {
  const plain = {
    method: 'GET',
    scheme: 'http',
    authority: 'shop.example',
    path: '/',
    protocol: 'HTTP/1.1',
    upgrade: '',
  } as const;
  return { ...plain, ...head, headers: new HeaderMap([...headers]) };
}

export function testExchange(request: RequestInit = {}, downstream: Partial<Downstream> = {}): Exchange {
  const connection: Downstream = {
    ...nobody,
    id: 7,
    remote: downstream.directRemote ?? { address: '10.1.2.3', port: 40_000 },
    directRemote: { address: '10.1.2.3', port: 40_000 },
    local: { address: '127.0.0.1', port: 8080 },
    serverName: downstream.tls?.sni ?? '',
    listener: { name: 'front', chain: 'chain', direction: 'inbound', metadata: {} },
    ...downstream,
  };
  return new Exchange(connection, requestHead(request), 1000, 1_700_000_000_123);
}

export function peerTls(change: Partial<PeerTls> = {}): PeerTls {
  return {
    version: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    sni: '',
    alpn: '',
    uriSans: ['spiffe://cluster.local/ns/shop/sa/web'],
    dnsSans: [],
    subject: '',
    fingerprint: 'ab12',
    localUriSans: ['spiffe://cluster.local/ns/shop/sa/orders'],
    certificate: null,
    localCertificate: null,
    ...change,
  };
}
