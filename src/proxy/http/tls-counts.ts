// What is counted of handshakes, under Envoy's names (`listener.<name>.ssl.<field>`, `cluster.<name>.ssl.<field>`).

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
  /** By what was agreed; null before the first handshake. */
  ciphers: Record<string, number> | null = null;
  versions: Record<string, number> | null = null;
  /** Groups of key exchanges. */
  curves: Record<string, number> | null = null;

  /** '' for what is not known. */
  count({ cipher, version, curve, shown, resumed }: Handshake): void {
    this.handshake += 1;
    if (resumed) this.session_reused += 1;
    if (!shown) this.no_certificate += 1;
    this.ciphers = withOne(this.ciphers, cipher);
    this.versions = withOne(this.versions, version);
    if (curve !== '') this.curves = withOne(this.curves, curve);
  }
}

type Handshake = {
  readonly cipher: string;
  readonly version: string;
  readonly curve: string;
  /** The peer showed a certificate. */
  readonly shown: boolean;
  readonly resumed: boolean;
};

function withOne(known: Record<string, number> | null, name: string): Record<string, number> {
  const counts = known ?? {};
  counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
