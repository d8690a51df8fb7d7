// Keys of filter state that mean something to the proxy itself.
// https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/advanced/well_known_filter_state

/** The name that a connection to an endpoint asks for in its handshake. */
export const UPSTREAM_SERVER_NAME = 'envoy.network.upstream_server_name';
