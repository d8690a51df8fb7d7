// X.509 as the CA writes and reads it: roots, workload and server certificates; requests that others made.
import './reflect-metadata.ts';
import { type KeyObject, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

export type Validity = { readonly notBefore: Date; readonly notAfter: Date };
export type SigningKey = webcrypto.CryptoKey;

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Bytes of PEM; a request with a 4096-bit RSA key has 1,700. */
const MAX_REQUEST = 16 * 1024;

/** The request is not one we sign; the message says why. */
export class BadRequest extends Error {}

export async function importSigningKey(key: KeyObject): Promise<SigningKey> {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

export async function selfSign(
  keys: webcrypto.CryptoKeyPair,
  trustDomain: string,
  validity: Validity,
): Promise<string> {
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: nameOf('O', trustDomain),
    keys,
    ...validity,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return certificate.toString('pem');
}

export type Issuer = { readonly certificate: string; readonly key: SigningKey };

/** For whom a certificate is. `commonName` '' leaves the subject empty. */
export type Holder = { readonly commonName: string; readonly names: readonly JsonGeneralName[] };

/** Signs the request's key. Subject, names and extensions of the request are not looked at. @throws BadRequest */
export async function signRequest(pem: string, holder: Holder, validity: Validity, issuer: Issuer): Promise<string> {
  const request = await verifyRequest(pem);
  const root = new X509Certificate(issuer.certificate);
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    // RFC 5280 4.2.1.6: critical when the subject is empty.
    new SubjectAlternativeNameExtension([...holder.names], holder.commonName === ''),
    await AuthorityKeyIdentifierExtension.create(root.publicKey),
  ];
  const certificate = await X509CertificateGenerator.create({
    subject: holder.commonName === '' ? undefined : nameOf('CN', holder.commonName),
    issuer: root.subjectName,
    publicKey: request.publicKey,
    signingKey: issuer.key,
    signingAlgorithm: algorithm,
    extensions,
    ...validity,
  });
  return certificate.toString('pem');
}

async function verifyRequest(pem: string): Promise<Pkcs10CertificateRequest> {
  if (pem.length > MAX_REQUEST) throw new BadRequest(`certificate request is longer than ${MAX_REQUEST} bytes`);
  let request: Pkcs10CertificateRequest;
  try {
    request = new Pkcs10CertificateRequest(pem);
  } catch (error) {
    throw new BadRequest('certificate request is not a PKCS #10 request in PEM', { cause: error });
  }
  const proven = await request.verify().catch(() => false);
  if (!proven) throw new BadRequest('certificate request is not signed by its own key');
  return request;
}

function nameOf(attribute: 'O' | 'CN', value: string): Name {
  return new Name([{ [attribute]: [value] }]);
}
