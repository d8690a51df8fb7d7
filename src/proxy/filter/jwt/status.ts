// Why a token is not accepted, in Envoy's words: they are the body of the answer. '' is success.

export const status = {
  ok: '',
  missing: 'Jwt is missing',
  notYetValid: 'Jwt not yet valid',
  expired: 'Jwt is expired',
  badFormat: 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  headerBase64: 'Jwt header is an invalid Base64url encoded',
  headerJson: 'Jwt header is an invalid JSON',
  badAlgorithm: 'Jwt header [alg] field is required and must be a string',
  unknownAlgorithm: 'Jwt header [alg] is not supported',
  badKeyId: 'Jwt header [kid] field is not a string',
  payloadBase64: 'Jwt payload is an invalid Base64url encoded',
  payloadJson: 'Jwt payload is an invalid JSON',
  signatureBase64: 'Jwt signature is an invalid Base64url encoded',
  badIssuer: 'Jwt payload [iss] field is not a string',
  badSubject: 'Jwt payload [sub] field is not a string',
  badId: 'Jwt payload [jti] field is not a string',
  badAudience: 'Jwt payload [aud] field is not a string or string list',
  unknownIssuer: 'Jwt issuer is not configured',
  audience: 'Audiences in Jwt are not allowed',
  verification: 'Jwt verification fails',
  noKey: "Jwks doesn't have key to match kid or alg from Jwt",
  fetchFailed: 'Jwks remote fetch is failed',
} as const;

export function notAnInteger(claim: 'exp' | 'iat' | 'nbf'): string {
  return `Jwt payload [${claim}] field is not an integer`;
}

export function notPositive(claim: 'exp' | 'iat' | 'nbf'): string {
  return `Jwt payload [${claim}] field is not a positive 64 bit integer`;
}

/** Numbers of statuses in dynamic metadata: their places in the enumeration of Envoy's library, which has some more. */
const CODES: ReadonlyMap<string, number> = new Map([
  ...[
    status.ok,
    status.missing,
    status.notYetValid,
    status.expired,
    status.badFormat,
    status.headerBase64,
    status.headerJson,
    status.badAlgorithm,
    status.unknownAlgorithm,
    status.badKeyId,
    status.payloadBase64,
    status.payloadJson,
    status.badIssuer,
    status.badSubject,
    notAnInteger('iat'),
    notPositive('iat'),
    notAnInteger('nbf'),
    notPositive('nbf'),
    notAnInteger('exp'),
    notPositive('exp'),
    status.badId,
    status.badAudience,
    status.signatureBase64,
  ].map((text, place) => [text, place] as const),
  [status.unknownIssuer, 24],
  [status.audience, 25],
  [status.verification, 26],
  [status.noKey, 32],
  [status.fetchFailed, 40],
]);

export function statusCode(outcome: string): number {
  return CODES.get(outcome) ?? 0;
}
