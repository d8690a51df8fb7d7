// Who is at the other end of a call, by the certificate its TLS connection was verified with.
import { X509Certificate } from 'node:crypto';

/** What a gRPC call knows of its peer's certificate; empty unless the mesh's roots signed it. */
export type AuthenticatedCall = {
  getAuthContext(): { readonly sslPeerCertificate?: { readonly raw: Buffer } };
};

/** URI SANs of the verified client certificate; null when the client showed none that the roots signed. */
export function peerUris(call: AuthenticatedCall): readonly string[] | null {
  const certificate = call.getAuthContext().sslPeerCertificate;
  return certificate === undefined ? null : uriSansOf(new X509Certificate(certificate.raw));
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
