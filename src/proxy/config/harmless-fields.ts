// Fields that are accepted without effect, with the reason why leaving them out harms nobody.

export const harmlessFields: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'envoy.tcp.metadataexchange.config.MetadataExchange': {
    enable_discovery: 'without an extension of the bootstrap, which is refused, nothing is discovered',
  },
  'stats.PluginConfig': {
    tcp_reporting_duration: 'bytes of connections that are open are counted whenever somebody looks',
  },
  'envoy.extensions.filters.http.fault.v3.HTTPFault': {
    disable_downstream_cluster_stats: 'faults are not counted by the cluster of the client',
  },
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz': {
    transport_api_version: 'there is only version 3',
    filter_metadata: 'no format, matcher or expression shows it',
  },
  'envoy.config.listener.v3.Listener': {
    max_connections_to_accept_per_socket_event: 'how many are accepted in one go; all are in the end',
  },
  'envoy.config.listener.v3.FilterChain': { metadata: 'read by no filter' },
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector': {
    initial_read_buffer_size: 'a hint',
  },
  'envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue': {
    read_only: 'Envoy, too, replaces what was set so',
  },
  'envoy.config.core.v3.Metadata': { typed_filter_metadata: 'read by no filter' },
  'envoy.config.core.v3.Http1ProtocolOptions': {
    enable_trailers: 'trailers are passed on',
  },
  'envoy.config.core.v3.Http2ProtocolOptions': {
    use_oghttp2_codec: 'chooses between implementations of Envoy',
    enable_huffman_encoding: 'strings are squeezed where that pays',
    max_header_field_size_kb: 'of an implementation of Envoy that this is not',
    stream_reset_burst: 'of an implementation of Envoy that this is not',
    stream_reset_rate: 'of an implementation of Envoy that this is not',
  },
  'envoy.config.core.v3.PathConfigSource': { watched_directory: 'what the name of the file leads through is watched' },
  'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig': {
    udp_max_queries: 'each question has a socket of its own',
    max_udp_channel_duration: 'each question has a socket of its own',
    reinit_channel_on_timeout: 'each question has a socket of its own',
    edns0_max_payload_size: 'answers that are larger come over TCP',
  },
  'envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig': {
    num_resolver_threads: 'the answers are the same',
  },
  'envoy.config.cluster.v3.Cluster': {
    per_connection_buffer_limit_bytes:
      'what waits is held back at its source: never more than sockets and windows of HTTP/2 hold, whatever the limit',
  },
  'envoy.config.cluster.v3.Cluster.CommonLbConfig': {
    update_merge_window: 'whatever it is, Envoy, too, does at once what is said of endpoints anew',
  },
  'envoy.config.endpoint.v3.LocalityLbEndpoints': {
    proximity: 'unused by Envoy itself',
    metadata: 'read by no balancer',
  },
  'envoy.config.route.v3.WeightedCluster': {
    total_weight: 'Envoy takes the sum of the weights',
  },
  'envoy.config.route.v3.RouteAction': { early_data_policy: 'there is no early data without HTTP/3' },
  'envoy.config.route.v3.HedgePolicy': {
    initial_requests: 'Envoy does not implement it',
    additional_request_chance: 'Envoy does not implement it',
  },
  'envoy.type.matcher.v3.RegexMatcher': { google_re2: 'the only engine' },
  'envoy.type.matcher.v3.RegexMatcher.GoogleRE2': { max_program_size: 'programs are limited always' },
  'envoy.config.trace.v3.ZipkinConfig': {
    split_spans_for_request: 'Envoy does nothing with it: spawn_upstream_span says whether attempts have spans',
  },
  'envoy.config.accesslog.v3.AccessLog': { name: 'chosen by type' },
  'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext': {
    disable_stateful_session_resumption: 'sessions are resumed by ticket only, with it and without',
  },
  'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext': {
    enforce_rsa_key_usage: 'enforced always, as by Envoy',
  },
  'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport': {
    tlv_as_pool_key: 'connections of one client are never given to another',
  },
};
