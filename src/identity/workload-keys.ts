// The key of a workload, and the request to have it certified. Written here in DER: a request is five fixed parts around the
// key, and a proxy that loads an X.509 library for them starts a fifth slower.
import { KeyObject, sign, webcrypto } from 'node:crypto';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };

/** DER tags (X.690). */
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_IDENTIFIER = 0x06;
const SEQUENCE = 0x30;
const CONTEXT_0 = 0xa0;

/** ecdsa-with-SHA256, 1.2.840.10045.4.3.2 (RFC 5758 section 3.2). */
const ecdsaWithSha256 = der(SEQUENCE, der(OBJECT_IDENTIFIER, Buffer.from('2a8648ce3d040302', 'hex')));

export async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

/** A PKCS #10 request (RFC 2986) in PEM, with no subject and no attributes: the CA takes who asks from the proof beside it. */
export async function createRequest(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const version = der(INTEGER, Buffer.of(0));
  const subject = der(SEQUENCE);
  const attributes = der(CONTEXT_0);
  const info = der(SEQUENCE, version, subject, await exportPublicKey(keys), attributes);
  const signature = sign('sha256', info, KeyObject.from(keys.privateKey));
  // The first byte says how many bits of the last are not used.
  const request = der(SEQUENCE, info, ecdsaWithSha256, der(BIT_STRING, Buffer.of(0), signature));
  return pem('CERTIFICATE REQUEST', request);
}

export async function exportPrivateKey(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return pem('PRIVATE KEY', Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)));
}

/** DER of the SubjectPublicKeyInfo. */
export async function exportPublicKey(keys: webcrypto.CryptoKeyPair): Promise<Buffer> {
  return Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey));
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const lengthBytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...lengthBytes), content]);
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
