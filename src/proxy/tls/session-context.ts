// What a session may be resumed for: a client brings its certificate back with a ticket, and nobody verifies its chain again. So a ticket is good
// only where the same is asked of clients, also where several places share the keys of tickets.
import { createHash } from 'node:crypto';
import type { DownstreamTlsConfig } from '../config/tls-types.ts';
import type { CurrentContext } from './context.ts';

/** The library's limit (RFC 5246 knows none). */
const LENGTH = 32;

/** The same for all proxies whose certificates are for the same names, and who trust the same. */
export function sessionContext(
  { requireClientCertificate }: DownstreamTlsConfig,
  { certificates, validation }: CurrentContext,
): string {
  const names = certificates.map(({ leaf }) => [leaf.subject, leaf.subjectAltName, leaf.issuer]);
  const asked =
    validation === null ? null : [validation.roots, validation.crl, validation.acceptUntrusted, validation.maxDepth];
  const all = JSON.stringify([names, requireClientCertificate, asked]);
  return createHash('sha256').update(all).digest('hex').slice(0, LENGTH);
}
