// What is asked of a peer's certificate beside a chain to the trust bundle, which the TLS library verifies.
import { createHash, X509Certificate } from 'node:crypto';
import type { ValidationConfig } from '../config/types.ts';
import { type SubjectAltName, subjectAltNames } from './peer.ts';

export type VerifyFailure = 'ssl_fail_verify_error' | 'ssl_fail_verify_san' | 'ssl_fail_verify_cert_hash';

/** In Envoy's words, for logs. */
export const verifyWords: Readonly<Record<VerifyFailure, string>> = {
  ssl_fail_verify_error: 'certificate verify failed',
  ssl_fail_verify_san: 'verify cert failed: SAN matcher',
  ssl_fail_verify_cert_hash: 'verify cert failed: verify hash',
};

/** null: the peer may go on. `trusted`: the library found a chain to the trust bundle. */
export function refusePeer(
  certificate: X509Certificate,
  trusted: boolean,
  validation: ValidationConfig,
): VerifyFailure | null {
  if (validation.acceptUntrusted) return null;
  if (validation.trust !== null && !trusted) return 'ssl_fail_verify_error';
  const { trustDomains } = validation;
  if (trustDomains !== null && !isSignedByItsDomain(certificate, trustDomains)) return 'ssl_fail_verify_error';
  if (!acceptsName(validation.sans, subjectAltNames(certificate.subjectAltName))) return 'ssl_fail_verify_san';
  return acceptsHash(certificate, validation) ? null : 'ssl_fail_verify_cert_hash';
}

function acceptsName(sans: ValidationConfig['sans'], names: readonly SubjectAltName[]): boolean {
  if (sans.length === 0) return true;
  return sans.some((wanted) =>
    names.some(({ type, value }) => (wanted.type === 'any' || wanted.type === type) && wanted.matches(value)),
  );
}

function acceptsHash(certificate: X509Certificate, { hashes, keyHashes }: ValidationConfig): boolean {
  if (hashes.size + keyHashes.size === 0) return true;
  if (hashes.has(certificate.fingerprint256.replaceAll(':', '').toLowerCase())) return true;
  if (keyHashes.size === 0) return false;
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return keyHashes.has(createHash('sha256').update(key).digest('base64'));
}

/**
 * https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md section 5: an SVID is verified with the bundle of its own trust domain.
 * The library has verified it with the bundles of all of them; a chain to one of its own roots is looked for here, link by link, because the
 * peer chooses what it sends.
 */
function isSignedByItsDomain(certificate: X509Certificate, trustDomains: ReadonlyMap<string, string>): boolean {
  const id = subjectAltNames(certificate.subjectAltName).find(({ type }) => type === 'uri')?.value ?? '';
  const bundle = trustDomains.get(/^spiffe:\/\/([^/]+)\//.exec(id)?.[1] ?? '');
  if (bundle === undefined) return false;
  const roots = certificatesIn(bundle);
  let current: X509Certificate = certificate;
  for (let depth = 0; depth < DEEPEST; depth++) {
    if (roots.some((root) => isIssuedBy(current, root))) return true;
    const next = current.issuerCertificate;
    if (next === undefined || !next.ca || !isCurrent(next) || !isIssuedBy(current, next)) return false;
    current = next;
  }
  return false;
}

const DEEPEST = 10;

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isCurrent({ validFromDate, validToDate }: X509Certificate): boolean {
  const now = Date.now();
  return validFromDate.getTime() <= now && now <= validToDate.getTime();
}

function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (text) => new X509Certificate(text),
  );
}
