// Keys of filter state that mean something to the proxy itself.
// https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/advanced/well_known_filter_state

/** The name that a connection to an endpoint asks for in its handshake. */
export const UPSTREAM_SERVER_NAME = 'envoy.network.upstream_server_name';

/** Of the answer to a tunnel: fields, as objects of `envoy.config.core.v3.HeaderMap`. */
export const TUNNEL_HEADERS = 'envoy.tcp_proxy.propagate_response_headers';
export const TUNNEL_TRAILERS = 'envoy.tcp_proxy.propagate_response_trailers';
