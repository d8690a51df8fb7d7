// CertificateValidationContext → what a peer's certificate must show.

import { isName } from '../../lib/dns-name.ts';
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import {
  type CertificateValidationContext,
  SubjectAltNameMatcher_SanType as GivenSanType,
  type SubjectAltNameMatcher,
  CertificateValidationContext_TrustChainVerification as TrustChain,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { SPIFFECertValidatorConfigSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.ts';
import { compileString } from '../route/match/string-matcher.ts';
import { unpack } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { ownSecret } from './secret-files.ts';
import type { PeerChecks, SanType, SecretValue, ValidationConfig } from './tls-types.ts';
import { readTrustBundles } from './trust-bundles.ts';
import { readSource } from './values.ts';

type Sans = PeerChecks['sans'];
type Trust = Extract<SecretValue, { kind: 'trust' }>;

export const noChecks: PeerChecks = {
  sans: [],
  hashes: new Set(),
  keyHashes: new Set(),
  acceptUntrusted: false,
  trustDomains: null,
  maxDepth: null,
};

export function decodeInlineValidation(context: CertificateValidationContext, path: string): ValidationConfig {
  const { checks, roots } = decodeTrust(context, path);
  const read = (): SecretValue => {
    const { checks: _own, ...secret } = decodeTrust(context, path);
    return secret;
  };
  if (roots === '') return { ...checks, trust: null };
  return { ...checks, trust: ownSecret({ case: 'validationContext', value: context }, context.watchedDirectory, read) };
}

/** Without a trust bundle only pinned certificates and keys are accepted. */
export function decodeTrust(
  context: CertificateValidationContext,
  path: string,
): Trust & { readonly checks: PeerChecks } {
  const checks = decodeChecks(context, path);
  const { trustDomains } = checks;
  const crl = context.crl ? { crl: readSource(context.crl, at(path, 'crl')) } : {};
  if (trustDomains !== null) return { kind: 'trust', roots: [...trustDomains.values()].join('\n'), checks, ...crl };
  if (context.trustedCa) {
    return { kind: 'trust', roots: readSource(context.trustedCa, at(path, 'trusted_ca')), checks, ...crl };
  }
  const pinned = checks.hashes.size + checks.keyHashes.size > 0;
  if (!pinned || checks.sans.length > 0 || context.crl) throw new ConfigError(at(path, 'trusted_ca'), 'is empty');
  return { kind: 'trust', roots: '', checks };
}

export function decodeChecks(context: CertificateValidationContext, path: string): PeerChecks {
  return {
    sans: decodeSans(context, path),
    hashes: new Set(mapAt(context.verifyCertificateHash, at(path, 'verify_certificate_hash'), decodeHash)),
    keyHashes: new Set(mapAt(context.verifyCertificateSpki, at(path, 'verify_certificate_spki'), decodeKeyHash)),
    acceptUntrusted: context.trustChainVerification === TrustChain.ACCEPT_UNTRUSTED,
    trustDomains: context.customValidatorConfig
      ? decodeTrustDomains(context.customValidatorConfig, at(path, 'custom_validator_config'))
      : null,
    maxDepth: decodeDepth(context.maxVerifyDepth, at(path, 'max_verify_depth')),
  };
}

export function asksNothing({ sans, hashes, keyHashes, acceptUntrusted, trustDomains, maxDepth }: PeerChecks): boolean {
  const pins = sans.length + hashes.size + keyHashes.size;
  return pins === 0 && !acceptUntrusted && trustDomains === null && maxDepth === null;
}

function decodeDepth(depth: number | undefined, path: string): number | null {
  if (depth !== undefined && depth > 100) throw new ConfigError(path, 'must be at most 100');
  return depth ?? null;
}

function decodeTrustDomains(config: TypedExtensionConfig, path: string): ReadonlyMap<string, string> {
  const here = at(path, 'typed_config');
  const { trustDomains, trustBundles } = unpack(config.typedConfig, SPIFFECertValidatorConfigSchema, here);
  if (trustBundles !== undefined) return readTrustBundles(trustBundles, at(here, 'trust_bundles'));
  const list = at(here, 'trust_domains');
  if (trustDomains.length === 0) throw new ConfigError(list, 'is empty');
  const roots = new Map<string, string>();
  mapAt(trustDomains, list, ({ name, trustBundle }, place) => {
    if (name === '') throw new ConfigError(at(place, 'name'), 'is empty');
    if (roots.has(name)) throw new ConfigError(at(place, 'name'), `${name} is there twice`);
    roots.set(name, readSource(trustBundle, at(place, 'trust_bundle')));
  });
  return roots;
}

function decodeSans(context: CertificateValidationContext, path: string): Sans {
  return [
    ...mapAt(context.matchTypedSubjectAltNames, at(path, 'match_typed_subject_alt_names'), decodeSan),
    ...mapAt(context.matchSubjectAltNames, at(path, 'match_subject_alt_names'), (matcher, here) => ({
      type: 'any' as const,
      matches: compileString(matcher, here),
    })),
  ];
}

const SAN_TYPES: Readonly<Partial<Record<GivenSanType, SanType>>> = {
  [GivenSanType.URI]: 'uri',
  [GivenSanType.DNS]: 'dns',
  [GivenSanType.EMAIL]: 'email',
  [GivenSanType.IP_ADDRESS]: 'ip',
};

export function decodeSan(
  { sanType, matcher }: SubjectAltNameMatcher,
  path: string,
): Sans[number] & { readonly type: SanType } {
  const type = SAN_TYPES[sanType];
  if (type === undefined) {
    throw new ConfigError(at(path, 'san_type'), 'is not supported (hint: URI, DNS, EMAIL, IP_ADDRESS)');
  }
  const pattern = matcher?.matchPattern;
  if (type === 'dns' && pattern?.case === 'exact') return { type, matches: (name) => isName(name, pattern.value) };
  return { type, matches: compileString(matcher, at(path, 'matcher')) };
}

/** Hex, with colons or without. */
function decodeHash(hash: string, path: string): string {
  const plain = hash.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(plain)) throw new ConfigError(path, 'is not a SHA-256 in hexadecimal');
  return plain;
}

function decodeKeyHash(hash: string, path: string): string {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(hash)) throw new ConfigError(path, 'is not a SHA-256 in base64');
  return hash;
}
