// Tokens and key sets: text of any form is read or refused, never an exception.
import { KeySet } from '../../src/proxy/filter/jwt/keys.ts';
import { parseToken } from '../../src/proxy/filter/jwt/token.ts';
import type { Target } from './target.ts';

export const jwt: Target = {
  name: 'jwt',
  run(input) {
    const text = input.toString('latin1');
    // A corpus of readable claims: sections that are not base64 yet are made so.
    const token = parseToken(text.split('.').map(encoded).join('.'));
    if (typeof token === 'string') {
      if (token === '') throw new Error('refused without a reason');
      return;
    }
    const { issuer, subject, audiences, expires, notBefore, issuedAt, keyId } = token;
    for (const one of [issuer, subject, ...audiences, keyId ?? ''])
      if (typeof one !== 'string') throw new Error(`${JSON.stringify(one)} is no text`);
    for (const one of [expires, notBefore, issuedAt])
      if (!Number.isFinite(one) || one < 0) throw new Error(`${one} is no time`);
  },
};

export const jwks: Target = {
  name: 'jwks',
  run(input) {
    KeySet.parse(input.toString('utf8'));
  },
};

function encoded(section: string): string {
  return section.startsWith('{') ? Buffer.from(section, 'latin1').toString('base64url') : section;
}
