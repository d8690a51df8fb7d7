// Chains of listeners that say which one a connection got, and the clients that ask them.
import type { ConnectionCase, ConnectionStand } from './connections.ts';
import { type Line, talk } from './talk.ts';

export const NETWORK = 'type.googleapis.com/envoy.extensions.filters.network';
export const LISTENER_FILTER = 'type.googleapis.com/envoy.extensions.filters.listener';
const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';

/** A chain that says its name. */
export function chain(name: string, match: string, more = ''): string {
  return `{ filter_chain_match: { ${match} }, filters: [{ name: r, typed_config: { "@type": ${NETWORK}.direct_response.v3.Config, response: { inline_string: ${name} } } }]${more} }`;
}

const HTTP = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';

/** Envoy's fixed answer comes before a handshake is over: behind TLS a chain says its name over HTTP. */
export function secure(name: string, match: string): string {
  const manager = `{ "@type": ${NETWORK}.http_connection_manager.v3.HttpConnectionManager, stat_prefix: h, delayed_close_timeout: 0.05s, http_filters: [{ name: router, typed_config: { "@type": ${HTTP} } }], route_config: { virtual_hosts: [{ name: v, domains: ["*"], routes: [{ match: { prefix: / }, direct_response: { status: 200, body: { inline_string: "${name}" } } }] }] } }`;
  const certificate = `{ certificate_chain: { filename: <folder>/server.pem }, private_key: { filename: <folder>/server-key.pem } }`;
  return `{ filter_chain_match: { ${match} }, filters: [{ name: h, typed_config: ${manager} }], transport_socket: { name: tls, typed_config: { "@type": ${TLS}, common_tls_context: { tls_certificates: [${certificate}] } } } }`;
}

/** Listener filters of these types. */
export const filters = (...names: string[]) =>
  `listener_filters: [${names.map((name) => `{ name: f, typed_config: { "@type": ${name} } }`).join(', ')}]`;

export const cidr = (prefix: string, bits: number) => `[{ address_prefix: ${prefix}, prefix_len: ${bits} }]`;
export const list = (...chains: string[]) => `filter_chains: [${chains.join(', ')}]`;

function said(listener: string, lines: readonly Line[], tls?: Parameters<typeof talk>[2]) {
  return async (stand: ConnectionStand) => {
    const { received } = await talk(stand.port(listener), lines, tls);
    return received.split('\r\n\r\n').at(-1);
  };
}

export const row = (
  name: string,
  listener: string,
  lines: readonly Line[],
  wants: string,
  tls?: Parameters<typeof talk>[2],
): ConnectionCase => ({ name, run: said(listener, lines, tls), wants });

export const GET: Line = { send: 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n' };
export const asks = (servername: string, ...ALPNProtocols: string[]) => ({
  tls: { servername, ...(ALPNProtocols.length > 0 ? { ALPNProtocols } : {}) },
});
export const proxied = (source: string, destination: string, from = 1, to = 2): Line[] => [
  { send: `PROXY TCP4 ${source} ${destination} ${from} ${to}\r\n` },
];
