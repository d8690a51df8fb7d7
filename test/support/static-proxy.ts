// A proxy with one listener (`front`) and one cluster (`up`), everything static, and a look at whether anything is left of anybody.
import { expect } from 'vitest';
import { freePorts } from './ports.ts';
import { address, type Flags, ProxyUnderTest } from './proxy-under-test.ts';
import { waitFor } from './wait-for.ts';

/** Fields of the filter chain, the connection manager, the route's action and the cluster. */
export type StaticChange = {
  readonly chain?: object;
  readonly manager?: object;
  readonly route?: object;
  readonly cluster?: object;
};

const TYPE = 'type.googleapis.com/envoy.extensions';

/** One listener, one cluster, everything static. */
export async function startStaticProxy(
  upstreamPort: number,
  change: StaticChange = {},
  flags: Flags = {},
): Promise<{ readonly proxy: ProxyUnderTest; readonly port: number }> {
  const [port = 0, admin = 0] = await freePorts(2);
  const manager = {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'front',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'up', ...change.route } }],
        },
      ],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } }],
    ...change.manager,
  };
  const bootstrap = {
    node: { id: 'faults' },
    static_resources: {
      listeners: [
        {
          name: 'front',
          address: address(port),
          filter_chains: [{ filters: [{ name: 'http', typed_config: manager }], ...change.chain }],
        },
      ],
      clusters: [
        {
          name: 'up',
          type: 'STATIC',
          connect_timeout: '20s',
          load_assignment: {
            cluster_name: 'up',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstreamPort) } }] }],
          },
          ...change.cluster,
        },
      ],
    },
  };
  const proxy = await ProxyUnderTest.start(admin, () => bootstrap, flags);
  return { proxy, port };
}

/** Nothing is left of anybody. */
export async function settled(proxy: ProxyUnderTest): Promise<void> {
  for (const gauge of [
    'http.front.downstream_cx_active',
    'http.front.downstream_rq_active',
    'cluster.up.upstream_rq_active',
    'cluster.up.upstream_rq_pending_active',
  ]) {
    await waitFor(`${gauge} to be 0`, async () => (await proxy.stat(gauge)) === 0);
  }
  expect(await proxy.stat('server.uncaught_faults')).toBe(0);
  expect(proxy.alive).toBe(true);
}
