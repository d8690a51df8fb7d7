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
import { readSource } from './values.ts';

export function decodeSecret(secret: Secret): SecretValue {
  refuseUnsupported(SecretSchema, secret, '');
  switch (secret.type.case) {
    case 'tlsCertificate':
      return decodeCertificate(secret.type.value, 'tls_certificate');
    case 'validationContext': {
      const context = secret.type.value;
      // Which names are accepted is said where the secret is used: a list here would be left out.
      if (context.matchTypedSubjectAltNames.length + context.matchSubjectAltNames.length > 0) {
        throw new ConfigError('validation_context.match_typed_subject_alt_names', 'is not supported in a secret');
      }
      return decodeTrust(context, 'validation_context');
    }
    default:
      throw new ConfigError('', 'has no supported secret');
  }
}

export function decodeCertificate(certificate: TlsCertificate, path: string): SecretValue {
  return {
    kind: 'certificate',
    chain: readSource(certificate.certificateChain, at(path, 'certificate_chain')),
    key: readSource(certificate.privateKey, at(path, 'private_key')),
  };
}

export function decodeTrust(context: CertificateValidationContext, path: string): SecretValue {
  return { kind: 'trust', roots: readSource(context.trustedCa, at(path, 'trusted_ca')) };
}

/** Without a source it is one of the bootstrap's own: source ''. */
export function decodeSecretRef({ name, sdsConfig }: SdsSecretConfig, path: string): SecretRef {
  if (name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  return { kind: 'sds', name, source: sdsConfig === undefined ? '' : decodeSource(sdsConfig, at(path, 'sds_config')) };
}
