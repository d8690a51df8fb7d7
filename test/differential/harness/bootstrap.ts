// Builds the Envoy bootstrap of a suite: the one file that both proxies are started with (only the ports differ).
import { parse } from 'yaml';
import type { ListenerFragment, Suite } from './case.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters';
const STANDARD_LISTENERS: Readonly<Record<string, ListenerFragment>> = { front: {} };

export function listenerNames(suite: Suite): string[] {
  return Object.keys(suite.listeners ?? STANDARD_LISTENERS);
}

/** JSON: Envoy reads YAML 1.1, where `yes` is a boolean. `ports` has `admin`, every listener, every upstream and `dead`. */
export function bootstrap(suite: Suite, ports: Readonly<Record<string, number>>, folder: string): string {
  const fill = (fragment: string | undefined): unknown => {
    const filled = (fragment ?? '').replace(/<(\w+)>/g, (_hole, name: string) =>
      String(name === 'folder' ? folder : portOf(ports, name)),
    );
    return parse(filled) as unknown;
  };
  const listeners = Object.entries(suite.listeners ?? STANDARD_LISTENERS).map(([name, fragment]) => ({
    name,
    address: address(portOf(ports, name)),
    ...asFields(fill(fragment.listener)),
    filter_chains: [
      {
        filters: [connectionManager(name, suite, fragment, `${folder}/access.log`, fill)],
        ...asFields(fill(fragment.chain)),
      },
    ],
  }));
  const clusters = [
    ...['a', 'b', 'c'].map((name) => cluster(name, [portOf(ports, name)])),
    cluster('refused', [portOf(ports, 'dead')]),
    cluster('empty', []),
    ...asList(fill(suite.clusters)),
  ];
  return JSON.stringify({
    node: { id: 'differential', cluster: 'differential' },
    admin: { address: address(portOf(ports, 'admin')) },
    static_resources: { listeners, clusters, secrets: asList(fill(suite.secrets)) },
    ...asFields(fill(suite.bootstrap)),
  });
}

function connectionManager(
  name: string,
  suite: Suite,
  fragment: ListenerFragment,
  log: string,
  fill: (text: string | undefined) => unknown,
) {
  const router = { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.http.router.v3.Router` } };
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: withoutNulls({
      '@type': `${TYPE}.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: name,
      // Envoy waits this long for the client to close first; its default of 1 s only slows the tests.
      delayed_close_timeout: '0.05s',
      route_config: { name, ...asFields(fill(suite.routeConfiguration)), virtual_hosts: fill(suite.virtualHosts) },
      http_filters: [...asList(fill(fragment.filters)), router],
      access_log: [accessLog(log)],
      ...asFields(fill(fragment.manager)),
    }),
  };
}

/** A fragment takes a field away by null. */
function withoutNulls(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function accessLog(path: string) {
  const format = '%REQ(X-CASE)% %RESPONSE_CODE% %RESPONSE_FLAGS%\n';
  return {
    name: 'envoy.access_loggers.file',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path,
      log_format: { text_format_source: { inline_string: format } },
    },
  };
}

/** Of endpoints at these ports. */
export function cluster(name: string, endpoints: readonly number[]) {
  const lb_endpoints = endpoints.map((port) => ({ endpoint: { address: address(port) } }));
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints }] },
  };
}

export function address(port: number) {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function portOf(ports: Readonly<Record<string, number>>, name: string): number {
  const port = ports[name];
  if (port === undefined) throw new Error(`no port named ${name}`);
  return port;
}

function asFields(value: unknown): object {
  return (value ?? {}) as object;
}

function asList(value: unknown): unknown[] {
  return (value ?? []) as unknown[];
}
