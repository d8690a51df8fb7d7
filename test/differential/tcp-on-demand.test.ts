// TCP to clusters that come when a connection needs them (tcp_proxy.on_demand), from our own control plane to both proxies.
import { createServer } from 'node:net';
import { afterAll } from 'vitest';
import { grpcCluster } from '../support/grpc-server.ts';
import { NETWORK } from './harness/chains.ts';
import { type ConnectionCase, compareConnections } from './harness/connections.ts';
import { encode, startControlPlane } from './harness/control-plane.ts';
import { talk } from './harness/talk.ts';

const upstream = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => socket.end(`fetched:${bytes}`));
});
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const place = upstream.address();
const address = {
  socket_address: { address: '127.0.0.1', port_value: typeof place === 'object' ? (place?.port ?? 0) : 0 },
};
const cluster = (name: string) =>
  encode('cluster', name, {
    name,
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  });
const control = await startControlPlane(['one', 'two'].map(cluster));
afterAll(() => {
  control.stop();
  upstream.close();
});

const source = (name: string) =>
  `{ resource_api_version: V3, api_config_source: { api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [{ envoy_grpc: { cluster_name: ${name} } }] } }`;
const FILE = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';
const proxied = (name: string, to: string, fields: string): readonly [string, string] => [
  name,
  `filter_chains: [{ filters: [{ name: tcp, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: ${name}, cluster: ${to}, ${fields} access_log: [{ name: file, typed_config: { "@type": ${FILE}, path: <folder>/${name}.log, log_format: { text_format_source: { inline_string: "%RESPONSE_FLAGS% %UPSTREAM_CLUSTER%\\n" } } } }] } }] }]`,
];
const onDemand = (from: string, timeout = '2s') => `on_demand: { odcds_config: ${source(from)}, timeout: ${timeout} },`;

function asked(
  name: string,
  listener: string,
  received: string,
  outcome: 'success' | 'missing' | 'timeout' | null,
  log: string,
): ConnectionCase {
  const counters = ['attempt', 'success', 'missing', 'timeout'].map(
    (what) =>
      [
        `tcp.${listener}.on_demand_cluster_${what}`,
        outcome !== null && (what === 'attempt' || what === outcome) ? 1 : 0,
      ] as const,
  );
  return {
    name,
    async run(stand) {
      const talked = await talk(stand.port(listener), [{ send: 'hello' }]);
      const values = await Promise.all(counters.map(async ([key, wanted]) => [key, await stand.stat(key, wanted)]));
      const noRoute = await stand.stat(`tcp.${listener}.downstream_cx_no_route`, received === '' ? 1 : 0);
      return { received: talked.received, counters: values, noRoute, log: (await stand.log(listener)).at(-1) };
    },
    wants: { received, counters, log },
  };
}

compareConnections({
  name: 'TCP on demand',
  listeners: Object.fromEntries([
    proxied('comes', 'one', onDemand('xds')),
    proxied('there', 'ender', onDemand('xds')),
    proxied('missing', 'nowhere', onDemand('xds')),
    proxied('late', 'never', onDemand('refused', '0.3s')),
    proxied('unasked', 'two', ''),
  ]),
  clusters: grpcCluster('xds', control.port),
  cases: [
    asked('a cluster that comes', 'comes', 'fetched:hello', 'success', '- one'),
    asked('one that has come is not asked for again', 'comes', 'fetched:hello', 'success', '- one'),
    asked('one that was there', 'there', 'bye\n', null, '- ender'),
    asked('one that does not exist', 'missing', '', 'missing', 'NC -'),
    asked('one that does not come in time', 'late', '', 'timeout', 'NC -'),
    asked('one that is not asked for', 'unasked', '', null, 'NC -'),
  ],
});
