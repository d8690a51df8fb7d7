// What is signed and what is encrypted, as Envoy does it: HMAC-SHA256, AES-256-CBC under the SHA-256 of the same secret. Secrets and texts hold one
// character per byte.
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const IV = 16;

/** Base64. */
export function sign(secret: string, message: string): string {
  return hmac(secret, message).toString('base64');
}

/** Also as older Envoys signed: base64 of hexadecimal. */
export function isSigned(secret: string, message: string, signature: string): boolean {
  const digest = hmac(secret, message);
  const hex = Buffer.from(digest.toString('hex')).toString('base64');
  return isSame(digest.toString('base64'), signature) || isSame(hex, signature);
}

/** In constant time for texts of one length. */
export function isSame(a: string, b: string): boolean {
  const left = Buffer.from(a, 'latin1');
  const right = Buffer.from(b, 'latin1');
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Base64url of a random initialization vector and what follows of it. */
export function encrypt(secret: string, text: string): string {
  const iv = randomBytes(IV);
  const cipher = createCipheriv('aes-256-cbc', keyOf(secret), iv);
  return Buffer.concat([iv, cipher.update(text, 'latin1'), cipher.final()]).toString('base64url');
}

/** null: it is not of this secret. Where it is something else it may by chance be anything: only signatures tell. */
export function decrypt(secret: string, sealed: string): string | null {
  if (!/^[A-Za-z0-9_-]+$/.test(sealed)) return null;
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length <= IV) return null;
  const decipher = createDecipheriv('aes-256-cbc', keyOf(secret), bytes.subarray(0, IV));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(IV)), decipher.final()]).toString('latin1');
  } catch {
    return null;
  }
}

/** RFC 7636. */
export function makeVerifier(): string {
  return randomBytes(32).toString('base64url');
}

export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

export function makeFlowId(): string {
  return randomBytes(8).toString('hex');
}

function hmac(secret: string, message: string): Buffer {
  return createHmac('sha256', Buffer.from(secret, 'latin1')).update(message, 'latin1').digest();
}

function keyOf(secret: string): Buffer {
  return createHash('sha256').update(secret, 'latin1').digest();
}
