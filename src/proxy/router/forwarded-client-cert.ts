// x-forwarded-client-cert: what the application behind may believe about the client's certificate (Envoy's `forward_client_cert_details`).
import type { HttpConnectionConfig } from '../config/types.ts';
import type { PeerTls } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';

const NAME = 'x-forwarded-client-cert';

export function forwardClientCert(
  headers: HeaderMap,
  peer: PeerTls | null,
  config: HttpConnectionConfig['forwardClientCert'],
): void {
  const { mode } = config;
  if (mode === 'always-forward-only') return;
  if (mode === 'sanitize' || peer === null || peer.fingerprint === '') {
    headers.remove(NAME);
    return;
  }
  if (mode === 'forward-only') return;
  const element = describe(peer, config.set);
  const before = mode === 'append-forward' ? headers.joined(NAME) : undefined;
  headers.set(NAME, before === undefined ? element : `${before},${element}`);
}

function describe(peer: PeerTls, set: HttpConnectionConfig['forwardClientCert']['set']): string {
  const parts: string[] = [];
  for (const uri of peer.localUriSans) parts.push(`By=${uri}`);
  parts.push(`Hash=${peer.fingerprint}`);
  if (set.subject) parts.push(`Subject="${peer.subject.replaceAll('"', '\\"')}"`);
  if (set.uri) for (const uri of peer.uriSans.length > 0 ? peer.uriSans : ['']) parts.push(`URI=${uri}`);
  if (set.dns) for (const name of peer.dnsSans) parts.push(`DNS=${name}`);
  return parts.join(';');
}
