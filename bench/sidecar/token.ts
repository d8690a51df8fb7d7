// A signed token (RS256, RFC 7515) and the key set that verifies it, made for the run.
import { createSign, generateKeyPairSync } from 'node:crypto';

export type Token = { readonly text: string; readonly jwks: string };

export const ISSUER = 'https://issuer.bench';

const KEY_ID = 'bench';
const HOURS = 24;

export function tokenWithKeys(): Token {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, sub: 'client', aud: 'shop', iat: now, exp: now + HOURS * 3600 };
  const signed = `${encode({ alg: 'RS256', typ: 'JWT', kid: KEY_ID })}.${encode(claims)}`;
  const signature = createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url');
  const key = { ...publicKey.export({ format: 'jwk' }), kid: KEY_ID, alg: 'RS256', use: 'sig' };
  return { text: `${signed}.${signature}`, jwks: JSON.stringify({ keys: [key] }) };
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
