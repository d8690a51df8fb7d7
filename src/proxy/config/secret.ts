// Secrets: certificates with their keys, trust bundles, and what filters show or sign with, as values (a Secret resource) or by reference.

import type { DataSource } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { TlsCertificate } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type {
  GenericSecret,
  SdsSecretConfig,
  Secret,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { refuseUnsupported } from './check.ts';
import { at, ConfigError } from './config-error.ts';
import { bootstrapSource, decodeSource, plainName } from './config-source.ts';
import { readStapleOf } from './staple.ts';
import type { SecretRef, SecretValue } from './tls-types.ts';
import { asksNothing, decodeTrust } from './tls-validation.ts';
import { readBytes, readSource } from './values.ts';

export function decodeSecret(secret: Secret): SecretValue {
  refuseUnsupported(SecretSchema, secret, '');
  switch (secret.type.case) {
    case 'tlsCertificate':
      return decodeCertificate(secret.type.value, 'tls_certificate');
    case 'validationContext': {
      const { checks, ...trust } = decodeTrust(secret.type.value, 'validation_context');
      return asksNothing(checks) ? trust : { ...trust, checks };
    }
    case 'genericSecret':
      return { kind: 'generic', value: readGeneric(secret.type.value, 'generic_secret') };
    default:
      throw new ConfigError('', 'has no supported secret');
  }
}

export function decodeCertificate(certificate: TlsCertificate, path: string): SecretValue {
  const { certificateChain, privateKey, password, ocspStaple } = certificate;
  const chain = readSource(certificateChain, at(path, 'certificate_chain'));
  return {
    kind: 'certificate',
    chain,
    key: readSource(privateKey, at(path, 'private_key')),
    ...(password ? { password: readSource(password, at(path, 'password')) } : {}),
    ...(ocspStaple ? { ocsp: decodeStaple(ocspStaple, chain, at(path, 'ocsp_staple')) } : {}),
  };
}

function readGeneric({ secret }: GenericSecret, path: string): string {
  const here = at(path, 'secret');
  const isText = secret?.specifier.case === 'inlineString' || secret?.specifier.case === 'environmentVariable';
  return secret === undefined || isText
    ? bytesOf(readSource(secret, here))
    : readBytes(secret, here).toString('latin1');
}

function decodeStaple(source: DataSource, chain: string, path: string): Buffer {
  const bytes = readBytes(source, path);
  const staple = readStapleOf(chain, bytes);
  if (typeof staple === 'string') throw new ConfigError(path, staple);
  return bytes;
}

/** Without a source it is one of the bootstrap's own. */
export function decodeSecretRef({ name, sdsConfig }: SdsSecretConfig, path: string): SecretRef {
  if (name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  plainName(name, at(path, 'name'));
  const source = sdsConfig === undefined ? bootstrapSource : decodeSource(sdsConfig, at(path, 'sds_config'));
  return { kind: 'sds', name, source };
}
