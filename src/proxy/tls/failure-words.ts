// Why a handshake failed, in Envoy's words: its TLS library (BoringSSL) names a reason and its number, where ours names a code.
// https://boringssl.googlesource.com/boringssl/+/refs/heads/main/include/openssl/ssl.h (SSL_R_*)

/** What the library throws for a certificate that it verified. */
const FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'certificate has expired',
  CERT_NOT_YET_VALID: 'certificate is not yet valid',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to get local issuer certificate',
  UNABLE_TO_GET_ISSUER_CERT: 'unable to get local issuer certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed certificate in certificate chain',
  INVALID_PURPOSE: 'unsupported certificate purpose',
  CERT_REVOKED: 'certificate revocation check against provided CRLs failed: certificate revoked',
};

/** Numbers of BoringSSL, by the name of OpenSSL's reason where that is another one. */
const REASONS: Readonly<Record<string, readonly [number: number, name?: string]>> = {
  HTTP_REQUEST: [156],
  HTTPS_PROXY_REQUEST: [155],
  NO_RENEGOTIATION: [186],
  NO_SHARED_CIPHER: [184],
  NO_SUITABLE_KEY_SHARE: [266, 'NO_SHARED_GROUP'],
  NO_SUITABLE_SIGNATURE_ALGORITHM: [253, 'NO_COMMON_SIGNATURE_ALGORITHMS'],
  NO_SHARED_SIGNATURE_ALGORITHMS: [253, 'NO_COMMON_SIGNATURE_ALGORITHMS'],
  PEER_DID_NOT_RETURN_A_CERTIFICATE: [192],
  UNSUPPORTED_PROTOCOL: [240],
  VERSION_TOO_LOW: [240, 'UNSUPPORTED_PROTOCOL'],
  WRONG_VERSION_NUMBER: [247],
};

/** Alerts of the peer (RFC 8446 section 6), under the library's names. */
const ALERTS: Readonly<Record<string, number>> = {
  UNEXPECTED_MESSAGE: 10,
  BAD_RECORD_MAC: 20,
  RECORD_OVERFLOW: 22,
  HANDSHAKE_FAILURE: 40,
  BAD_CERTIFICATE: 42,
  UNSUPPORTED_CERTIFICATE: 43,
  CERTIFICATE_REVOKED: 44,
  CERTIFICATE_EXPIRED: 45,
  CERTIFICATE_UNKNOWN: 46,
  ILLEGAL_PARAMETER: 47,
  UNKNOWN_CA: 48,
  ACCESS_DENIED: 49,
  DECODE_ERROR: 50,
  DECRYPT_ERROR: 51,
  PROTOCOL_VERSION: 70,
  INSUFFICIENT_SECURITY: 71,
  INTERNAL_ERROR: 80,
  USER_CANCELLED: 90,
  NO_RENEGOTIATION: 100,
  UNSUPPORTED_EXTENSION: 110,
  UNRECOGNIZED_NAME: 112,
  BAD_CERTIFICATE_STATUS_RESPONSE: 113,
  BAD_CERTIFICATE_HASH_VALUE: 114,
  CERTIFICATE_REQUIRED: 116,
  NO_APPLICATION_PROTOCOL: 120,
};
/** Alerts that were SSL 3's go by its name. */
const OLD_ALERTS: ReadonlySet<number> = new Set([10, 20, 40, 42, 43, 44, 45, 46, 47]);

/** Reasons of the library ERR_LIB_SSL are counted from here, those that came as alerts from a thousand on. */
const LIBRARY = 16 << 24;
const ALERT = 1000;

export const NO_CERTIFICATE = failure(
  192,
  'PEER_DID_NOT_RETURN_A_CERTIFICATE',
  'peer did not provide required client certificate',
);

/** A certificate whose key may not sign. */
export const KEY_USAGE = failure(302, 'KEY_USAGE_BIT_INCORRECT');

/** `about`: a refusal's further words, as in `verify cert failed: SAN matcher`. */
export function verifyFailure(about: string): string {
  return failure(125, 'CERTIFICATE_VERIFY_FAILED', about);
}

/** `code`: as the library names the fault of a chain. */
export function chainFailure(code: string): string {
  const words = FAULTS[code] ?? code.toLowerCase().replaceAll('_', ' ');
  return verifyFailure(
    `verify cert failed: X509_verify_cert: certificate verification error at depth ${depthOf(code)}: ${words}`,
  );
}

/** An error during a handshake. The peer is only gone where `counts` is false: no error of TLS. */
export function libraryFailure({ code = '', syscall, message }: NodeJS.ErrnoException): {
  readonly words: string;
  readonly counts: boolean;
} {
  if (code === 'ECONNRESET') return { words: syscall === 'read' ? RESET : '', counts: false };
  if (!code.startsWith('ERR_SSL_')) return { words: `TLS_error:${message}`, counts: true };
  return { words: wordsOf(code.slice('ERR_SSL_'.length)), counts: true };
}

/** Of the library for system calls, number 104. */
const RESET = 'TLS_error:|33554536:system library:OPENSSL_internal:Connection reset by peer:TLS_error_end';

function wordsOf(reason: string): string {
  const [, name] = /^(?:SSL\/TLS|SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(\w+)$/.exec(reason) ?? [];
  const alert = name === undefined ? undefined : ALERTS[name];
  if (alert !== undefined) {
    const version = OLD_ALERTS.has(alert) ? 'SSLV3' : 'TLSV1';
    return failure(ALERT + alert, `${version}_ALERT_${name}`);
  }
  const [number, own = reason] = REASONS[reason] ?? [null];
  return failure(number, own);
}

/** null: of no number that Envoy has. */
function failure(number: number | null, reason: string, about = ''): string {
  const code = number === null ? '' : `${LIBRARY + number}:`;
  return `TLS_error:|${code}SSL routines:OPENSSL_internal:${reason}${about === '' ? '' : `:${about}`}:TLS_error_end`;
}

/** The library does not say where in a chain it found the fault: at its end, unless the fault itself says otherwise. */
function depthOf(code: string): number {
  return code === 'SELF_SIGNED_CERT_IN_CHAIN' ? 1 : 0;
}
