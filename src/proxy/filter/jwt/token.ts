// The text of a token → its parts, checked for form only.
import { notAnInteger, notPositive, status } from './status.ts';

export type Json = Readonly<Record<string, unknown>>;

export type Token = {
  readonly text: string;
  readonly header: Json;
  readonly algorithm: string;
  /** null: the header names none. */
  readonly keyId: string | null;
  readonly payload: Json;
  /** As it stands in the token. */
  readonly encodedPayload: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** Seconds since the epoch; 0 when absent. */
  readonly expires: number;
  readonly notBefore: number;
  readonly issuedAt: number;
};

/** Algorithms Envoy verifies. */
const ALGORITHMS: ReadonlySet<string> = new Set([
  ...['ES256', 'ES384', 'ES512', 'HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'EdDSA',
]);

/** A string is what is wrong. */
export function parseToken(text: string): Token | string {
  const parts = text.split('.');
  const [head = '', payloadText = '', signature = ''] = parts;
  if (parts.length !== 3 || parts.includes('')) return status.badFormat;
  const header = parseSection(head, status.headerBase64, status.headerJson);
  if (typeof header === 'string') return header;
  const { alg: algorithm, kid } = header;
  if (typeof algorithm !== 'string') return status.badAlgorithm;
  if (!ALGORITHMS.has(algorithm)) return status.unknownAlgorithm;
  if (kid !== undefined && typeof kid !== 'string') return status.badKeyId;
  const payload = parseSection(payloadText, status.payloadBase64, status.payloadJson);
  if (typeof payload === 'string') return payload;
  const wrong = wrongClaim(payload);
  if (wrong !== '') return wrong;
  if (!isBase64Url(signature)) return status.signatureBase64;
  return {
    text,
    header,
    algorithm,
    keyId: kid ?? null,
    payload,
    encodedPayload: payloadText,
    issuer: (payload['iss'] as string | undefined) ?? '',
    subject: (payload['sub'] as string | undefined) ?? '',
    audiences: [payload['aud'] ?? []].flat() as string[],
    expires: (payload['exp'] as number | undefined) ?? 0,
    notBefore: (payload['nbf'] as number | undefined) ?? 0,
    issuedAt: (payload['iat'] as number | undefined) ?? 0,
  };
}

function wrongClaim(payload: Json): string {
  const { iss, sub, jti, aud } = payload as Record<string, unknown>;
  if (iss !== undefined && typeof iss !== 'string') return status.badIssuer;
  if (sub !== undefined && typeof sub !== 'string') return status.badSubject;
  for (const claim of ['iat', 'nbf', 'exp'] as const) {
    const value = payload[claim];
    if (value === undefined) continue;
    if (typeof value !== 'number') return notAnInteger(claim);
    if (value < 0 || !Number.isFinite(value)) return notPositive(claim);
  }
  if (jti !== undefined && typeof jti !== 'string') return status.badId;
  const listed = Array.isArray(aud) ? aud : [aud ?? ''];
  return listed.every((one) => typeof one === 'string') ? '' : status.badAudience;
}

function parseSection(text: string, badBase64: string, badJson: string): Json | string {
  if (!isBase64Url(text)) return badBase64;
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : badJson;
  } catch {
    return badJson;
  }
}

function isBase64Url(text: string): boolean {
  return text !== '' && text.length % 4 !== 1 && /^[A-Za-z0-9_-]+$/.test(text);
}
