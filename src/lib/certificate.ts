// What certificates say, read from their DER: parsed once per buffer, and only where somebody asks.
import { X509Certificate } from 'node:crypto';

const parsed = new WeakMap<Buffer, X509Certificate>();

export function parseCertificate(der: Buffer): X509Certificate {
  let certificate = parsed.get(der);
  if (certificate === undefined) {
    certificate = new X509Certificate(der);
    parsed.set(der, certificate);
  }
  return certificate;
}

/** RFC 2253 form, '' without. Node gives undefined, whatever its types say, for an empty subject. */
export function subjectOf({ subject }: X509Certificate): string {
  return (subject as string | undefined)?.split('\n').reverse().join(',') ?? '';
}

export function issuerOf({ issuer }: X509Certificate): string {
  return issuer.split('\n').reverse().join(',');
}

/** Alternative names of one of Node's types: `URI`, `DNS`, `IP Address`, `email`. */
export function alternativeNames({ subjectAltName }: X509Certificate, type: string): readonly string[] {
  const prefix = `${type}:`;
  return (subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}
