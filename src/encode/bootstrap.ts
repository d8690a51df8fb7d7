// The file a proxy starts with: who it is, where its configuration and its secrets come from. The same for Envoy and for ours.
import { create, createRegistry, type JsonObject, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Address, Labels } from '../model/service.ts';
import { BootstrapSchema } from '../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { Cluster_DiscoveryType, type ClusterSchema } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ApiConfigSource_ApiType, ApiVersion } from '../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import type { Http2ProtocolOptionsSchema } from '../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import { UpstreamTlsContextSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { fixedEndpoints } from './endpoints.ts';
import { stringMatcher } from './string-match.ts';
import { secretCluster, secretSource, uriName } from './tls.ts';
import { address, ads, any, duration } from './values.ts';

export type BootstrapInput = {
  readonly node: {
    /** `ProxyRef.id` of its plan. */
    readonly id: string;
    readonly name: string;
    readonly namespace: string;
    readonly serviceAccount: string;
    readonly workload: string;
    readonly labels: Labels;
  };
  readonly admin: Address;
  readonly xds: Address;
  readonly trustDomain: string;
  /** What the control plane's certificate is checked against: a PEM file, or the roots that the agent serves. */
  readonly roots: { readonly kind: 'file'; readonly path: string } | { readonly kind: 'sds' };
  /** Unix socket on which the agent serves secrets; at most 107 bytes. */
  readonly secretSocket: string;
  /** For our own proxy, which has the agent inside; null when an agent runs beside the proxy. */
  readonly agent: { readonly ca: Address; readonly rootFile: string; readonly tokenFile: string } | null;
};

const xdsCluster = 'xds-grpc';

export function encodeBootstrap(input: BootstrapInput): JsonObject {
  const bootstrap = create(BootstrapSchema, {
    node: {
      id: input.node.id,
      cluster: `${input.node.workload || input.node.name}.${input.node.namespace}`,
      metadata: nodeMetadata(input),
    },
    admin: { address: address(input.admin) },
    staticResources: { clusters: [controlPlane(input), agent(input.secretSocket)] },
    dynamicResources: {
      ldsConfig: ads,
      cdsConfig: ads,
      adsConfig: {
        apiType: ApiConfigSource_ApiType.DELTA_GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ targetSpecifier: { case: 'envoyGrpc', value: { clusterName: xdsCluster } } }],
      },
    },
  });
  const registry = createRegistry(UpstreamTlsContextSchema, HttpProtocolOptionsSchema);
  return toJson(BootstrapSchema, bootstrap, { registry, useProtoFieldName: true }) as JsonObject;
}

function nodeMetadata({ node, agent: inside }: BootstrapInput): JsonObject {
  const tulleAgent: JsonObject =
    inside === null
      ? {}
      : {
          TULLE_AGENT: {
            ca: `${inside.ca.host}:${inside.ca.port}`,
            rootFile: inside.rootFile,
            tokenFile: inside.tokenFile,
          },
        };
  return {
    NAME: node.name,
    NAMESPACE: node.namespace,
    SERVICE_ACCOUNT: node.serviceAccount,
    WORKLOAD_NAME: node.workload,
    LABELS: { ...node.labels },
    ...tulleAgent,
  };
}

const controlPlane = (input: BootstrapInput): MessageInitShape<typeof ClusterSchema> => ({
  name: xdsCluster,
  clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STRICT_DNS },
  connectTimeout: duration(5_000),
  typedExtensionProtocolOptions: http2({
    // Every stream gets a connection of its own, made with the newest certificate.
    commonHttpProtocolOptions: { maxRequestsPerConnection: 1 },
    // A control plane that vanished without a word is noticed.
    options: { connectionKeepalive: { interval: duration(30_000), timeout: duration(10_000) } },
  }),
  loadAssignment: fixedEndpoints(xdsCluster, input.xds),
  transportSocket: {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: controlPlaneTls(input) },
  },
});

/** The stream is for the control plane only: any other workload of the mesh has a good certificate too. */
function controlPlaneTls({ roots, trustDomain }: BootstrapInput): Any {
  const value = `spiffe://${trustDomain}/ns/tulle-system/sa/control`;
  const names = { matchTypedSubjectAltNames: [uriName(stringMatcher({ kind: 'exact', value }))] };
  return any(UpstreamTlsContextSchema, {
    commonTlsContext: {
      alpnProtocols: ['h2'],
      tlsCertificateSdsSecretConfigs: [{ name: 'default', sdsConfig: secretSource }],
      validationContextType:
        roots.kind === 'file'
          ? {
              case: 'validationContext',
              value: { ...names, trustedCa: { specifier: { case: 'filename', value: roots.path } } },
            }
          : {
              case: 'combinedValidationContext',
              value: {
                defaultValidationContext: names,
                validationContextSdsSecretConfig: { name: 'ROOTCA', sdsConfig: secretSource },
              },
            },
    },
  });
}

const agent = (path: string): MessageInitShape<typeof ClusterSchema> => ({
  name: secretCluster,
  clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
  connectTimeout: duration(1_000),
  typedExtensionProtocolOptions: http2({}),
  loadAssignment: {
    clusterName: secretCluster,
    endpoints: [
      {
        lbEndpoints: [
          { hostIdentifier: { case: 'endpoint', value: { address: { address: { case: 'pipe', value: { path } } } } } },
        ],
      },
    ],
  },
});

type Http2 = Pick<MessageInitShape<typeof HttpProtocolOptionsSchema>, 'commonHttpProtocolOptions'> & {
  readonly options?: MessageInitShape<typeof Http2ProtocolOptionsSchema>;
};

const http2 = ({ options = {}, ...common }: Http2) => ({
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(HttpProtocolOptionsSchema, {
    ...common,
    upstreamProtocolOptions: {
      case: 'explicitHttpConfig',
      value: { protocolConfig: { case: 'http2ProtocolOptions', value: options } },
    },
  }),
});
