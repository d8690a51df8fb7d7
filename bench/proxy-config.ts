// Bootstraps for Envoy and Tulle's proxy, the very same file for both: one listener, one cluster, everything else as a scenario wants it.

/** One hop of a scenario. Paths are those of the certificates in the run's folder. */
export type HopConfig = {
  readonly listener: number;
  readonly upstream: number;
  readonly admin: number;
  readonly folder: string;
};

export type HopShape = {
  /** What serves connections instead of HTTP. */
  readonly terminal?: 'tcp' | 'echo';
  /** Mutual TLS on the listener or towards the upstream; `alpn` also says the version of HTTP spoken there. */
  readonly accepts?: TlsEnd;
  readonly connects?: TlsEnd;
  /** Speaks HTTP/2 to the upstream. */
  readonly http2Upstream?: boolean;
  /** Fields of the connection manager beside its routes. */
  readonly manager?: Readonly<Record<string, unknown>>;
  /** HTTP filters before the router. */
  readonly filters?: readonly unknown[];
  /** Routes before the one that takes everything. */
  readonly routes?: readonly unknown[];
  /** Fields of the route action. */
  readonly action?: Readonly<Record<string, unknown>>;
};

type TlsEnd = { readonly own: 'client' | 'server'; readonly peer: 'client' | 'server'; readonly alpn?: string };

/** The two ends of a hop between proxies. */
export const mutualTls: { readonly here: TlsEnd; readonly there: TlsEnd } = {
  here: { own: 'client', peer: 'server' },
  there: { own: 'server', peer: 'client' },
};

const TYPES = 'type.googleapis.com/envoy.extensions';
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

export function bootstrapOf(shape: HopShape, { listener, upstream, admin, folder }: HopConfig): string {
  return JSON.stringify({
    node: { id: 'bench', cluster: 'bench' },
    admin: { address: socket(admin) },
    static_resources: {
      listeners: [{ name: 'front', address: socket(listener), filter_chains: [filterChain(shape, folder)] }],
      clusters: [cluster(shape, upstream, folder)],
    },
  });
}

export function typed(type: string, fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { '@type': `${TYPES}.${type}`, ...fields };
}

function filterChain(shape: HopShape, folder: string) {
  const { accepts } = shape;
  return {
    filters: [terminal(shape)],
    ...(accepts && {
      transport_socket: transportSocket(accepts, folder, 'Downstream', { require_client_certificate: true }),
    }),
  };
}

function terminal({ terminal: kind, manager, filters = [], routes = [], action }: HopShape) {
  const network = 'filters.network';
  if (kind === 'tcp') {
    const proxy = typed(`${network}.tcp_proxy.v3.TcpProxy`, { stat_prefix: 'front', cluster: 'upstream' });
    return { name: 'tcp_proxy', typed_config: proxy };
  }
  if (kind === 'echo') return { name: 'echo', typed_config: typed(`${network}.echo.v3.Echo`) };
  const last = { match: { prefix: '/' }, route: { cluster: 'upstream', ...action } };
  const router = { name: 'envoy.filters.http.router', typed_config: typed('filters.http.router.v3.Router') };
  const connectionManager = typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'front',
    route_config: { name: 'front', virtual_hosts: [{ name: 'all', domains: ['*'], routes: [...routes, last] }] },
    http_filters: [...filters, router],
    ...manager,
  });
  return { name: 'envoy.filters.network.http_connection_manager', typed_config: connectionManager };
}

function cluster({ connects, http2Upstream }: HopShape, upstream: number, folder: string) {
  const http2 = { explicit_http_config: { http2_protocol_options: {} } };
  return {
    name: 'upstream',
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: 'upstream',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(upstream) } }] }],
    },
    ...(http2Upstream && {
      typed_extension_protocol_options: {
        [HTTP_OPTIONS]: { '@type': `type.googleapis.com/${HTTP_OPTIONS}`, ...http2 },
      },
    }),
    ...(connects && { transport_socket: transportSocket(connects, folder, 'Upstream', { sni: 'server.bench' }) }),
  };
}

function transportSocket(end: TlsEnd, folder: string, side: string, fields: Readonly<Record<string, unknown>>) {
  const identity = `spiffe://cluster.local/ns/bench/sa/${end.peer}`;
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: typed(`transport_sockets.tls.v3.${side}TlsContext`, {
      ...fields,
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        tls_certificates: [
          {
            certificate_chain: { filename: `${folder}/${end.own}.pem` },
            private_key: { filename: `${folder}/${end.own}-key.pem` },
          },
        ],
        validation_context: {
          trusted_ca: { filename: `${folder}/ca.pem` },
          match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: identity } }],
        },
        ...(end.alpn !== undefined && { alpn_protocols: [end.alpn] }),
      },
    }),
  };
}

function socket(port: number) {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
