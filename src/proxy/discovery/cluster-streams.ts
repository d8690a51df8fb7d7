// xDS streams through one of the proxy's own clusters, with its TLS, limits and statistics.
import type { OpenXdsStream } from '../../xds/client.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import type { GrpcTarget } from '../client/grpc-stream.ts';
import { describeGrpcStatus } from '../http/grpc-status.ts';

export function clusterStreams(client: Pick<ClusterClient, 'bytes'>, target: GrpcTarget): OpenXdsStream {
  return (path, handler) =>
    client.bytes(path, target, {
      // A copy: what was read is only lent.
      onMessage: (bytes) => handler.onMessage(Uint8Array.from(bytes)),
      onClosed: (status) =>
        handler.onClosed(status.code === 0 ? 'the server ended the stream' : describeGrpcStatus(status)),
    });
}
