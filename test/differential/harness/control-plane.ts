// Our own control plane, which both proxies ask for resources by name.
import { fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { SnapshotCache } from '../../../src/xds/cache.ts';
import { types } from '../../../src/xds/descriptors/types.ts';
import { ClusterSchema } from '../../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { VirtualHostSchema } from '../../../src/xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { type EncodedResource, type TypeUrl, typeUrl } from '../../../src/xds/resource.ts';
import { XdsServer } from '../../../src/xds/server.ts';

const schemas = { cluster: ClusterSchema, routes: RouteConfigurationSchema, virtualHost: VirtualHostSchema };

export function encode(kind: keyof typeof schemas, name: string, json: JsonObject): EncodedResource {
  const schema = schemas[kind];
  const bytes = toBinary(schema, fromJson(schema, json, { registry: types }));
  return { typeUrl: typeUrl[kind], name, version: '1', bytes, origins: [] };
}

/** Listens when it resolves. The nodes of the harness are given what they name. */
export async function startControlPlane(
  resources: readonly EncodedResource[],
): Promise<{ readonly port: number; stop(): void }> {
  const cache = new SnapshotCache();
  cache.setSnapshot('differential', {
    resources: new Map<TypeUrl, Map<string, EncodedResource>>(
      [...Map.groupBy(resources, (one) => one.typeUrl)].map(([type, list]) => [
        type,
        new Map(list.map((one) => [one.name, one])),
      ]),
    ),
  });
  const server = new XdsServer({
    cache,
    address: '127.0.0.1:0',
    security: { kind: 'plaintext' },
    authorize: ({ id }) => ({ ok: true, nodeId: id }),
    log: { info: () => undefined, warn: () => undefined },
  });
  return { port: await server.listen(), stop: () => server.close() };
}
