// A control plane on loopback that knows one proxy, and the bootstrap of a proxy that knows nothing else.
import type { SnapshotCache } from '../../src/xds/cache.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { speaksHttp2 } from './proxy-process.ts';
import { address } from './proxy-under-test.ts';

/** Listens when it resolves. */
export async function startAds(cache: SnapshotCache, node: string, port: number): Promise<XdsServer> {
  const server = new XdsServer({
    cache,
    address: `127.0.0.1:${port}`,
    security: { kind: 'plaintext' },
    authorize: () => ({ ok: true as const, nodeId: node }),
    log: { info: () => undefined, warn: () => undefined },
  });
  await server.listen();
  return server;
}

export function adsBootstrap(node: string, port: number): object {
  const endpoint = { endpoint: { address: address(port) } };
  return {
    node: { id: node },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      lds_config: { ads: {}, resource_api_version: 'V3' },
      cds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          connect_timeout: '20s',
          ...speaksHttp2,
          load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [endpoint] }] },
        },
      ],
    },
  };
}
