// A snapshot made by hand: one listener, its routes, one cluster and its endpoint. For tests of the wire, not of planning.
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Cluster_DiscoveryType, ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ConfigSourceSchema } from '../../src/xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../src/xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { RouterSchema } from '../../src/xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { HttpConnectionManagerSchema } from '../../src/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { type EncodedResource, type Snapshot, type TypeUrl, typeUrl } from '../../src/xds/resource.ts';

export type HandBuilt = {
  /** null: an API listener, as proxyless gRPC asks for, named `apiName`. */
  readonly listenerPort: number | null;
  readonly apiName?: string;
  readonly upstream: string;
  readonly upstreamPort: number;
  /** Stands in every resource, so that all of them change with it. */
  readonly version: string;
};

type Metadata = { readonly filterMetadata: Record<string, Record<string, string>> };

const ads = create(ConfigSourceSchema, { configSourceSpecifier: { case: 'ads', value: {} } });
const address = (portValue: number) => ({
  address: {
    case: 'socketAddress' as const,
    value: { address: '127.0.0.1', portSpecifier: { case: 'portValue' as const, value: portValue } },
  },
});

export function handBuiltSnapshot(input: HandBuilt): Snapshot {
  const name = `upstream-${input.upstream}`;
  const metadata: Metadata = { filterMetadata: { test: { version: input.version } } };
  const resources = [
    encode(input, typeUrl.cluster, ClusterSchema, {
      name,
      clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
      edsClusterConfig: { edsConfig: ads },
      connectTimeout: { seconds: 1n },
      metadata,
    }),
    encode(input, typeUrl.endpoints, ClusterLoadAssignmentSchema, {
      clusterName: name,
      endpoints: [
        {
          // gRPC skips a locality without weight.
          locality: { region: 'local' },
          loadBalancingWeight: 1,
          lbEndpoints: [
            {
              hostIdentifier: { case: 'endpoint', value: { address: address(input.upstreamPort) } },
              metadata,
            },
          ],
        },
      ],
    }),
    encode(input, typeUrl.routes, RouteConfigurationSchema, {
      name: 'routes',
      virtualHosts: [
        {
          name: `all-${input.version}`,
          domains: ['*'],
          routes: [
            {
              match: { pathSpecifier: { case: 'prefix', value: '' } },
              action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: name } } },
            },
          ],
        },
      ],
    }),
    encode(input, typeUrl.listener, ListenerSchema, listener(input, metadata)),
  ];
  const byType = new Map<TypeUrl, Map<string, EncodedResource>>();
  for (const resource of resources) byType.set(resource.typeUrl, new Map([[resource.name, resource]]));
  return { resources: byType };
}

function listener({ listenerPort, apiName }: HandBuilt, metadata: Metadata): MessageInitShape<typeof ListenerSchema> {
  const http = anyPack(
    HttpConnectionManagerSchema,
    create(HttpConnectionManagerSchema, {
      statPrefix: 'test',
      routeSpecifier: { case: 'rds', value: { routeConfigName: 'routes', configSource: ads } },
      httpFilters: [
        {
          name: 'envoy.filters.http.router',
          configType: { case: 'typedConfig', value: anyPack(RouterSchema, create(RouterSchema)) },
        },
      ],
    }),
  );
  if (listenerPort === null) return { name: apiName ?? '', apiListener: { apiListener: http }, metadata };
  const filter = {
    name: 'envoy.filters.network.http_connection_manager',
    configType: { case: 'typedConfig' as const, value: http },
  };
  return { name: 'listener', address: address(listenerPort), filterChains: [{ filters: [filter] }], metadata };
}

function encode<Desc extends DescMessage>(
  { version }: HandBuilt,
  type: TypeUrl,
  schema: Desc,
  init: MessageInitShape<Desc>,
): EncodedResource {
  const named: object = init;
  const name = 'clusterName' in named ? named.clusterName : 'name' in named ? named.name : '';
  const bytes = toBinary(schema, create(schema, init));
  return { typeUrl: type, name: String(name), version, bytes, origins: ['origin'] };
}
