// Who is at the other end of a call, by the certificate its TLS connection was verified with.
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';

/** What a gRPC call knows of its peer's certificate; empty unless the mesh's roots signed it. */
export type AuthenticatedCall = {
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate };
};

export type Peer = {
  /** URI SANs: one SPIFFE id in a mesh certificate. */
  readonly uris: readonly string[];
  /** The common name: which instance of that identity it is. '' when the certificate does not say. */
  readonly instance: string;
  /** When the certificate ends: milliseconds since the epoch. */
  readonly expires: number;
};

/** null when the client showed no certificate that the roots signed. */
export function peerOf(call: AuthenticatedCall): Peer | null {
  const certificate = call.getAuthContext().sslPeerCertificate;
  if (certificate === undefined) return null;
  const name: unknown = certificate.subject?.CN;
  const parsed = new X509Certificate(certificate.raw);
  const expires = parsed.validToDate.getTime();
  return { uris: uriSansOf(parsed), instance: typeof name === 'string' ? name : '', expires };
}

/** Node prints SANs as `URI:spiffe://…, DNS:…` and quotes (as JSON) a value that could be mistaken for two. */
export function uriSansOf(certificate: X509Certificate): readonly string[] {
  const text = certificate.subjectAltName ?? '';
  const entries = text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return entries.flatMap((entry) => {
    const uri = /^\s*URI:(.*)$/.exec(entry)?.[1];
    if (uri === undefined) return [];
    return [uri.startsWith('"') ? String(JSON.parse(uri)) : uri];
  });
}
