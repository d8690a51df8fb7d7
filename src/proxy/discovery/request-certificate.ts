// The agent inside the proxy asks the CA with the proxy's own HTTP/2 and TLS, through a cluster that lives for one call.
import { isIP } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { Proof, RequestCertificate } from '../../identity/ca-client.ts';
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { SubjectAltNameMatcher_SanType as SanType } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { UpstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { IstioCertificateRequestSchema, IstioCertificateService } from '../../xds/gen/istio/v1/auth/ca_pb.ts';
import type { ClusterConfig } from '../config/types.ts';
import { describeGrpcStatus } from '../http/grpc-status.ts';
import { HeaderMap } from '../http/headers.ts';
import type { ConfigTarget } from './config-target.ts';

export type CertificateAuthorityAddress = {
  /** `host:port` */
  readonly address: string;
  /** PEM of the roots that the CA's own certificate must be signed by. */
  readonly roots: string;
};

/** How the proxy makes a cluster that is in nobody's configuration. */
export type PrivateClusters = {
  decodeCluster(cluster: Cluster): ClusterConfig;
  readonly open: ConfigTarget['openPrivate'];
};

const CLUSTER = 'certificate-authority';
const CONNECT_TIMEOUT = 5n;
const TIMEOUT = 10_000;

export function requestOverCluster(
  { address, roots }: CertificateAuthorityAddress,
  clusters: PrivateClusters,
): RequestCertificate {
  return (csr, proof) =>
    new Promise((resolve, reject) => {
      const { client, close } = clusters.open(clusters.decodeCluster(authority(address, roots, proof)));
      const metadata = proof.kind === 'token' ? new HeaderMap(['authorization', `Bearer ${proof.token}`]) : null;
      const target = { cluster: CLUSTER, authority: address, timeout: TIMEOUT, metadata, maxMessage: null };
      const request = create(IstioCertificateRequestSchema, { csr });
      client.grpc(IstioCertificateService.method.createCertificate, target, request, (outcome) => {
        close();
        if (outcome.kind === 'message') resolve(outcome.message.certChain);
        else reject(new Error(`the CA at ${address} issued nothing: ${describeGrpcStatus(outcome.status)}`));
      });
    });
}

function authority(address: string, roots: string, proof: Proof): Cluster {
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|(.*)):(\d+)$/.exec(address) ?? [];
  const host = bracketed ?? plain ?? '';
  return create(ClusterSchema, {
    name: CLUSTER,
    clusterDiscoveryType: {
      case: 'type',
      value: isIP(host) === 0 ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC,
    },
    connectTimeout: { seconds: CONNECT_TIMEOUT },
    http2ProtocolOptions: {},
    loadAssignment: {
      clusterName: CLUSTER,
      endpoints: [
        { lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: socket(host, Number(port)) } } }] },
      ],
    },
    transportSocket: {
      name: 'tls',
      configType: { case: 'typedConfig', value: anyPack(UpstreamTlsContextSchema, tls(host, roots, proof)) },
    },
  });
}

const socket = (host: string, port: number) =>
  ({
    address: { case: 'socketAddress', value: { address: host, portSpecifier: { case: 'portValue', value: port } } },
  }) as const;

const inline = (text: string) => ({ specifier: { case: 'inlineString', value: text } }) as const;

function tls(host: string, roots: string, proof: Proof) {
  const isAddress = isIP(host) !== 0;
  const own = proof.kind === 'certificate' ? [proof.certificate] : [];
  return create(UpstreamTlsContextSchema, {
    // RFC 6066 section 3 forbids IP addresses as server names; the certificate is checked against the address all the same.
    sni: isAddress ? '' : host,
    commonTlsContext: {
      tlsCertificates: own.map(({ chain, key }) => ({ certificateChain: inline(chain), privateKey: inline(key) })),
      validationContextType: {
        case: 'validationContext',
        value: {
          trustedCa: inline(roots),
          matchTypedSubjectAltNames: [
            {
              sanType: isAddress ? SanType.IP_ADDRESS : SanType.DNS,
              matcher: { matchPattern: { case: 'exact', value: host } },
            },
          ],
        },
      },
    },
  });
}
