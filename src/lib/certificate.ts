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

export type SubjectAltName = { readonly type: 'uri' | 'dns' | 'ip' | 'email'; readonly value: string };

/** By Node's names. */
const TYPES: Readonly<Record<string, SubjectAltName['type']>> = {
  URI: 'uri',
  DNS: 'dns',
  'IP Address': 'ip',
  email: 'email',
};

export function alternativeNames(certificate: X509Certificate, type: SubjectAltName['type']): readonly string[] {
  return subjectAltNames(certificate.subjectAltName)
    .filter((name) => name.type === type)
    .map(({ value }) => value);
}

/** Node's text form: `URI:spiffe://a/b, DNS:c`; a value that could be misread comes as a JSON string. */
export function subjectAltNames(text: string | undefined): SubjectAltName[] {
  const names: SubjectAltName[] = [];
  for (const [, type, value] of (text ?? '').matchAll(/(?:^|, )(URI|DNS|[A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    const known = TYPES[type!];
    if (known !== undefined) names.push({ type: known, value: value!.startsWith('"') ? unquoted(value!) : value! });
  }
  return names;
}

function unquoted(text: string): string {
  const value: unknown = JSON.parse(text);
  return typeof value === 'string' ? value : '';
}
