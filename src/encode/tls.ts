// Mutual TLS between proxies: secrets by name from the agent's socket, peers by their SPIFFE identity.
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { SpiffeId } from '../model/units.ts';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from '../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import {
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
  SubjectAltNameMatcherSchema,
} from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import {
  type CommonTlsContext,
  CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { StringMatcher } from '../xds/gen/envoy/type/matcher/v3/string_pb.ts';
import { stringMatcher } from './string-match.ts';
import { any } from './values.ts';

/** The cluster in the bootstrap that secrets come from. */
export const secretCluster = 'sds-grpc';

/** Any workload of the trust domain may connect; who may do what is authorization's business. */
export const serverTls = (trustDomain: string): Any =>
  any(DownstreamTlsContextSchema, {
    commonTlsContext: commonContext(
      [uriName(stringMatcher({ kind: 'prefix', value: `spiffe://${trustDomain}/` }))],
      ['h2', 'http/1.1'],
    ),
    requireClientCertificate: true,
  });

/** Nobody's identity is expected: nobody is accepted, because a list without names would accept everybody. */
export const clientTls = (sni: string, identities: readonly SpiffeId[], alpn: readonly string[]): Any =>
  any(UpstreamTlsContextSchema, {
    commonTlsContext: commonContext(
      (identities.length === 0 ? ['spiffe://nobody'] : identities).map((value) =>
        uriName(stringMatcher({ kind: 'exact', value })),
      ),
      alpn,
    ),
    sni,
  });

export const secretSource: ConfigSource = create(ConfigSourceSchema, {
  resourceApiVersion: ApiVersion.V3,
  configSourceSpecifier: {
    case: 'apiConfigSource',
    value: {
      apiType: ApiConfigSource_ApiType.GRPC,
      transportApiVersion: ApiVersion.V3,
      setNodeOnFirstMessageOnly: true,
      grpcServices: [{ targetSpecifier: { case: 'envoyGrpc', value: { clusterName: secretCluster } } }],
    },
  },
});

function commonContext(
  matchTypedSubjectAltNames: SubjectAltNameMatcher[],
  alpnProtocols: readonly string[],
): CommonTlsContext {
  return create(CommonTlsContextSchema, {
    alpnProtocols: [...alpnProtocols],
    tlsCertificateSdsSecretConfigs: [{ name: 'default', sdsConfig: secretSource }],
    validationContextType: {
      case: 'combinedValidationContext',
      value: {
        defaultValidationContext: { matchTypedSubjectAltNames },
        validationContextSdsSecretConfig: { name: 'ROOTCA', sdsConfig: secretSource },
      },
    },
  });
}

export const uriName = (matcher: StringMatcher): SubjectAltNameMatcher =>
  create(SubjectAltNameMatcherSchema, { sanType: SubjectAltNameMatcher_SanType.URI, matcher });
