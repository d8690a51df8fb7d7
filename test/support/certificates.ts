// Certificates for tests: an authority and leaves with SPIFFE ids or DNS names, made in memory.
import { createHash, type webcrypto } from 'node:crypto';

// x509 asks for a decorator metadata polyfill at load but only stores what it never reads back.
if (!('getMetadata' in Reflect)) {
  const none = (): undefined => undefined;
  Object.assign(Reflect, { getMetadata: none, getOwnMetadata: none, defineMetadata: none });
}
const x509 = await import('@peculiar/x509');

const EC = { name: 'ECDSA', namedCurve: 'P-256' };
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' };

type CertificateRequest = {
  readonly commonName?: string;
  readonly uris?: readonly string[];
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** What its key is for, of its extended usages; without, both. */
  readonly usage?: 'server' | 'client';
  readonly rsa?: boolean;
  /** Its key may agree on keys, and sign nothing. */
  readonly signsNothing?: boolean;
};

/** PEM texts. */
type IssuedCertificate = { readonly certificate: string; readonly key: string };

export type TestAuthority = {
  readonly certificate: string;
  readonly key: string;
  issue(request: CertificateRequest): Promise<IssuedCertificate>;
  /** Another authority, which this one signed; its leaves come with its own certificate behind them. */
  delegate(name: string): Promise<TestAuthority>;
  /** A revocation list (PEM) with these certificates (PEM) on it. */
  revoke(certificates: readonly string[]): Promise<string>;
};

const DAY = 86_400_000;

/** A leaf that nobody but itself vouches for. */
export async function selfSigned(request: CertificateRequest): Promise<IssuedCertificate> {
  const keys = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const leaf = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=itself',
    keys,
    ...authorityFields('itself'),
    extensions: await leafExtensions({ ...request, commonName: 'itself' }, keys.publicKey),
  });
  return { certificate: leaf.toString('pem'), key: await privatePem(keys.privateKey) };
}

export async function makeAuthority(name = 'Test authority'): Promise<TestAuthority> {
  const keys = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    ...authorityFields(name),
    extensions: await authorityExtensions(keys.publicKey),
  });
  return authorityOf(name, keys, root.toString('pem'), '');
}

/** `behind`: what its leaves bring with them, PEM. */
async function authorityOf(
  name: string,
  keys: webcrypto.CryptoKeyPair,
  certificate: string,
  behind: string,
): Promise<TestAuthority> {
  const subject = `CN=${name}`;
  let issued = 0;
  return {
    certificate,
    key: await privatePem(keys.privateKey),
    async issue(request) {
      const leafKeys = await crypto.subtle.generateKey(request.rsa === true ? RSA : EC, true, ['sign', 'verify']);
      issued += 1;
      const leaf = await x509.X509CertificateGenerator.create({
        subject: request.commonName === undefined ? '' : `CN=${request.commonName}`,
        issuer: subject,
        serialNumber: serialOf(`${name} ${issued} ${Date.now()}`),
        publicKey: leafKeys.publicKey,
        signingKey: keys.privateKey,
        notBefore: new Date(request.notBefore ?? Date.now() - DAY),
        notAfter: new Date(request.notAfter ?? Date.now() + 7 * DAY),
        signingAlgorithm: SIGNING,
        extensions: await leafExtensions(request, keys.publicKey),
      });
      return { certificate: `${leaf.toString('pem')}\n${behind}`, key: await privatePem(leafKeys.privateKey) };
    },
    async delegate(delegated) {
      const own = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
      const made = await x509.X509CertificateGenerator.create({
        subject: `CN=${delegated}`,
        issuer: subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        ...authorityFields(delegated),
        extensions: [
          ...(await authorityExtensions(own.publicKey)),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      const pem = made.toString('pem');
      return authorityOf(delegated, own, pem, `${pem}\n${behind}`);
    },
    async revoke(certificates) {
      const list = await x509.X509CrlGenerator.create({
        issuer: subject,
        thisUpdate: new Date(Date.now() - DAY),
        nextUpdate: new Date(Date.now() + 7 * DAY),
        signingAlgorithm: SIGNING,
        signingKey: keys.privateKey,
        extensions: [
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
          // RFC 5280 5.2.3: the number of the list.
          new x509.Extension('2.5.29.20', false, new Uint8Array([2, 1, 1])),
        ],
        entries: certificates.map((pem) => ({
          serialNumber: new x509.X509Certificate(pem).serialNumber,
          reason: x509.X509CrlReason.keyCompromise,
        })),
      });
      // RFC 7468 section 6.
      return x509.PemConverter.encode(list.rawData, 'X509 CRL');
    },
  };
}

function authorityFields(name: string) {
  return {
    serialNumber: serialOf(name),
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + 30 * DAY),
    signingAlgorithm: SIGNING,
  };
}

async function authorityExtensions(key: webcrypto.CryptoKey) {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(key),
  ];
}

async function leafExtensions(request: CertificateRequest, authorityKey: webcrypto.CryptoKey) {
  const names = [
    ...(request.uris ?? []).map((value) => ({ type: 'url' as const, value })),
    ...(request.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(request.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(
      request.signsNothing === true ? x509.KeyUsageFlags.keyAgreement : x509.KeyUsageFlags.digitalSignature,
      true,
    ),
    new x509.ExtendedKeyUsageExtension([
      ...(request.usage === 'client' ? [] : [x509.ExtendedKeyUsage.serverAuth]),
      ...(request.usage === 'server' ? [] : [x509.ExtendedKeyUsage.clientAuth]),
    ]),
    await x509.AuthorityKeyIdentifierExtension.create(authorityKey),
    // RFC 5280 4.2.1.6: critical when the subject is empty.
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names, request.commonName === undefined)] : []),
  ];
}

/** Positive and at most 20 octets (RFC 5280 4.1.2.2). */
function serialOf(seed: string): string {
  return `01${createHash('sha256').update(seed).digest('hex').slice(0, 30)}`;
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
