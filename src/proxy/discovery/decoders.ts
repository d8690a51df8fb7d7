// What makes configuration of resources; the real ones are `proxy/config/decoders.ts`.
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { ClusterLoadAssignment } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import type { Secret } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { Assignment } from '../config/cluster-types.ts';
import type { SecretValue } from '../config/tls-types.ts';
import type { ClusterConfig, ListenerConfig } from '../config/types.ts';
import type { RouteTable } from '../route/table.ts';

/** Each throws, with a message that begins with the field's path, what it cannot decode. */
export type Decoders = {
  decodeListener(listener: Listener): ListenerConfig;
  decodeCluster(cluster: Cluster): ClusterConfig;
  decodeEndpoints(assignment: ClusterLoadAssignment): {
    readonly name: string;
    readonly assignment: Assignment;
  };
  decodeRoutes(routes: RouteConfiguration): RouteTable;
  decodeSecret(secret: Secret): SecretValue;
};
