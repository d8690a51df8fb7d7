// What is asked of a peer's certificate beside a chain to the trust bundle, which the TLS library verifies.
import { createHash, type X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { type SubjectAltName, subjectAltNames } from '../../lib/certificate.ts';
import { isName } from '../../lib/dns-name.ts';
import { chainFailure, verifyFailure } from './failure-words.ts';
import type { PeerChain } from './peer.ts';
import type { CurrentValidation } from './validation.ts';

/** The counters of refusals. */
export type VerifyFailure = 'fail_verify_error' | 'fail_verify_san' | 'fail_verify_cert_hash';

/** In Envoy's words. `fault`: what the library found in the chain; null: nothing. */
export function wordsOfRefusal(
  refusal: VerifyFailure,
  certificate: X509Certificate | undefined,
  fault: string | null,
): string {
  switch (refusal) {
    case 'fail_verify_error':
      return fault === null ? verifyFailure('verify cert failed') : chainFailure(fault);
    case 'fail_verify_san': {
      const names = subjectAltNames(certificate?.subjectAltName).map(({ value }) => value);
      return verifyFailure(`verify cert failed: SAN matcher, certificate SANs are [${names.join(', ')}]`);
    }
    case 'fail_verify_cert_hash':
      return verifyFailure('verify cert failed: cert hash and spki');
  }
}

/** What the library found wrong with the peer's chain; null: nothing, or nobody looked. */
export function faultOf({ authorizationError: fault }: TLSSocket): string | null {
  // Its type says Error; it is the code.
  return fault === undefined || fault === null ? null : String(fault);
}

/** null: the peer may go on. `trusted`: the library found a chain to the trust bundle. */
export function refusePeer(peer: PeerChain, trusted: boolean, validation: CurrentValidation): VerifyFailure | null {
  const { certificate } = peer;
  const { acceptUntrusted, roots, domains, maxDepth, sans } = validation;
  if (acceptUntrusted) return null;
  if (roots !== '' && !trusted) return 'fail_verify_error';
  if (domains !== null && !isSignedByItsDomain(peer, domains)) return 'fail_verify_error';
  if (maxDepth !== null && isDeeper(peer, validation.anchors(), maxDepth)) return 'fail_verify_error';
  if (!acceptsName(sans, subjectAltNames(certificate.subjectAltName))) return 'fail_verify_san';
  return acceptsHash(certificate, validation) ? null : 'fail_verify_cert_hash';
}

/** Whether the certificate is for one of these hosts, which are DNS names or addresses. */
export function isForHost(certificate: X509Certificate, hosts: readonly string[]): boolean {
  return subjectAltNames(certificate.subjectAltName).some(({ type, value }) =>
    hosts.some((host) => (type === 'dns' ? isName(value, host) : value === host)),
  );
}

function acceptsName(sans: CurrentValidation['sans'], names: readonly SubjectAltName[]): boolean {
  if (sans.length === 0) return true;
  return sans.some((wanted) =>
    names.some(({ type, value }) => (wanted.type === 'any' || wanted.type === type) && wanted.matches(value)),
  );
}

function acceptsHash(certificate: X509Certificate, { hashes, keyHashes }: CurrentValidation): boolean {
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
function isSignedByItsDomain(peer: PeerChain, domains: ReadonlyMap<string, readonly X509Certificate[]>): boolean {
  const id = subjectAltNames(peer.certificate.subjectAltName).find(({ type }) => type === 'uri')?.value ?? '';
  const roots = domains.get(/^spiffe:\/\/([^/]+)\//.exec(id)?.[1] ?? '');
  return roots !== undefined && depthOf(peer, roots) < Number.POSITIVE_INFINITY;
}

/** Envoy counts the root too, but of a chain without anything between it asks no more than that it is there. */
function isDeeper(peer: PeerChain, anchors: readonly X509Certificate[], limit: number): boolean {
  const depth = depthOf(peer, anchors);
  return depth > 0 && depth + 1 > limit;
}

/** Certificates between the peer's and one of the anchors; infinite without a chain. */
function depthOf({ certificate, issuers }: PeerChain, anchors: readonly X509Certificate[]): number {
  let current: X509Certificate = certificate;
  for (let depth = 0; depth <= issuers.length; depth++) {
    if (anchors.some((anchor) => isIssuedBy(current, anchor))) return depth;
    const next = issuers.find((issuer) => issuer.ca && isCurrent(issuer) && isIssuedBy(current, issuer));
    if (next === undefined) break;
    current = next;
  }
  return Number.POSITIVE_INFINITY;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isCurrent({ validFromDate, validToDate }: X509Certificate): boolean {
  const now = Date.now();
  return validFromDate.getTime() <= now && now <= validToDate.getTime();
}
