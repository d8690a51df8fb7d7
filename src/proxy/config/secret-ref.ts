// Secrets: inline, or by name from a source that serves them.
import type { ConfigSource } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import type {
  CertificateValidationContext,
  TlsCertificate,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import {
  type SdsSecretConfig,
  type Secret,
  SecretSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { refuseUnsupported } from './check.ts';
import { at, ConfigError } from './config-error.ts';
import type { SecretRef, SecretValue } from './types.ts';
import { readSource } from './values.ts';

export function decodeSecret(secret: Secret): SecretValue {
  refuseUnsupported(SecretSchema, secret, '');
  switch (secret.type.case) {
    case 'tlsCertificate':
      return certificateValue(secret.type.value, 'tls_certificate');
    case 'validationContext':
      return trustValue(secret.type.value, 'validation_context');
    default:
      throw new ConfigError('type', 'is neither tls_certificate nor validation_context');
  }
}

export function certificateValue(certificate: TlsCertificate, path: string): SecretValue {
  const chain = readSource(certificate.certificateChain, at(path, 'certificate_chain'));
  const key = readSource(certificate.privateKey, at(path, 'private_key'));
  return { kind: 'certificate', chain, key };
}

export function trustValue(context: CertificateValidationContext, path: string): SecretValue {
  return { kind: 'trust', roots: readSource(context.trustedCa, at(path, 'trusted_ca')) };
}

/** Without a source the secret is one of the bootstrap's own. */
export function secretByName({ name, sdsConfig }: SdsSecretConfig, path: string): SecretRef {
  if (name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  return {
    kind: 'sds',
    name,
    source: sdsConfig === undefined ? 'static' : sourceName(sdsConfig, at(path, 'sds_config')),
  };
}

/** The gRPC cluster, 'ads', or the path of a file. */
function sourceName({ configSourceSpecifier: specifier }: ConfigSource, path: string): string {
  switch (specifier.case) {
    case 'ads':
      return 'ads';
    case 'path':
      return specifier.value;
    case 'pathConfigSource':
      return specifier.value.path;
    case 'apiConfigSource': {
      const target = specifier.value.grpcServices[0]?.targetSpecifier;
      if (target?.case === 'envoyGrpc') return target.value.clusterName;
      throw new ConfigError(at(path, 'api_config_source.grpc_services'), 'names no cluster');
    }
    default:
      throw new ConfigError(path, 'has no supported source');
  }
}
