// Secrets: certificates with their keys, and trust bundles, as values (a Secret resource) or by reference.

import type {
  CertificateValidationContext,
  TlsCertificate,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { SdsSecretConfig, Secret } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { refuseUnsupported } from './check.ts';
import { at, ConfigError } from './config-error.ts';
import { decodeSource } from './config-source.ts';
import type { SecretRef, SecretValue } from './types.ts';
import { readBytes, readSource } from './values.ts';

export function decodeSecret(secret: Secret): SecretValue {
  refuseUnsupported(SecretSchema, secret, '');
  switch (secret.type.case) {
    case 'tlsCertificate':
      return decodeCertificate(secret.type.value, 'tls_certificate');
    case 'validationContext': {
      const context = secret.type.value;
      refuseChecks(context);
      return decodeTrust(context, 'validation_context');
    }
    default:
      throw new ConfigError('', 'has no supported secret');
  }
}

export function decodeCertificate(certificate: TlsCertificate, path: string): SecretValue {
  const { certificateChain, privateKey, password, ocspStaple } = certificate;
  return {
    kind: 'certificate',
    chain: readSource(certificateChain, at(path, 'certificate_chain')),
    key: readSource(privateKey, at(path, 'private_key')),
    ...(password ? { password: readSource(password, at(path, 'password')) } : {}),
    ...(ocspStaple ? { ocsp: readBytes(ocspStaple, at(path, 'ocsp_staple')) } : {}),
  };
}

export function decodeTrust({ trustedCa, crl }: CertificateValidationContext, path: string): SecretValue {
  return {
    kind: 'trust',
    roots: readSource(trustedCa, at(path, 'trusted_ca')),
    ...(crl ? { crl: readSource(crl, at(path, 'crl')) } : {}),
  };
}

/** Without a source it is one of the bootstrap's own: source ''. */
export function decodeSecretRef({ name, sdsConfig }: SdsSecretConfig, path: string): SecretRef {
  if (name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  return { kind: 'sds', name, source: sdsConfig === undefined ? '' : decodeSource(sdsConfig, at(path, 'sds_config')) };
}

/** What else is asked of a peer is said where the secret is used: here it would be left out. */
function refuseChecks(context: CertificateValidationContext): void {
  const asked: Readonly<Record<string, boolean>> = {
    match_typed_subject_alt_names: context.matchTypedSubjectAltNames.length > 0,
    match_subject_alt_names: context.matchSubjectAltNames.length > 0,
    verify_certificate_hash: context.verifyCertificateHash.length > 0,
    verify_certificate_spki: context.verifyCertificateSpki.length > 0,
    trust_chain_verification: context.trustChainVerification !== 0,
    custom_validator_config: context.customValidatorConfig !== undefined,
  };
  for (const [field, isAsked] of Object.entries(asked)) {
    if (isAsked) throw new ConfigError(at('validation_context', field), 'is not supported in a secret');
  }
}
