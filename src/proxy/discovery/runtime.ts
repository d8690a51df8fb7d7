// What discovery needs of the running proxy and of the decoders; the real ones are `proxy/runtime.ts` and `proxy/config/`.
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { ClusterLoadAssignment } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import type { Secret } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import type { Assignment } from '../config/cluster-types.ts';
import type { OnDemand } from '../config/on-demand.ts';
import type { ClusterConfig, ListenerConfig, SecretValue } from '../config/types.ts';
import type { RouteTable } from '../route/table.ts';

/** What returns a promise is in use when it resolves; where it rejects, what was in use before still is. */
export type Runtime = {
  /** For streams through its clusters. */
  readonly client: Pick<ClusterClient, 'bytes' | 'connect' | 'http' | 'stream'>;
  /** Calls through a cluster that nobody else sees, until it is closed. */
  openPrivate(config: ClusterConfig): { readonly client: ClusterClient; close(): void };
  setSecret(source: string, name: string, value: SecretValue): Applied;
  setCluster(config: ClusterConfig): Applied;
  removeCluster(name: string): void;
  setEndpoints(edsServiceName: string, assignment: Assignment): Applied;
  setRoutes(table: RouteTable): Applied;
  removeRoutes(name: string): void;
  /** Rejects when the address cannot be bound. */
  setListener(config: ListenerConfig): Promise<void>;
  removeListener(name: string): void;
  /** Whom requests that wait for a part of the configuration ask for it. */
  serveOnDemand(onDemand: OnDemand): void;
};

export type Applied = void | Promise<void>;

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
