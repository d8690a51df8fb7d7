// Transport sockets: TLS contexts of both directions.
import type { TransportSocket } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { RawBufferSchema } from '../../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import {
  SubjectAltNameMatcher_SanType as SanType,
  type SubjectAltNameMatcher,
  type TlsParameters,
  TlsParameters_TlsProtocol as TlsProtocol,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import {
  type CommonTlsContext,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { compileString } from '../route/match/string-matcher.ts';
import { typeNameOf, unpack } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeCertificate, decodeSecretRef, decodeTrust } from './secret.ts';
import type { DownstreamTlsConfig, SecretRef, TlsVersion, UpstreamTlsConfig, ValidationConfig } from './types.ts';

type Sans = ValidationConfig['sans'];

/** null: plain text. */
export function decodeDownstreamSocket(socket: TransportSocket | undefined, path: string): DownstreamTlsConfig | null {
  const here = at(path, 'typed_config');
  if (socket === undefined || isPlain(socket, here)) return null;
  const tls = unpack(socket.configType.value, DownstreamTlsContextSchema, here);
  const common = decodeCommon(tls.commonTlsContext, at(here, 'common_tls_context'));
  const requireClientCertificate = tls.requireClientCertificate ?? false;
  if (common.certificate === null) {
    throw new ConfigError(at(here, 'common_tls_context'), 'has no certificate');
  }
  if (requireClientCertificate && common.validation === null) {
    throw new ConfigError(at(here, 'require_client_certificate'), 'needs a validation context');
  }
  return { ...common, certificate: common.certificate, requireClientCertificate };
}

/** null: plain text. */
export function decodeUpstreamSocket(socket: TransportSocket | undefined, path: string): UpstreamTlsConfig | null {
  const here = at(path, 'typed_config');
  if (socket === undefined || isPlain(socket, here)) return null;
  const tls = unpack(socket.configType.value, UpstreamTlsContextSchema, here);
  return { ...decodeCommon(tls.commonTlsContext, at(here, 'common_tls_context')), sni: tls.sni };
}

function isPlain({ configType }: TransportSocket, path: string): boolean {
  if (configType.value === undefined || typeNameOf(configType.value) !== RawBufferSchema.typeName) return false;
  unpack(configType.value, RawBufferSchema, path);
  return true;
}

function decodeCommon(context: CommonTlsContext | undefined, path: string): Omit<UpstreamTlsConfig, 'sni'> {
  return {
    certificate: context ? decodeCertificateRef(context, path) : null,
    validation: context ? decodeValidation(context, path) : null,
    alpn: context?.alpnProtocols ?? [],
    ...decodeVersions(context?.tlsParams, at(path, 'tls_params')),
  };
}

function decodeCertificateRef(context: CommonTlsContext, path: string): SecretRef | null {
  const { tlsCertificates: inline, tlsCertificateSdsSecretConfigs: named } = context;
  if (inline.length + named.length > 1)
    throw new ConfigError(at(path, 'tls_certificates'), 'more than one certificate');
  if (named[0]) return decodeSecretRef(named[0], at(path, 'tls_certificate_sds_secret_configs[0]'));
  if (!inline[0]) return null;
  return { kind: 'inline', secret: decodeCertificate(inline[0], at(path, 'tls_certificates[0]')) };
}

function decodeValidation({ validationContextType: type }: CommonTlsContext, path: string): ValidationConfig | null {
  switch (type.case) {
    case undefined:
      return null;
    case 'validationContext': {
      const here = at(path, 'validation_context');
      const trust = { kind: 'inline', secret: decodeTrust(type.value, here) } as const;
      return { trust, sans: decodeSans(type.value, here) };
    }
    case 'validationContextSdsSecretConfig': {
      const here = at(path, 'validation_context_sds_secret_config');
      return { trust: decodeSecretRef(type.value, here), sans: [] };
    }
    case 'combinedValidationContext': {
      const here = at(path, 'combined_validation_context');
      const { defaultValidationContext: defaults, validationContextSdsSecretConfig: named } = type.value;
      if (!named) throw new ConfigError(at(here, 'validation_context_sds_secret_config'), 'is required');
      if (defaults?.trustedCa) {
        throw new ConfigError(at(here, 'default_validation_context.trusted_ca'), 'is set beside the secret');
      }
      return {
        trust: decodeSecretRef(named, at(here, 'validation_context_sds_secret_config')),
        sans: defaults ? decodeSans(defaults, at(here, 'default_validation_context')) : [],
      };
    }
    default:
      throw new ConfigError(path, `${type.case} is not supported`);
  }
}

type SanLists = Pick<
  Extract<CommonTlsContext['validationContextType'], { case: 'validationContext' }>['value'],
  'matchTypedSubjectAltNames' | 'matchSubjectAltNames'
>;

function decodeSans(context: SanLists, path: string): Sans {
  return [
    ...mapAt(context.matchTypedSubjectAltNames, at(path, 'match_typed_subject_alt_names'), decodeSan),
    ...mapAt(context.matchSubjectAltNames, at(path, 'match_subject_alt_names'), (matcher, here) => ({
      type: 'any' as const,
      matches: compileString(matcher, here),
    })),
  ];
}

function decodeSan({ sanType, matcher }: SubjectAltNameMatcher, path: string): Sans[number] {
  if (sanType !== SanType.URI && sanType !== SanType.DNS) {
    throw new ConfigError(at(path, 'san_type'), 'is not supported (hint: URI, DNS)');
  }
  return { type: sanType === SanType.URI ? 'uri' : 'dns', matches: compileString(matcher, at(path, 'matcher')) };
}

function decodeVersions(
  params: TlsParameters | undefined,
  path: string,
): { readonly minVersion: TlsVersion; readonly maxVersion: TlsVersion } {
  const minVersion = version(params?.tlsMinimumProtocolVersion, 'TLSv1.2', at(path, 'tls_minimum_protocol_version'));
  const maxVersion = version(params?.tlsMaximumProtocolVersion, 'TLSv1.3', at(path, 'tls_maximum_protocol_version'));
  if (minVersion > maxVersion) throw new ConfigError(at(path, 'tls_minimum_protocol_version'), 'is over the maximum');
  return { minVersion, maxVersion };
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
