// Supported fields (see supported-fields.ts) of network filters, listener filters and transport sockets.

export const networkFields: Readonly<Record<string, string>> = {
  'envoy.tcp.metadataexchange.config.MetadataExchange': 'protocol additional_labels',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy':
    'stat_prefix cluster weighted_clusters metadata_match idle_timeout access_log max_connect_attempts hash_policy max_downstream_connection_duration max_downstream_connection_duration_jitter_percentage flush_access_log_on_connected access_log_options tunneling_config on_demand',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.OnDemand': 'odcds_config timeout',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TunnelingConfig':
    'hostname use_post headers_to_add post_path propagate_response_headers propagate_response_trailers',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster': 'clusters',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight': 'name weight metadata_match',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TcpAccessLogOptions': 'flush_access_log_on_connected',
  'envoy.type.v3.HashPolicy': 'source_ip',
  'envoy.extensions.filters.network.direct_response.v3.Config': 'response',
  'envoy.extensions.filters.network.rbac.v3.RBAC':
    'rules shadow_rules matcher shadow_matcher stat_prefix shadow_rules_stat_prefix delay_deny enforcement_type',
  'envoy.extensions.filters.network.ext_authz.v3.ExtAuthz':
    'stat_prefix grpc_service failure_mode_allow include_peer_certificate transport_api_version filter_enabled_metadata include_tls_session metadata_context_namespaces',
  'envoy.extensions.filters.network.ratelimit.v3.RateLimit':
    'stat_prefix domain descriptors timeout failure_mode_deny rate_limit_service',
  'envoy.extensions.common.ratelimit.v3.RateLimitDescriptor': 'entries',
  'envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit':
    'stat_prefix max_connections delay runtime_enabled',
  'envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit': 'stat_prefix token_bucket runtime_enabled',
  'envoy.type.v3.TokenBucket': 'max_tokens tokens_per_fill fill_interval',
  'envoy.config.core.v3.RuntimeFeatureFlag': 'default_value runtime_key',
  'envoy.extensions.filters.network.set_filter_state.v3.Config':
    'on_new_connection on_downstream_tls_handshake on_downstream_data',
  'envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue':
    'object_key factory_key format_string shared_with_upstream skip_if_empty',
  'envoy.config.listener.v3.AdditionalAddress': 'address',
  'envoy.config.core.v3.SocketOption': 'level name int_value buf_value state ip_version',
  'envoy.config.core.v3.TcpKeepalive': 'keepalive_probes keepalive_time keepalive_interval',
  'envoy.config.cluster.v3.UpstreamConnectionOptions': 'tcp_keepalive happy_eyeballs_config',
  'envoy.config.listener.v3.Listener.DeprecatedV1': 'bind_to_port',
  'envoy.config.listener.v3.ListenerFilterChainMatchPredicate':
    'or_match and_match not_match any_match destination_port_range',
  'envoy.config.listener.v3.ListenerFilterChainMatchPredicate.MatchSet': 'rules',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector':
    'enable_ja3_fingerprinting enable_ja4_fingerprinting close_connection_on_client_hello_parsing_errors max_client_hello_size',
  'envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit': 'stat_prefix token_bucket runtime_enabled',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol':
    'allow_requests_without_proxy_protocol disallowed_versions rules pass_through_tlvs stat_prefix',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.Rule': 'tlv_type on_tlv_present',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.KeyValuePair':
    'metadata_namespace key value_string_encoding',
  'envoy.config.core.v3.ProxyProtocolPassThroughTLVs': 'match_type tlv_type',
  'envoy.config.core.v3.ProxyProtocolConfig': 'version pass_through_tlvs added_tlvs',
  'envoy.config.core.v3.TlvEntry': 'type value',
  'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport': 'config transport_socket',
};
