// Transport sockets: TLS contexts of both directions.
import type { TransportSocket } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { RawBufferSchema } from '../../xds/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import {
  type CommonTlsContext,
  type DownstreamTlsContext,
  DownstreamTlsContextSchema,
  DownstreamTlsContext_OcspStaplePolicy as StaplePolicy,
  type TlsKeyLog,
  UpstreamTlsContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { openSink } from '../log/sink.ts';
import { decodeRanges } from './address.ts';
import { typeNameOf, unpack } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeCertificate, decodeSecretRef } from './secret.ts';
import { ownSecret } from './secret-files.ts';
import { certificateOf, mustBeStapled } from './staple.ts';
import { decodeParams } from './tls-params.ts';
import { decodeSessions } from './tls-sessions.ts';
import type { DownstreamTlsConfig, KeyLog, SecretRef, UpstreamTlsConfig, ValidationConfig } from './tls-types.ts';
import { decodeChecks, decodeInlineValidation, noChecks } from './tls-validation.ts';

/** null: plain text. */
export function decodeDownstreamSocket(socket: TransportSocket | undefined, path: string): DownstreamTlsConfig | null {
  const here = at(path, 'typed_config');
  if (socket === undefined || isPlain(socket, here)) return null;
  const tls = unpack(socket.configType.value, DownstreamTlsContextSchema, here);
  const common = at(here, 'common_tls_context');
  const requireClientCertificate = tls.requireClientCertificate ?? false;
  const certificates = tls.commonTlsContext ? decodeCertificates(tls.commonTlsContext, common) : [];
  if (certificates.length === 0) throw new ConfigError(common, 'has no certificate');
  const validation = tls.commonTlsContext ? decodeValidation(tls.commonTlsContext, common) : null;
  if (requireClientCertificate && validation === null) {
    throw new ConfigError(at(here, 'require_client_certificate'), 'needs a validation context');
  }
  // Of a client's chain the library tells no more than that it is there.
  if (validation?.maxDepth != null && validation.maxDepth > 1) {
    throw new ConfigError(
      common,
      'max_verify_depth of clients must be 0 or 1: no certificate between theirs and the root',
    );
  }
  return {
    certificates,
    validation,
    requireClientCertificate,
    requiresServerName: tls.requireSni ?? false,
    alpn: tls.commonTlsContext?.alpnProtocols ?? [],
    clientChoosesCipher: tls.preferClientCiphers,
    suitsUnknownNames: tls.fullScanCertsOnSniMismatch ?? false,
    stapling: decodeStapling(tls, certificates, here),
    sessions: decodeSessions(tls, here),
    ...decodeParams(tls.commonTlsContext?.tlsParams, at(common, 'tls_params')),
    keyLog: decodeKeyLog(tls.commonTlsContext?.keyLog, at(common, 'key_log')),
  };
}

/** Of certificates that come later the handshake says so. */
function lacksStaple(ref: SecretRef): boolean {
  return ref.kind === 'inline' && ref.secret.kind === 'certificate' && ref.secret.ocsp === undefined;
}

function saysMustStaple(ref: SecretRef): boolean {
  const leaf = ref.kind === 'inline' && ref.secret.kind === 'certificate' ? certificateOf(ref.secret.chain) : null;
  return leaf !== null && mustBeStapled(leaf.raw);
}

function decodeStapling(
  { ocspStaplePolicy: policy }: DownstreamTlsContext,
  certificates: readonly SecretRef[],
  path: string,
): DownstreamTlsConfig['stapling'] {
  if (certificates.some((one) => lacksStaple(one) && saysMustStaple(one)))
    throw new ConfigError(
      at(path, 'common_tls_context'),
      'has a certificate that must be stapled, without ocsp_staple',
    );
  switch (policy) {
    case StaplePolicy.LENIENT_STAPLING:
      return 'lenient';
    case StaplePolicy.STRICT_STAPLING:
      return 'strict';
    case StaplePolicy.MUST_STAPLE:
      if (certificates.some(lacksStaple))
        throw new ConfigError(at(path, 'ocsp_staple_policy'), 'needs an ocsp_staple of each certificate');
      return 'must';
    default:
      throw new ConfigError(at(path, 'ocsp_staple_policy'), 'is not known');
  }
}

/** Of one cluster; Envoy's default is 1. */
const MOST_SESSIONS = 1_000;

/** null: plain text. */
export function decodeUpstreamSocket(socket: TransportSocket | undefined, path: string): UpstreamTlsConfig | null {
  const here = at(path, 'typed_config');
  if (socket === undefined || isPlain(socket, here)) return null;
  const {
    commonTlsContext: context,
    sni,
    maxSessionKeys,
    autoHostSni: sniFromHost,
    autoSniSanValidation: verifiesSni,
  } = unpack(socket.configType.value, UpstreamTlsContextSchema, here);
  const common = at(here, 'common_tls_context');
  const certificates = context ? decodeCertificates(context, common) : [];
  if (certificates.length > 1) throw new ConfigError(at(common, 'tls_certificates'), 'more than one certificate');
  const validation = context ? decodeValidation(context, common) : null;
  if (verifiesSni && validation === null) {
    throw new ConfigError(at(here, 'auto_sni_san_validation'), 'needs a validation context');
  }
  return {
    certificate: certificates[0] ?? null,
    validation,
    sni,
    sniFromHost,
    verifiesSni,
    requestNames: null,
    alpn: context?.alpnProtocols ?? [],
    mostSessions: Math.min(maxSessionKeys ?? MOST_SESSIONS, MOST_SESSIONS),
    ...decodeParams(context?.tlsParams, at(common, 'tls_params')),
    keyLog: decodeKeyLog(context?.keyLog, at(common, 'key_log')),
  };
}

/** Who can read the file can read the traffic: it is its owner's alone. */
const OWN = 0o600;

function decodeKeyLog(log: TlsKeyLog | undefined, path: string): KeyLog | null {
  if (log === undefined) return null;
  const { localAddressRange: local, remoteAddressRange: remote } = log;
  if (log.path === '') throw new ConfigError(at(path, 'path'), 'is empty');
  return {
    lines: openSink(log.path, OWN),
    local: local.length === 0 ? null : decodeRanges(local, at(path, 'local_address_range')),
    remote: remote.length === 0 ? null : decodeRanges(remote, at(path, 'remote_address_range')),
  };
}

function isPlain({ configType }: TransportSocket, path: string): boolean {
  if (configType.value === undefined || typeNameOf(configType.value) !== RawBufferSchema.typeName) return false;
  unpack(configType.value, RawBufferSchema, path);
  return true;
}

/** Inline ones and names must not be mixed, as in Envoy. */
function decodeCertificates(context: CommonTlsContext, path: string): readonly SecretRef[] {
  const { tlsCertificates: inline, tlsCertificateSdsSecretConfigs: named } = context;
  if (inline.length > 0 && named.length > 0) {
    throw new ConfigError(at(path, 'tls_certificates'), 'is set beside tls_certificate_sds_secret_configs');
  }
  return [
    ...mapAt(inline, at(path, 'tls_certificates'), (value, here) =>
      ownSecret({ case: 'tlsCertificate', value }, value.watchedDirectory, () => decodeCertificate(value, here)),
    ),
    ...mapAt(named, at(path, 'tls_certificate_sds_secret_configs'), decodeSecretRef),
  ];
}

function decodeValidation({ validationContextType: type }: CommonTlsContext, path: string): ValidationConfig | null {
  switch (type.case) {
    case undefined:
      return null;
    case 'validationContext':
      return decodeInlineValidation(type.value, at(path, 'validation_context'));
    case 'validationContextSdsSecretConfig': {
      const here = at(path, 'validation_context_sds_secret_config');
      return { ...noChecks, trust: decodeSecretRef(type.value, here) };
    }
    case 'combinedValidationContext': {
      const here = at(path, 'combined_validation_context');
      const { defaultValidationContext: defaults, validationContextSdsSecretConfig: named } = type.value;
      if (!named) throw new ConfigError(at(here, 'validation_context_sds_secret_config'), 'is required');
      if (defaults?.trustedCa) {
        throw new ConfigError(at(here, 'default_validation_context.trusted_ca'), 'is set beside the secret');
      }
      return {
        ...(defaults ? decodeChecks(defaults, at(here, 'default_validation_context')) : noChecks),
        trust: decodeSecretRef(named, at(here, 'validation_context_sds_secret_config')),
      };
    }
    default:
      throw new ConfigError(path, `${type.case} is not supported`);
  }
}
