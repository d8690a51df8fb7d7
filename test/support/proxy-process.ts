// The proxy as a process of its own with one listener and one cluster, for tests from outside.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { pinnedNode, proxyProgram, TestProcess } from './process.ts';

export type ProxyOptions = {
  /** Port of the one endpoint. */
  readonly upstream: number;
  /** Fields of the connection manager. */
  readonly manager?: object;
  /** Fields of the only route's action, beside its cluster. */
  readonly route?: object;
  /** Fields of the cluster. */
  readonly cluster?: object;
  /** Fields of the filter chain, such as its transport socket. */
  readonly chain?: object;
};

const TYPE = 'type.googleapis.com/envoy.extensions';

/** HTTP/2 to the upstream, as a field of the cluster. */
export const speaksHttp2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

export async function startProxyProcess(
  options: ProxyOptions,
): Promise<{ readonly port: number; readonly process: TestProcess }> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'tulle-proxy-'));
  const config = join(folder, 'bootstrap.json');
  writeFileSync(config, JSON.stringify(bootstrap(port, options)));
  try {
    const process = await TestProcess.start({
      command: pinnedNode,
      args: [proxyProgram, '-c', config],
      ready: () => accepts(port),
      deadline: 40_000,
    });
    return { port, process };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function bootstrap(port: number, { upstream, manager, route, cluster, chain }: ProxyOptions): object {
  const connectionManager = {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'front',
    route_config: {
      name: 'front',
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'upstream', ...route } }] },
      ],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } }],
    ...manager,
  };
  const endpoint = { endpoint: { address: address(upstream) } };
  return {
    node: { id: 'test', cluster: 'test' },
    static_resources: {
      listeners: [
        {
          name: 'front',
          address: address(port),
          filter_chains: [{ filters: [{ name: 'http', typed_config: connectionManager }], ...chain }],
        },
      ],
      clusters: [
        {
          name: 'upstream',
          type: 'STATIC',
          connect_timeout: '2s',
          load_assignment: { cluster_name: 'upstream', endpoints: [{ lb_endpoints: [endpoint] }] },
          ...cluster,
        },
      ],
    },
  };
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
