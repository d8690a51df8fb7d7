// Which fields of which messages this proxy implements, by their names in the .proto files. A type that is not listed has none.
import { harmlessFields } from './harmless-fields.ts';
import { filterFields } from './supported-filter-fields.ts';
import { matcherFields } from './supported-matcher-fields.ts';
import { networkFields } from './supported-network-fields.ts';
import { routeFields } from './supported-route-fields.ts';
import { telemetryFields } from './supported-telemetry-fields.ts';

/** Space-separated, because one line per message is what is read and compared with the .proto. */
const SUPPORTED: Readonly<Record<string, string>> = {
  'envoy.config.listener.v3.Listener':
    'name stat_prefix address access_log filter_chains filter_chain_matcher default_filter_chain metadata listener_filters traffic_direction per_connection_buffer_limit_bytes additional_addresses bind_to_port deprecated_v1 use_original_dst tcp_backlog_size listener_filters_timeout continue_on_listener_filters_timeout socket_options transparent freebind tcp_fast_open_queue_length tcp_keepalive enable_reuse_port connection_balance_config bypass_overload_manager ignore_global_conn_limit drain_type',
  'envoy.config.listener.v3.Listener.ConnectionBalanceConfig': 'exact_balance',
  'envoy.config.listener.v3.ListenerFilter': 'name typed_config filter_disabled',
  'envoy.config.listener.v3.FilterChain':
    'name filter_chain_match filters transport_socket transport_socket_connect_timeout',
  'envoy.config.listener.v3.FilterChainMatch':
    'destination_port prefix_ranges server_names transport_protocol application_protocols direct_source_prefix_ranges source_type source_prefix_ranges source_ports',
  'envoy.config.listener.v3.Filter': 'name typed_config',
  ...filterFields,
  ...networkFields,
  ...telemetryFields,
  ...routeFields,
  ...matcherFields,
  'envoy.config.core.v3.Address': 'socket_address pipe',
  'envoy.config.core.v3.Pipe': 'path',
  'envoy.config.core.v3.SocketAddress': 'protocol address port_value ipv4_compat',
  'envoy.config.core.v3.Metadata': 'filter_metadata',
  'envoy.config.core.v3.TransportSocket': 'name typed_config',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager':
    'local_reply_config access_log_options tracing codec_type stat_prefix rds route_config http_filters common_http_protocol_options http_protocol_options http2_protocol_options upgrade_configs server_name server_header_transformation max_request_headers_kb stream_idle_timeout request_timeout request_headers_timeout drain_timeout delayed_close_timeout http1_safe_max_connection_duration access_log use_remote_address internal_address_config xff_num_trusted_hops skip_xff_append via generate_request_id preserve_external_request_id forward_client_cert_details set_current_client_cert_details normalize_path merge_slashes path_with_escaped_slashes_action strip_matching_host_port strip_any_host_port strip_trailing_host_dot scheme_header_transformation append_x_forwarded_port add_user_agent always_set_request_id_in_response append_local_overload original_ip_detection_extensions early_header_mutation_extensions request_id_extension access_log_flush_interval flush_access_log_on_new_request stream_error_on_invalid_http_message proxy_100_continue',
  'envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig': 'mappers body_format',
  'envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper':
    'filter status_code body body_format_override headers_to_add',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig':
    'upgrade_type enabled filters',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.InternalAddressConfig':
    'cidr_ranges',
  'envoy.extensions.filters.network.http_connection_manager.v3.Rds': 'config_source route_config_name',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter': 'name typed_config is_optional disabled',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.SetCurrentClientCertDetails':
    'subject cert dns uri',
  'envoy.config.core.v3.Http1ProtocolOptions':
    'accept_http_10 default_host_for_http_10 allow_custom_methods override_stream_error_on_invalid_http_message header_key_format allow_absolute_url',
  'envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat': 'proper_case_words stateful_formatter',
  'envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig':
    'forward_reason_phrase formatter_type_on_envoy_headers',
  'envoy.extensions.filters.network.http_connection_manager.v3.RequestIDExtension': 'typed_config',
  'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig': 'pack_trace_reason use_request_id_for_trace_sampling',
  'envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig':
    'header_name allow_extension_to_set_address_as_trusted reject_with_status',
  'envoy.extensions.http.original_ip_detection.xff.v3.XffConfig':
    'xff_num_trusted_hops xff_trusted_cidrs skip_xff_append',
  'envoy.extensions.http.original_ip_detection.xff.v3.XffTrustedCidrs': 'cidrs',
  'envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation': 'mutations',
  'envoy.config.core.v3.SchemeHeaderTransformation': 'scheme_to_overwrite',
  'envoy.config.core.v3.HttpProtocolOptions':
    'idle_timeout max_connection_duration max_connection_duration_jitter max_stream_duration max_headers_count max_response_headers_kb max_requests_per_connection headers_with_underscores_action',
  'envoy.config.core.v3.Http2ProtocolOptions':
    'hpack_table_size max_concurrent_streams initial_stream_window_size initial_connection_window_size allow_connect max_outbound_frames max_outbound_control_frames max_consecutive_inbound_frames_with_empty_payload max_inbound_priority_frames_per_stream max_inbound_window_update_frames_per_data_frame_sent stream_error_on_invalid_http_messaging override_stream_error_on_invalid_http_message connection_keepalive',
  'envoy.config.core.v3.KeepaliveSettings': 'interval timeout interval_jitter connection_idle_interval',
  'envoy.config.core.v3.ConfigSource':
    'path path_config_source api_config_source ads initial_fetch_timeout resource_api_version self',
  'envoy.config.core.v3.PathConfigSource': 'path',
  'envoy.config.core.v3.ApiConfigSource':
    'api_type transport_api_version grpc_services set_node_on_first_message_only rate_limit_settings',
  'envoy.config.core.v3.RateLimitSettings': 'max_tokens fill_rate',
  'envoy.config.core.v3.GrpcService': 'envoy_grpc timeout initial_metadata retry_policy',
  'envoy.config.core.v3.GrpcService.EnvoyGrpc': 'cluster_name authority max_receive_message_length retry_policy',
  'envoy.config.core.v3.DataSource': 'filename inline_bytes inline_string environment_variable',

  'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext':
    'common_tls_context require_client_certificate disable_stateless_session_resumption session_ticket_keys session_timeout require_sni ocsp_staple_policy prefer_client_ciphers full_scan_certs_on_sni_mismatch',
  'envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys': 'keys',
  'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig': 'trust_domains trust_bundles',
  'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig.TrustDomain': 'name trust_bundle',
  'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext':
    'common_tls_context sni max_session_keys auto_host_sni auto_sni_san_validation',
  'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext':
    'tls_params tls_certificates tls_certificate_sds_secret_configs validation_context validation_context_sds_secret_config combined_validation_context alpn_protocols key_log',
  'envoy.extensions.transport_sockets.tls.v3.TlsKeyLog': 'path local_address_range remote_address_range',
  'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext':
    'default_validation_context validation_context_sds_secret_config',
  'envoy.extensions.transport_sockets.tls.v3.TlsParameters':
    'tls_minimum_protocol_version tls_maximum_protocol_version cipher_suites ecdh_curves signature_algorithms compliance_policies',
  'envoy.extensions.transport_sockets.tls.v3.TlsCertificate':
    'certificate_chain private_key password ocsp_staple watched_directory',
  'envoy.config.core.v3.WatchedDirectory': 'path',
  'envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext':
    'trusted_ca match_typed_subject_alt_names match_subject_alt_names verify_certificate_spki verify_certificate_hash crl trust_chain_verification custom_validator_config max_verify_depth watched_directory',
  'envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher': 'san_type matcher',
  'envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig': 'name sds_config',
  'envoy.extensions.transport_sockets.tls.v3.Secret': 'name tls_certificate validation_context generic_secret',
  'envoy.extensions.transport_sockets.tls.v3.GenericSecret': 'secret',

  'envoy.config.cluster.v3.Cluster':
    'filters lrs_server track_cluster_stats track_timeout_budgets upstream_connection_options name alt_stat_name type upstream_bind_config connection_pool_per_downstream_connection eds_cluster_config connect_timeout lb_policy load_assignment max_requests_per_connection circuit_breakers common_http_protocol_options http_protocol_options http2_protocol_options upstream_http_protocol_options typed_extension_protocol_options preconnect_policy dns_refresh_rate outlier_detection ring_hash_lb_config maglev_lb_config least_request_lb_config round_robin_lb_config common_lb_config transport_socket transport_socket_matches metadata load_balancing_policy lb_subset_config health_checks original_dst_lb_config cleanup_interval cluster_type dns_failure_refresh_rate dns_jitter respect_dns_ttl dns_lookup_family ignore_health_on_host_removal close_connections_on_host_health_failure wait_for_warm_on_init typed_dns_resolver_config dns_resolution_config dns_resolvers',
  'envoy.config.cluster.v3.Filter': 'name typed_config',
  'envoy.config.cluster.v3.TrackClusterStats': 'request_response_sizes timeout_budgets per_endpoint_stats',
  'envoy.config.core.v3.BindConfig':
    'source_address extra_source_addresses additional_source_addresses freebind socket_options',
  'envoy.config.core.v3.ExtraSourceAddress': 'address socket_options',
  'envoy.config.core.v3.SocketOptionsOverride': 'socket_options',
  'envoy.config.cluster.v3.UpstreamConnectionOptions.HappyEyeballsConfig':
    'first_address_family_version first_address_family_count',
  'envoy.config.cluster.v3.Cluster.PreconnectPolicy': 'per_upstream_preconnect_ratio',
  'envoy.config.cluster.v3.Cluster.TransportSocketMatch': 'name match transport_socket',
  'envoy.config.cluster.v3.Cluster.EdsClusterConfig': 'eds_config service_name',
  'envoy.config.cluster.v3.Cluster.CustomClusterType': 'name typed_config',
  'envoy.config.cluster.v3.Cluster.RefreshRate': 'base_interval max_interval',
  'envoy.extensions.clusters.aggregate.v3.ClusterConfig': 'clusters',
  'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig': 'dns_cache_config allow_insecure_cluster_options',
  'envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig':
    'name dns_lookup_family dns_refresh_rate dns_min_refresh_rate host_ttl max_hosts dns_failure_refresh_rate dns_cache_circuit_breaker preresolve_hostnames dns_query_timeout typed_dns_resolver_config dns_resolution_config',
  'envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheCircuitBreakers': 'max_pending_requests',
  'envoy.extensions.clusters.dns.v3.DnsCluster':
    'dns_refresh_rate dns_failure_refresh_rate respect_dns_ttl dns_jitter dns_lookup_family all_addresses_in_single_endpoint dns_min_refresh_rate typed_dns_resolver_config',
  'envoy.extensions.clusters.dns.v3.DnsCluster.RefreshRate': 'base_interval max_interval',
  'envoy.config.core.v3.DnsResolutionConfig': 'resolvers dns_resolver_options',
  'envoy.config.core.v3.DnsResolverOptions': 'no_default_search_domain',
  'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig':
    'resolvers use_resolvers_as_fallback filter_unroutable_families dns_resolver_options query_timeout_seconds query_tries rotate_nameservers',
  'envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig': 'num_retries',
  'envoy.config.cluster.v3.Cluster.OriginalDstLbConfig': 'use_http_header http_header_name upstream_port_override',
  'envoy.config.cluster.v3.Cluster.RoundRobinLbConfig': 'slow_start_config',
  'envoy.config.cluster.v3.Cluster.LeastRequestLbConfig': 'choice_count active_request_bias slow_start_config',
  'envoy.config.cluster.v3.Cluster.SlowStartConfig': 'slow_start_window aggression min_weight_percent',
  'envoy.config.core.v3.RuntimeDouble': 'default_value runtime_key',
  'envoy.config.cluster.v3.Cluster.RingHashLbConfig': 'minimum_ring_size maximum_ring_size hash_function',
  'envoy.config.cluster.v3.Cluster.MaglevLbConfig': 'table_size',
  'envoy.config.cluster.v3.Cluster.CommonLbConfig':
    'healthy_panic_threshold zone_aware_lb_config locality_weighted_lb_config consistent_hashing_lb_config override_host_status ignore_new_hosts_until_first_hc close_connections_on_host_set_change',
  'envoy.config.core.v3.HealthCheck':
    'tls_options transport_socket_match_criteria timeout interval initial_jitter interval_jitter interval_jitter_percent unhealthy_threshold healthy_threshold alt_port reuse_connection http_health_check tcp_health_check grpc_health_check no_traffic_interval no_traffic_healthy_interval unhealthy_interval unhealthy_edge_interval healthy_edge_interval event_log_path event_logger always_log_health_check_failures always_log_health_check_success',
  'envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink': 'event_log_path',
  'envoy.config.core.v3.HealthCheck.TlsOptions': 'alpn_protocols',
  'envoy.config.core.v3.HealthCheck.Payload': 'text binary',
  'envoy.config.core.v3.HealthCheck.HttpHealthCheck':
    'host path receive response_buffer_size request_headers_to_add request_headers_to_remove expected_statuses retriable_statuses codec_client_type service_name_matcher method',
  'envoy.config.core.v3.HealthCheck.TcpHealthCheck': 'send receive',
  'envoy.config.core.v3.HealthCheck.GrpcHealthCheck': 'service_name authority initial_metadata',
  'envoy.config.cluster.v3.Cluster.CommonLbConfig.ZoneAwareLbConfig':
    'routing_enabled min_cluster_size fail_traffic_on_panic',
  'envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig':
    'use_hostname_for_hashing hash_balance_factor',
  'envoy.config.core.v3.HealthStatusSet': 'statuses',
  'envoy.config.cluster.v3.Cluster.LbSubsetConfig':
    'fallback_policy default_subset subset_selectors locality_weight_aware scale_locality_weight panic_mode_any list_as_any metadata_fallback_policy',
  'envoy.config.cluster.v3.Cluster.LbSubsetConfig.LbSubsetSelector':
    'keys single_host_per_subset fallback_policy fallback_keys_subset',
  'envoy.config.cluster.v3.LoadBalancingPolicy': 'policies',
  'envoy.config.cluster.v3.LoadBalancingPolicy.Policy': 'typed_extension_config',
  'xds.type.v3.TypedStruct': 'type_url value',
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig':
    'zone_aware_lb_config locality_weighted_lb_config',
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig':
    'routing_enabled min_cluster_size fail_traffic_on_panic force_locality_direct_routing',
  'envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig':
    'slow_start_window aggression min_weight_percent',
  'envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig':
    'use_hostname_for_hashing hash_balance_factor',
  'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin': 'slow_start_config locality_lb_config',
  'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest':
    'choice_count active_request_bias slow_start_config locality_lb_config enable_full_scan selection_method',
  'envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin':
    'enable_oob_load_report oob_reporting_period blackout_period weight_expiration_period weight_update_period error_utilization_penalty metric_names_for_computing_utilization slow_start_config',
  'envoy.extensions.load_balancing_policies.random.v3.Random': 'locality_lb_config',
  'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash':
    'hash_function minimum_ring_size maximum_ring_size use_hostname_for_hashing hash_balance_factor consistent_hashing_lb_config locality_weighted_lb_config',
  'envoy.extensions.load_balancing_policies.maglev.v3.Maglev':
    'table_size consistent_hashing_lb_config locality_weighted_lb_config',
  'envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost': 'override_host_sources fallback_policy',
  'envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost.OverrideHostSource': 'header',
  'envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality': 'endpoint_picking_policy',
  'envoy.extensions.load_balancing_policies.subset.v3.Subset':
    'fallback_policy default_subset subset_selectors locality_weight_aware scale_locality_weight panic_mode_any list_as_any metadata_fallback_policy subset_lb_policy',
  'envoy.extensions.load_balancing_policies.subset.v3.Subset.LbSubsetSelector':
    'keys single_host_per_subset fallback_policy fallback_keys_subset',
  'envoy.type.v3.Percent': 'value',
  'envoy.config.cluster.v3.CircuitBreakers': 'thresholds per_host_thresholds',
  'envoy.config.cluster.v3.CircuitBreakers.Thresholds':
    'priority max_connections max_pending_requests max_requests max_retries retry_budget track_remaining',
  'envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget': 'budget_percent min_retry_concurrency',
  'envoy.config.cluster.v3.OutlierDetection':
    'consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx enforcing_success_rate enforcing_failure_percentage consecutive_gateway_failure enforcing_consecutive_gateway_failure max_ejection_time max_ejection_time_jitter success_rate_minimum_hosts success_rate_request_volume success_rate_stdev_factor split_external_local_origin_errors consecutive_local_origin_failure enforcing_consecutive_local_origin_failure enforcing_local_origin_success_rate failure_percentage_threshold enforcing_failure_percentage_local_origin failure_percentage_minimum_hosts failure_percentage_request_volume successful_active_health_check_uneject_host monitors always_eject_one_host',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions':
    'http_filters common_http_protocol_options upstream_http_protocol_options explicit_http_config use_downstream_protocol_config auto_config',
  'envoy.config.core.v3.UpstreamHttpProtocolOptions': 'auto_sni auto_san_validation override_auto_sni_header',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig':
    'http_protocol_options http2_protocol_options',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig':
    'http_protocol_options http2_protocol_options',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.AutoHttpConfig':
    'http_protocol_options http2_protocol_options',
  'envoy.config.endpoint.v3.ClusterLoadAssignment': 'cluster_name endpoints named_endpoints policy',
  'envoy.config.endpoint.v3.ClusterLoadAssignment.Policy':
    'drop_overloads overprovisioning_factor endpoint_stale_after weighted_priority_health',
  'envoy.config.endpoint.v3.ClusterLoadAssignment.Policy.DropOverload': 'category drop_percentage',
  'envoy.config.endpoint.v3.LocalityLbEndpoints': 'locality lb_endpoints priority load_balancing_weight',
  'envoy.config.endpoint.v3.LbEndpoint': 'endpoint endpoint_name health_status metadata load_balancing_weight',
  'envoy.config.endpoint.v3.Endpoint': 'address hostname additional_addresses health_check_config observability_name',
  'envoy.config.endpoint.v3.Endpoint.AdditionalAddress': 'address',
  'envoy.config.endpoint.v3.Endpoint.HealthCheckConfig': 'port_value hostname address disable_active_health_check',
  'envoy.config.core.v3.Locality': 'region zone sub_zone',

  'envoy.config.core.v3.HeaderValueOption': 'header append append_action keep_empty_value',
  'envoy.config.core.v3.HeaderValue': 'key value',
};

export const supportedFields: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  [...new Set([...Object.keys(SUPPORTED), ...Object.keys(harmlessFields)])].map((typeName) => [
    typeName,
    new Set([...(SUPPORTED[typeName]?.split(' ') ?? []), ...Object.keys(harmlessFields[typeName] ?? {})]),
  ]),
);
