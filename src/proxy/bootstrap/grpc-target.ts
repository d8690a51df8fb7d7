// A static cluster that a config source names → where its gRPC server is, and how to speak TLS with it.
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { DataSource } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { ConfigSource } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import {
  type CertificateValidationContext,
  SubjectAltNameMatcher_SanType,
  type TlsCertificate,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { SdsSecretConfig } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import {
  type CommonTlsContext,
  UpstreamTlsContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { BootstrapError } from './bootstrap-error.ts';

export type PemSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'inline'; readonly text: string };
/** `source` is a gRPC cluster, 'ads' or a file path. */
export type SdsSource = { readonly kind: 'sds'; readonly source: string; readonly name: string };
export type KeyPairSource = { readonly kind: 'pair'; readonly chain: PemSource; readonly key: PemSource };

export type GrpcTarget = {
  readonly cluster: string;
  /** As gRPC names it: `127.0.0.1:15010`, `unix:/path`. */
  readonly address: string;
  readonly tls: null | {
    readonly certificate: KeyPairSource | SdsSource | null;
    readonly roots: PemSource | SdsSource;
    /** URI SANs, of which the server must have one; [] is its host name. */
    readonly serverUris: readonly string[];
  };
};

/** `path` is where the cluster stands. @throws BootstrapError */
export function readGrpcTarget(cluster: Cluster, path: string): GrpcTarget {
  return { cluster: cluster.name, address: readAddress(cluster, path), tls: readTls(cluster, path) };
}

/** The cluster, 'ads' or file that a config source means. @throws BootstrapError */
function sourceName(config: ConfigSource | undefined, path: string): string {
  const specifier = config?.configSourceSpecifier;
  if (specifier?.case === 'ads') return 'ads';
  if (specifier?.case === 'pathConfigSource') return specifier.value.path;
  if (specifier?.case !== 'apiConfigSource') {
    throw new BootstrapError(`${path}: only ads, api_config_source and path_config_source are supported`);
  }
  const { grpcServices } = specifier.value;
  const service = grpcServices[0]?.targetSpecifier;
  if (grpcServices.length !== 1 || service?.case !== 'envoyGrpc') {
    throw new BootstrapError(`${path}.api_config_source: needs exactly one grpc_services with envoy_grpc`);
  }
  return service.value.clusterName;
}

function readAddress(cluster: Cluster, path: string): string {
  const endpoints = cluster.loadAssignment?.endpoints.flatMap((locality) => locality.lbEndpoints) ?? [];
  const at = `${path}.load_assignment.endpoints`;
  const [endpoint] = endpoints;
  if (endpoint === undefined || endpoints.length > 1) {
    throw new BootstrapError(`${at}: a gRPC cluster needs exactly one endpoint, this has ${endpoints.length}`);
  }
  const address =
    endpoint.hostIdentifier.case === 'endpoint' ? endpoint.hostIdentifier.value.address?.address : undefined;
  if (address?.case === 'pipe') return `unix:${address.value.path}`;
  if (address?.case !== 'socketAddress' || address.value.portSpecifier.case !== 'portValue') {
    throw new BootstrapError(`${at}[0]: needs a pipe, or a socket_address with port_value`);
  }
  const host = address.value.address;
  return `${host.includes(':') ? `[${host}]` : host}:${address.value.portSpecifier.value}`;
}

function readTls(cluster: Cluster, path: string): GrpcTarget['tls'] {
  if (cluster.transportSocket === undefined) return null;
  const config = cluster.transportSocket.configType;
  const context = config.case === 'typedConfig' ? anyUnpack(config.value, UpstreamTlsContextSchema) : undefined;
  const at = `${path}.transport_socket.typed_config`;
  if (context === undefined) throw new BootstrapError(`${at}: only UpstreamTlsContext is supported here`);
  const common = context.commonTlsContext;
  if (common === undefined) throw new BootstrapError(`${at}.common_tls_context: missing, so nothing is trusted`);
  return { certificate: readCertificate(common, at), ...readValidation(common, at) };
}

function readCertificate(common: CommonTlsContext, at: string): KeyPairSource | SdsSource | null {
  const [sds] = common.tlsCertificateSdsSecretConfigs;
  if (sds !== undefined) return readSds(sds, `${at}.common_tls_context.tls_certificate_sds_secret_configs[0]`);
  const [certificate] = common.tlsCertificates;
  return certificate === undefined ? null : readKeyPair(certificate, `${at}.common_tls_context.tls_certificates[0]`);
}

function readKeyPair(certificate: TlsCertificate, at: string): KeyPairSource {
  return {
    kind: 'pair',
    chain: readPem(certificate.certificateChain, `${at}.certificate_chain`),
    key: readPem(certificate.privateKey, `${at}.private_key`),
  };
}

type Validation = Pick<NonNullable<GrpcTarget['tls']>, 'roots' | 'serverUris'>;

function readValidation(common: CommonTlsContext, at: string): Validation {
  const { case: kind, value } = common.validationContextType;
  const here = `${at}.common_tls_context.validation_context`;
  if (kind === 'validationContext') {
    return { roots: readPem(value.trustedCa, `${here}.trusted_ca`), serverUris: readUris(value, here) };
  }
  if (kind === 'validationContextSdsSecretConfig') {
    return { roots: readSds(value, `${here}_sds_secret_config`), serverUris: [] };
  }
  if (kind === 'combinedValidationContext' && value.validationContextSdsSecretConfig !== undefined) {
    const inner = `${at}.common_tls_context.combined_validation_context`;
    return {
      roots: readSds(value.validationContextSdsSecretConfig, `${inner}.validation_context_sds_secret_config`),
      serverUris: readUris(value.defaultValidationContext, `${inner}.default_validation_context`),
    };
  }
  throw new BootstrapError(`${here}: missing, so nothing is trusted`);
}

function readUris(context: CertificateValidationContext | undefined, at: string): readonly string[] {
  return (context?.matchTypedSubjectAltNames ?? []).map(({ sanType, matcher }, index) => {
    if (sanType === SubjectAltNameMatcher_SanType.URI && matcher?.matchPattern.case === 'exact') {
      return matcher.matchPattern.value;
    }
    throw new BootstrapError(
      `${at}.match_typed_subject_alt_names[${index}]: only an exact URI is supported for a gRPC cluster`,
    );
  });
}

function readSds(config: SdsSecretConfig, at: string): SdsSource {
  return { kind: 'sds', name: config.name, source: sourceName(config.sdsConfig, `${at}.sds_config`) };
}

function readPem(source: DataSource | undefined, at: string): PemSource {
  const specifier = source?.specifier;
  if (specifier?.case === 'filename') return { kind: 'file', path: specifier.value };
  if (specifier?.case === 'inlineString') return { kind: 'inline', text: specifier.value };
  if (specifier?.case === 'inlineBytes') return { kind: 'inline', text: Buffer.from(specifier.value).toString() };
  throw new BootstrapError(`${at}: needs a filename, inline_string or inline_bytes`);
}
