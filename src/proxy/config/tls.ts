// TLS contexts of listeners and clusters.
import type { TransportSocket } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { RawBufferSchema } from '../../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import {
  type CertificateValidationContext,
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
  type TlsParameters,
  TlsParameters_TlsProtocol,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import {
  type CommonTlsContext,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { compileString } from '../route/match/string-matcher.ts';
import { typeNameOf, unpack } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { certificateValue, secretByName, trustValue } from './secret-ref.ts';
import type { DownstreamTlsConfig, SecretRef, TlsVersion, UpstreamTlsConfig, ValidationConfig } from './types.ts';

/** null: plain text. */
export function decodeDownstreamTls(socket: TransportSocket | undefined, path: string): DownstreamTlsConfig | null {
  const typed = typedConfig(socket, path);
  if (typed === null) return null;
  const here = at(path, 'typed_config');
  const context = unpack(typed, DownstreamTlsContextSchema, here);
  const common = decodeCommon(context.commonTlsContext, at(here, 'common_tls_context'));
  if (common.certificate === null) throw new ConfigError(at(here, 'common_tls_context'), 'has no certificate');
  const requireClientCertificate = context.requireClientCertificate ?? false;
  if (requireClientCertificate && common.validation === null) {
    throw new ConfigError(at(here, 'require_client_certificate'), 'needs a validation context to check it by');
  }
  return { ...common, certificate: common.certificate, requireClientCertificate };
}

/** null: plain text. */
export function decodeUpstreamTls(socket: TransportSocket | undefined, path: string): UpstreamTlsConfig | null {
  const typed = typedConfig(socket, path);
  if (typed === null) return null;
  const here = at(path, 'typed_config');
  const context = unpack(typed, UpstreamTlsContextSchema, here);
  return { ...decodeCommon(context.commonTlsContext, at(here, 'common_tls_context')), sni: context.sni };
}

type Common = Omit<UpstreamTlsConfig, 'sni'>;

function typedConfig(socket: TransportSocket | undefined, path: string) {
  if (socket === undefined) return null;
  const typed = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined;
  if (typed === undefined) throw new ConfigError(at(path, 'typed_config'), 'is required');
  if (typeNameOf(typed) !== RawBufferSchema.typeName) return typed;
  unpack(typed, RawBufferSchema, at(path, 'typed_config'));
  return null;
}

function decodeCommon(context: CommonTlsContext | undefined, path: string): Common {
  const [minVersion, maxVersion] = decodeVersions(context?.tlsParams, at(path, 'tls_params'));
  return {
    certificate: context === undefined ? null : decodeCertificate(context, path),
    validation: context === undefined ? null : decodeValidation(context, path),
    alpn: context?.alpnProtocols ?? [],
    minVersion,
    maxVersion,
  };
}

function decodeCertificate(context: CommonTlsContext, path: string): SecretRef | null {
  const { tlsCertificates: inline, tlsCertificateSdsSecretConfigs: named } = context;
  if (inline.length + named.length > 1) throw new ConfigError(path, 'more than one certificate is not supported');
  if (inline[0] !== undefined) {
    return { kind: 'inline', secret: certificateValue(inline[0], at(path, 'tls_certificates[0]')) };
  }
  return named[0] === undefined ? null : secretByName(named[0], at(path, 'tls_certificate_sds_secret_configs[0]'));
}

function decodeValidation({ validationContextType: type }: CommonTlsContext, path: string): ValidationConfig | null {
  switch (type.case) {
    case 'validationContext': {
      const here = at(path, 'validation_context');
      return { trust: { kind: 'inline', secret: trustValue(type.value, here) }, sans: decodeSans(type.value, here) };
    }
    case 'validationContextSdsSecretConfig':
      return { trust: secretByName(type.value, at(path, 'validation_context_sds_secret_config')), sans: [] };
    case 'combinedValidationContext': {
      const here = at(path, 'combined_validation_context');
      const { defaultValidationContext: own, validationContextSdsSecretConfig: named } = type.value;
      if (named === undefined) throw new ConfigError(here, 'has no validation_context_sds_secret_config');
      return {
        trust: secretByName(named, at(here, 'validation_context_sds_secret_config')),
        sans: own === undefined ? [] : decodeSans(own, at(here, 'default_validation_context')),
      };
    }
    default:
      return null;
  }
}

type San = ValidationConfig['sans'][number];

function decodeSans(context: CertificateValidationContext, path: string): readonly San[] {
  const typed = mapAt(context.matchTypedSubjectAltNames, at(path, 'match_typed_subject_alt_names'), decodeTypedSan);
  const untyped = mapAt(context.matchSubjectAltNames, at(path, 'match_subject_alt_names'), (matcher, here): San => {
    return { type: 'any', matches: compileString(matcher, here) };
  });
  return [...typed, ...untyped];
}

function decodeTypedSan({ sanType, matcher }: SubjectAltNameMatcher, path: string): San {
  const matches = compileString(matcher, at(path, 'matcher'));
  if (sanType === SubjectAltNameMatcher_SanType.URI) return { type: 'uri', matches };
  if (sanType === SubjectAltNameMatcher_SanType.DNS) return { type: 'dns', matches };
  throw new ConfigError(at(path, 'san_type'), 'is neither URI nor DNS');
}

/** Older versions than 1.2 are never spoken: a lower minimum is raised to it, a lower maximum is refused. */
function decodeVersions(params: TlsParameters | undefined, path: string): readonly [TlsVersion, TlsVersion] {
  const { TLS_AUTO, TLSv1_2, TLSv1_3 } = TlsParameters_TlsProtocol;
  const maximum = params?.tlsMaximumProtocolVersion ?? TLS_AUTO;
  if (maximum !== TLS_AUTO && maximum < TLSv1_2) {
    throw new ConfigError(at(path, 'tls_maximum_protocol_version'), 'is older than TLSv1_2');
  }
  const minimum = params?.tlsMinimumProtocolVersion ?? TLS_AUTO;
  return [minimum === TLSv1_3 ? 'TLSv1.3' : 'TLSv1.2', maximum === TLSv1_2 ? 'TLSv1.2' : 'TLSv1.3'];
}
