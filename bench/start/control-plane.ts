// The bootstrap of a benchmark served over ADS instead: what a proxy of a mesh starts with.
import { create, toBinary } from '@bufbuild/protobuf';
import { readBootstrap } from '../../src/proxy/bootstrap/bootstrap.ts';
import { SnapshotCache } from '../../src/xds/cache.ts';
import { ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { type EncodedResource, typeUrl } from '../../src/xds/resource.ts';
import { XdsServer } from '../../src/xds/server.ts';

const NODE = 'bench';
const quiet = { info: () => undefined, warn: () => undefined };

/** Returns the bootstrap of a proxy that asks for the listeners and clusters of `bootstrap`, and how to stop serving them. */
export async function serveOverAds(bootstrap: string): Promise<{ readonly bootstrap: string; close(): void }> {
  const { clusters, listeners } = await readBootstrap(bootstrap, 'bench');
  const cache = new SnapshotCache();
  const fixed = { version: '1', origins: [] };
  cache.setSnapshot(NODE, {
    resources: new Map([
      [
        typeUrl.cluster,
        byName(
          clusters.map((one) => ({
            ...fixed,
            typeUrl: typeUrl.cluster,
            name: one.name,
            bytes: toBinary(ClusterSchema, create(ClusterSchema, one)),
          })),
        ),
      ],
      [
        typeUrl.listener,
        byName(
          listeners.map((one) => ({
            ...fixed,
            typeUrl: typeUrl.listener,
            name: one.name,
            bytes: toBinary(ListenerSchema, create(ListenerSchema, one)),
          })),
        ),
      ],
    ]),
  });
  const authorize = () => ({ ok: true as const, nodeId: NODE });
  const server = new XdsServer({
    cache,
    address: '127.0.0.1:0',
    security: { kind: 'plaintext' },
    authorize,
    log: quiet,
  });
  const port = await server.listen();
  const { static_resources: _, ...rest } = JSON.parse(bootstrap) as Record<string, unknown>;
  return { bootstrap: JSON.stringify({ ...rest, ...askingFor(port) }), close: () => server.close() };
}

function byName(resources: readonly EncodedResource[]): ReadonlyMap<string, EncodedResource> {
  return new Map(resources.map((one) => [one.name, one]));
}

function askingFor(port: number): object {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const source = { resource_api_version: 'V3', ads: {} };
  return {
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      lds_config: source,
      cds_config: source,
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          connect_timeout: '1s',
          load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
          typed_extension_protocol_options: {
            [options]: {
              '@type': `type.googleapis.com/${options}`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
      ],
    },
  };
}
