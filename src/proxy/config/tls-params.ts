// TlsParameters → OpenSSL's words for versions, ciphers, groups and signature algorithms.
import { getCiphers } from 'node:tls';
import {
  TlsParameters_CompliancePolicy as Policy,
  type TlsParameters,
  TlsParameters_TlsProtocol as TlsProtocol,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import type { TlsParams, TlsVersion } from './tls-types.ts';

/** Envoy's defaults: forward secrecy and authenticated encryption only, all of them allowed by FIPS 140 but ChaCha20. */
const CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
];
/** TLS 1.3 has its own, which `cipher_suites` does not touch. */
const MODERN_CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
const CURVES = ['X25519', 'P-256'];
const KNOWN_CURVES: ReadonlySet<string> = new Set(['X25519', 'P-256', 'P-384', 'P-521', 'X25519MLKEM768']);
const SIGNATURES =
  /^(rsa_pkcs1_sha(1|256|384|512)|rsa_pss_rsae_sha(256|384|512)|ecdsa_secp256r1_sha256|ecdsa_secp384r1_sha384|ecdsa_secp521r1_sha512|ed25519)$/;

type ChosenParams = Omit<TlsParams, 'keyLog'>;

/** NIST SP 800-52 Rev. 2 as BoringSSL reads it (`ssl_compliance_policy_fips_202205`): in place of what else is configured. */
const FIPS: ChosenParams = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384',
    ...CIPHERS.filter((cipher) => cipher.includes('-AES')),
  ].join(':'),
  curves: 'P-256:P-384',
  signatureAlgorithms: [
    ...['rsa_pkcs1_sha256', 'rsa_pkcs1_sha384', 'rsa_pkcs1_sha512'],
    ...['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384'],
    ...['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'],
  ].join(':'),
};

export function decodeParams(params: TlsParameters | undefined, path: string): ChosenParams {
  const own = decodeOwnParams(params, path);
  const [policy, ...more] = params?.compliancePolicies ?? [];
  if (policy === undefined) return own;
  const here = at(path, 'compliance_policies');
  if (more.length > 0) throw new ConfigError(here, 'must be at most one');
  if (policy !== Policy.FIPS_202205) throw new ConfigError(here, 'is not supported (hint: FIPS_202205)');
  return FIPS;
}

function decodeOwnParams(params: TlsParameters | undefined, path: string): ChosenParams {
  const minVersion = version(params?.tlsMinimumProtocolVersion, 'TLSv1.2', at(path, 'tls_minimum_protocol_version'));
  const maxVersion = version(params?.tlsMaximumProtocolVersion, 'TLSv1.3', at(path, 'tls_maximum_protocol_version'));
  if (minVersion > maxVersion) throw new ConfigError(at(path, 'tls_minimum_protocol_version'), 'is over the maximum');
  const given = params?.cipherSuites ?? [];
  const ciphers = given.length === 0 ? CIPHERS : decodeCiphers(given, at(path, 'cipher_suites'));
  const curves = mapAt(params?.ecdhCurves ?? [], at(path, 'ecdh_curves'), decodeCurve);
  const signatures = mapAt(params?.signatureAlgorithms ?? [], at(path, 'signature_algorithms'), decodeSignature);
  return {
    minVersion,
    maxVersion,
    ciphers: `${MODERN_CIPHERS}:${ciphers.join(':')}`,
    curves: (curves.length === 0 ? CURVES : curves).join(':'),
    signatureAlgorithms: signatures.join(':'),
  };
}

/** Entries may be lists with colons, and `[A|B]`, ciphers of the same rank: OpenSSL has no ranks, the first goes first. */
function decodeCiphers(suites: readonly string[], path: string): readonly string[] {
  const known = new Set(getCiphers());
  return suites
    .join(':')
    .split(':')
    .flatMap((suite) => (/^\[.*\]$/.test(suite) ? suite.slice(1, -1).split('|') : [suite]))
    .map((suite) => {
      if (!known.has(suite.toLowerCase()) || suite.startsWith('TLS_')) {
        throw new ConfigError(path, `${suite} is not a cipher of TLS 1.2 (hint: ${CIPHERS[0]})`);
      }
      return suite;
    });
}

function decodeCurve(curve: string, path: string): string {
  if (!KNOWN_CURVES.has(curve)) {
    throw new ConfigError(path, `${curve} is not supported (hint: ${[...KNOWN_CURVES].join(', ')})`);
  }
  return curve;
}

function decodeSignature(algorithm: string, path: string): string {
  if (!SIGNATURES.test(algorithm)) {
    throw new ConfigError(path, `${algorithm} is not supported (hint: ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256)`);
  }
  return algorithm;
}

function version(protocol: TlsProtocol | undefined, fallback: TlsVersion, path: string): TlsVersion {
  switch (protocol) {
    case undefined:
    case TlsProtocol.TLS_AUTO:
      return fallback;
    case TlsProtocol.TLSv1_2:
      return 'TLSv1.2';
    case TlsProtocol.TLSv1_3:
      return 'TLSv1.3';
    default:
      throw new ConfigError(path, 'is older than TLSv1_2');
  }
}
