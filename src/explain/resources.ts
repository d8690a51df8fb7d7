// Resources of a snapshot, decoded as the proxy decodes them.
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import type { EndpointConfig } from '../proxy/config/cluster-types.ts';
import type { ClusterConfig, HttpConnectionConfig, ListenerConfig } from '../proxy/config/types.ts';
import type { Decoders } from '../proxy/discovery/decoders.ts';
import type { RouteTable } from '../proxy/route/table.ts';
import { ClusterSchema } from '../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../xds/gen/envoy/config/route/v3/route_pb.ts';
import { type Snapshot, type TypeUrl, typeUrl } from '../xds/resource.ts';

/** What one proxy is served. Everything is null when it is not there. */
export class ProxyResources {
  readonly #snapshot: Snapshot;
  readonly #decoders: Decoders;

  constructor(snapshot: Snapshot, decoders: Decoders) {
    this.#snapshot = snapshot;
    this.#decoders = decoders;
  }

  listener(name: string): ListenerConfig | null {
    const message = this.#message(typeUrl.listener, name, ListenerSchema);
    return message === null ? null : this.#decoders.decodeListener(message);
  }

  /** By the address that it is bound to. */
  listenerAt(host: string, port: number): ListenerConfig | null {
    for (const name of this.#snapshot.resources.get(typeUrl.listener)?.keys() ?? []) {
      const config = this.listener(name);
      if (config?.address === host && config.port === port) return config;
    }
    return null;
  }

  routesOf({ routes }: HttpConnectionConfig): RouteTable | null {
    if (routes.kind === 'inline') return routes.table;
    const message = this.routeConfiguration(routes.name);
    return message === null ? null : this.#decoders.decodeRoutes(message);
  }

  routeConfiguration(name: string): RouteConfiguration | null {
    return this.#message(typeUrl.routes, name, RouteConfigurationSchema);
  }

  cluster(name: string): ClusterConfig | null {
    const message = this.#message(typeUrl.cluster, name, ClusterSchema);
    return message === null ? null : this.#decoders.decodeCluster(message);
  }

  endpoints({ name, discovery }: ClusterConfig): readonly EndpointConfig[] {
    // Where such a request goes is decided by the client.
    if (discovery.kind === 'original-dst' || discovery.kind === 'dynamic') return [];
    if (discovery.kind === 'aggregate') return discovery.clusters.flatMap((member) => this.#endpointsOfMember(member));
    if (discovery.kind !== 'eds') return discovery.assignment.endpoints;
    const message = this.#message(typeUrl.endpoints, discovery.serviceName || name, ClusterLoadAssignmentSchema);
    return message === null ? [] : this.#decoders.decodeEndpoints(message).assignment.endpoints;
  }

  /** An aggregate has no endpoints of its own, so that one within another adds none. */
  #endpointsOfMember(name: string): readonly EndpointConfig[] {
    const member = this.cluster(name);
    return member === null || member.discovery.kind === 'aggregate' ? [] : this.endpoints(member);
  }

  #message<Desc extends DescMessage>(type: TypeUrl, name: string, schema: Desc): MessageShape<Desc> | null {
    const found = this.#snapshot.resources.get(type)?.get(name);
    return found === undefined ? null : fromBinary(schema, found.bytes);
  }
}
