// The file that a proxyless gRPC client starts with (GRPC_XDS_BOOTSTRAP): gRFC A27, as every gRPC library reads it.
import type { JsonObject } from '@bufbuild/protobuf';

export type GrpcBootstrapInput = {
  /** `ProxyRef.id` of its plan. */
  readonly nodeId: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Unix socket on which its configuration is served. */
  readonly socket: string;
};

export const encodeGrpcBootstrap = ({ nodeId, namespace, serviceAccount, socket }: GrpcBootstrapInput): JsonObject => ({
  xds_servers: [
    // What is on the socket is for its user alone; gRPC clients have no mutual TLS towards their control plane.
    { server_uri: `unix:${socket}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] },
  ],
  node: { id: nodeId, locality: {}, metadata: { NAMESPACE: namespace, SERVICE_ACCOUNT: serviceAccount } },
});
