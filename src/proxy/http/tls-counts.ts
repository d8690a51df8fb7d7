// What is counted of handshakes, under Envoy's names (`listener.<name>.ssl.<field>`, `cluster.<name>.ssl.<field>`).
import { keyKindOf } from '../../lib/certificate-fields.ts';

export class TlsCounts {
  handshake = 0;
  session_reused = 0;
  /** Handshakes whose peer showed no certificate. */
  no_certificate = 0;
  connection_error = 0;
  fail_verify_error = 0;
  fail_verify_no_cert = 0;
  fail_verify_san = 0;
  fail_verify_cert_hash = 0;
  /** Of clients that ask for an OCSP response of a certificate that has one, or must. */
  ocsp_staple_requests = 0;
  ocsp_staple_responses = 0;
  ocsp_staple_omitted = 0;
  ocsp_staple_failed = 0;
  /** By what was agreed; null before the first handshake. */
  ciphers: Record<string, number> | null = null;
  versions: Record<string, number> | null = null;
  /** Groups of key exchanges. */
  curves: Record<string, number> | null = null;
  /** What the peer signed with. */
  sigalgs: Record<string, number> | null = null;

  /** '' for what is not known. */
  count({ cipher, version, curve, certificate, resumed }: Handshake): void {
    this.handshake += 1;
    if (resumed) this.session_reused += 1;
    if (certificate === null) this.no_certificate += 1;
    this.ciphers = withOne(this.ciphers, cipher);
    this.versions = withOne(this.versions, version);
    if (curve !== '') this.curves = withOne(this.curves, curve);
    const sigalg = certificate === null || version !== 'TLSv1.3' ? undefined : SIGNATURES[keyKindOf(certificate)];
    if (sigalg !== undefined) this.sigalgs = withOne(this.sigalgs, sigalg);
  }
}

/** The library does not tell signatures. In TLS 1.3 a key on a curve has but one (RFC 8446 4.2.3), by the curve; RSA has several. */
const SIGNATURES: Readonly<Record<string, string>> = {
  '2a8648ce3d030107': 'ecdsa_secp256r1_sha256',
  '2b81040022': 'ecdsa_secp384r1_sha384',
  '2b81040023': 'ecdsa_secp521r1_sha512',
  '2b6570': 'ed25519',
};

type Handshake = {
  readonly cipher: string;
  readonly version: string;
  readonly curve: string;
  /** Of the peer (DER); null: it showed none. */
  readonly certificate: Buffer | null;
  readonly resumed: boolean;
};

function withOne(known: Record<string, number> | null, name: string): Record<string, number> {
  const counts = known ?? {};
  counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
