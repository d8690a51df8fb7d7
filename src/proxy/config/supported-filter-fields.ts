// Which fields of the messages of HTTP filters this proxy implements: a part of `supported-fields.ts`.

export const filterFields: Readonly<Record<string, string>> = {
  'stats.PluginConfig': 'disable_host_header_fallback metrics reporter',
  'stats.MetricConfig': 'dimensions name tags_to_remove drop',
  'io.istio.http.peer_metadata.Config':
    'downstream_discovery upstream_discovery downstream_propagation upstream_propagation additional_labels',
  'io.istio.http.peer_metadata.Config.DiscoveryMethod': 'workload_discovery istio_headers',
  'io.istio.http.peer_metadata.Config.PropagationMethod': 'istio_headers',
  'io.istio.http.peer_metadata.Config.IstioHeaders': 'skip_external_clusters',
  'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig': 'alpn_override',
  'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig.AlpnOverride': 'upstream_protocol alpn_override',
  'envoy.extensions.filters.http.rbac.v3.RBAC':
    'rules rules_stat_prefix shadow_rules shadow_rules_stat_prefix track_per_rule_stats matcher shadow_matcher',
  'envoy.extensions.filters.http.rbac.v3.RBACPerRoute': 'rbac',
  'envoy.config.rbac.v3.RBAC': 'action policies',
  'envoy.config.rbac.v3.Action': 'name action',
  'envoy.config.rbac.v3.Policy': 'permissions principals condition checked_condition cel_config',
  'envoy.config.rbac.v3.Permission':
    'and_rules or_rules any header url_path destination_ip destination_port destination_port_range not_rule requested_server_name metadata sourced_metadata uri_template',
  'envoy.config.rbac.v3.Permission.Set': 'rules',
  'envoy.config.rbac.v3.Principal':
    'and_ids or_ids any authenticated source_ip direct_remote_ip remote_ip header url_path not_id metadata filter_state sourced_metadata custom',
  'envoy.config.rbac.v3.Principal.Set': 'ids',
  'envoy.config.rbac.v3.Principal.Authenticated': 'principal_name',
  'envoy.extensions.rbac.principals.mtls_authenticated.v3.Config': 'san_matcher any_validated_client_certificate',
  'envoy.config.core.v3.CidrRange': 'address_prefix prefix_len',
  'envoy.type.matcher.v3.PathMatcher': 'path',
  'envoy.extensions.filters.http.fault.v3.HTTPFault':
    'delay abort headers upstream_cluster downstream_nodes max_active_faults response_rate_limit delay_percent_runtime abort_percent_runtime delay_duration_runtime abort_http_status_runtime abort_grpc_status_runtime max_active_faults_runtime response_rate_limit_percent_runtime',
  'envoy.extensions.filters.http.fault.v3.FaultAbort': 'http_status grpc_status header_abort percentage response_body',
  'envoy.extensions.filters.common.fault.v3.FaultDelay': 'fixed_delay header_delay percentage',
  'envoy.extensions.filters.common.fault.v3.FaultRateLimit': 'fixed_limit header_limit percentage',
  'envoy.extensions.filters.common.fault.v3.FaultRateLimit.FixedLimit': 'limit_kbps',

  'envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency':
    'gradient_controller_config enabled concurrency_limit_exceeded_status',
  'envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig':
    'sample_aggregate_percentile concurrency_limit_params min_rtt_calc_params',
  'envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig.ConcurrencyLimitCalculationParams':
    'max_concurrency_limit concurrency_update_interval min_concurrency_limit',
  'envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig.MinimumRTTCalculationParams':
    'interval fixed_value request_count jitter min_concurrency buffer',
  'envoy.extensions.filters.http.admission_control.v3.AdmissionControl':
    'enabled success_criteria sampling_window aggression sr_threshold rps_threshold max_rejection_probability',
  'envoy.extensions.filters.http.admission_control.v3.AdmissionControl.SuccessCriteria': 'http_criteria grpc_criteria',
  'envoy.extensions.filters.http.admission_control.v3.AdmissionControl.SuccessCriteria.HttpCriteria':
    'http_success_status',
  'envoy.extensions.filters.http.admission_control.v3.AdmissionControl.SuccessCriteria.GrpcCriteria':
    'grpc_success_status',
  'envoy.config.core.v3.RuntimePercent': 'default_value runtime_key',
  'envoy.extensions.common.matching.v3.ExtensionWithMatcher': 'xds_matcher extension_config',
  'envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute': 'xds_matcher',
  'envoy.extensions.filters.http.composite.v3.Composite': 'named_filter_chains matcher',
  'envoy.extensions.filters.http.composite.v3.CompositePerRoute': 'matcher',
  'envoy.extensions.filters.http.composite.v3.FilterChainConfiguration': 'typed_config',
  'envoy.extensions.filters.http.composite.v3.ExecuteFilterAction':
    'typed_config filter_chain filter_chain_name sample_percent',
  'envoy.extensions.filters.http.custom_response.v3.CustomResponse': 'custom_response_matcher',
  'envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy':
    'body body_format status_code response_headers_to_add preserve_response_code_details response_code_details',
  'envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfig':
    'content_type withhold_grpc_frames response_size_header',
  'envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfigPerRoute': 'disabled',
  'envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata': 'request_rules response_rules',
  'envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata.MatchRules':
    'rules allow_content_types allow_empty_content_type allow_content_types_regex',
  'envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata.Rule': 'selectors on_present on_missing on_error',
  'envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata.Selector': 'key',
  'envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata.KeyValuePair':
    'metadata_namespace key value type preserve_existing_metadata_value',
  'envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit':
    'stat_prefix enable_mode limit_kbps fill_interval runtime_enabled enable_response_trailers response_trailer_prefix',
  'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig': 'dns_cache_config',
  'envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig': 'host_rewrite_literal host_rewrite_header',
  'envoy.extensions.filters.http.cors.v3.CorsPolicy':
    'allow_origin_string_match allow_methods allow_headers expose_headers max_age allow_credentials filter_enabled shadow_enabled allow_private_network_access forward_not_matching_preflights',
  'envoy.extensions.filters.http.csrf.v3.CsrfPolicy': 'filter_enabled shadow_enabled additional_origins',
  'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit':
    'stat_prefix status token_bucket filter_enabled filter_enforced request_headers_to_add_when_not_enforced response_headers_to_add descriptors stage local_rate_limit_per_downstream_connection enable_x_ratelimit_headers vh_rate_limits always_consume_default_token_bucket rate_limited_as_resource_exhausted rate_limits max_dynamic_descriptors enable_retry_after_header',
  'envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor': 'entries token_bucket shadow_mode',
  'envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry': 'key value',
  'envoy.type.v3.TokenBucket': 'max_tokens tokens_per_fill fill_interval',
  'envoy.extensions.filters.http.ratelimit.v3.RateLimit':
    'domain stage request_type timeout failure_mode_deny rate_limited_as_resource_exhausted rate_limit_service enable_x_ratelimit_headers disable_x_envoy_ratelimited_header rate_limited_status response_headers_to_add status_on_error stat_prefix filter_enabled filter_enforced rate_limits failure_mode_deny_percent metadata_namespace enable_retry_after_header',
  'envoy.config.ratelimit.v3.RateLimitServiceConfig': 'grpc_service transport_api_version',
  'envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute': 'vh_rate_limits rate_limits domain',
  'envoy.config.route.v3.RateLimit':
    'stage disable_key actions limit hits_addend apply_on_stream_done x_ratelimit_option',
  'envoy.config.route.v3.RateLimit.Override': 'dynamic_metadata rate_limit',
  'envoy.config.route.v3.RateLimit.Override.DynamicMetadata': 'metadata_key',
  'envoy.config.route.v3.RateLimit.Override.RateLimitOverride': 'requests_per_unit unit',
  'envoy.config.route.v3.RateLimit.HitsAddend': 'number format is_negative_hits',
  'envoy.type.matcher.v3.AddressMatcher': 'ranges invert_match',
  'envoy.config.route.v3.RateLimit.Action.RemoteAddressMatch':
    'descriptor_value descriptor_key default_value address_matcher',
  'envoy.config.route.v3.RateLimit.Action':
    'source_cluster destination_cluster request_headers query_parameters remote_address masked_remote_address generic_key header_value_match query_parameter_value_match metadata remote_address_match extension',
  'envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor': 'descriptor_key skip_if_error text parsed',
  'envoy.config.route.v3.RateLimit.Action.RequestHeaders': 'header_name descriptor_key skip_if_absent',
  'envoy.config.route.v3.RateLimit.Action.QueryParameters': 'query_parameter_name descriptor_key skip_if_absent',
  'envoy.config.route.v3.RateLimit.Action.MaskedRemoteAddress': 'v4_prefix_mask_len v6_prefix_mask_len',
  'envoy.config.route.v3.RateLimit.Action.GenericKey': 'descriptor_value descriptor_key',
  'envoy.config.route.v3.RateLimit.Action.HeaderValueMatch': 'descriptor_value descriptor_key expect_match headers',
  'envoy.config.route.v3.RateLimit.Action.QueryParameterValueMatch':
    'descriptor_value descriptor_key expect_match query_parameters',
  'envoy.config.route.v3.RateLimit.Action.MetaData': 'descriptor_key metadata_key default_value source skip_if_absent',
  'envoy.type.metadata.v3.MetadataKey': 'key path',
  'envoy.type.metadata.v3.MetadataKey.PathSegment': 'key',
  'envoy.extensions.filters.http.compressor.v3.Compressor':
    'compressor_library request_direction_config response_direction_config choose_first',
  'envoy.extensions.filters.http.compressor.v3.Compressor.CommonDirectionConfig':
    'enabled min_content_length content_type content_type_matcher',
  'envoy.extensions.filters.http.compressor.v3.Compressor.RequestDirectionConfig': 'common_config',
  'envoy.extensions.filters.http.compressor.v3.Compressor.ResponseDirectionConfig':
    'common_config disable_on_etag_header weaken_etag_on_compress remove_accept_encoding_header uncompressible_response_codes status_header_enabled',
  'envoy.extensions.filters.http.compressor.v3.CompressorPerRoute': 'disabled overrides',
  'envoy.extensions.filters.http.compressor.v3.CompressorOverrides': 'response_direction_config',
  'envoy.extensions.filters.http.compressor.v3.ResponseDirectionOverrides': 'remove_accept_encoding_header',
  'envoy.extensions.compression.gzip.compressor.v3.Gzip':
    'memory_level compression_level compression_strategy window_bits chunk_size',
  'envoy.extensions.compression.brotli.compressor.v3.Brotli':
    'quality encoder_mode window_bits input_block_bits chunk_size disable_literal_context_modeling',
  'envoy.extensions.compression.zstd.compressor.v3.Zstd': 'compression_level enable_checksum strategy chunk_size',
  'envoy.extensions.filters.http.decompressor.v3.Decompressor':
    'decompressor_library request_direction_config response_direction_config',
  'envoy.extensions.filters.http.decompressor.v3.Decompressor.CommonDirectionConfig':
    'enabled ignore_no_transform_header',
  'envoy.extensions.filters.http.decompressor.v3.Decompressor.RequestDirectionConfig':
    'common_config advertise_accept_encoding',
  'envoy.extensions.filters.http.decompressor.v3.Decompressor.ResponseDirectionConfig': 'common_config',
  'envoy.extensions.compression.gzip.decompressor.v3.Gzip': 'window_bits chunk_size max_inflate_ratio',
  'envoy.extensions.compression.brotli.decompressor.v3.Brotli': 'disable_ring_buffer_reallocation chunk_size',
  'envoy.extensions.compression.zstd.decompressor.v3.Zstd': 'chunk_size',
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation': 'mutations most_specific_header_mutations_wins',
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute': 'mutations',
  'envoy.extensions.filters.http.header_mutation.v3.Mutations':
    'request_mutations query_parameter_mutations response_mutations request_trailers_mutations response_trailers_mutations',
  'envoy.config.core.v3.KeyValueMutation': 'append remove',
  'envoy.config.core.v3.KeyValueAppend': 'record action',
  'envoy.config.core.v3.KeyValuePair': 'key value',
  'envoy.config.common.mutation_rules.v3.HeaderMutation': 'remove append remove_on_match',
  'envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch': 'key_matcher',
  'envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor':
    'grpc_service http_service failure_mode_allow processing_mode message_timeout stat_prefix mutation_rules forward_rules allow_mode_override disable_immediate_response disable_clear_route_cache route_cache_action status_on_error max_message_timeout observability_mode deferred_close_timeout send_body_without_waiting_for_header_response allowed_override_modes metadata_options request_attributes response_attributes allow_content_length_header',
  'envoy.extensions.filters.http.ext_proc.v3.ExtProcHttpService': 'http_service',
  'envoy.extensions.filters.http.ext_proc.v3.ProcessingMode':
    'request_header_mode response_header_mode request_body_mode response_body_mode request_trailer_mode response_trailer_mode',
  'envoy.extensions.filters.http.ext_proc.v3.HeaderForwardingRules': 'allowed_headers disallowed_headers',
  'envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute': 'disabled overrides',
  'envoy.extensions.filters.http.ext_proc.v3.ExtProcOverrides':
    'processing_mode grpc_service failure_mode_allow metadata_options grpc_initial_metadata',
  'envoy.extensions.filters.http.ext_proc.v3.MetadataOptions': 'forwarding_namespaces receiving_namespaces',
  'envoy.extensions.filters.http.ext_proc.v3.MetadataOptions.MetadataNamespaces': 'untyped',
  'envoy.config.common.mutation_rules.v3.HeaderMutationRules':
    'allow_all_routing allow_envoy disallow_system disallow_all allow_expression disallow_expression disallow_is_error',
  'envoy.extensions.filters.http.set_metadata.v3.Config': 'metadata_namespace value metadata',
  'envoy.extensions.filters.http.set_metadata.v3.Metadata': 'metadata_namespace allow_overwrite value',
  'envoy.extensions.filters.http.header_to_metadata.v3.Config': 'request_rules response_rules stat_prefix',
  'envoy.extensions.filters.http.header_to_metadata.v3.Config.Rule':
    'header cookie on_header_present on_header_missing remove',
  'envoy.extensions.filters.http.header_to_metadata.v3.Config.KeyValuePair':
    'metadata_namespace key value regex_value_rewrite type encode',
  'envoy.extensions.filters.http.on_demand.v3.OnDemand': 'odcds',
  'envoy.extensions.filters.http.on_demand.v3.OnDemandCds': 'source resources_locator timeout',
  'envoy.extensions.filters.http.on_demand.v3.PerRouteConfig': 'odcds',
  'envoy.extensions.filters.http.set_filter_state.v3.Config': 'on_request_headers clear_route_cache',
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSession':
    'session_state strict stat_prefix status_on_strict_destination_not_found',
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute': 'disabled stateful_session',
  'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState': 'cookie',
  'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState': 'name',
  'envoy.type.http.v3.Cookie': 'name ttl path attributes',
  'envoy.type.http.v3.CookieAttribute': 'name value',
  'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig':
    'individual_method_stats_allowlist stats_for_all_methods replace_dots_in_grpc_service_name emit_filter_state enable_upstream_stats',
  'envoy.extensions.filters.http.grpc_http1_bridge.v3.Config': 'upgrade_protobuf_to_grpc ignore_query_parameters',
  'envoy.config.core.v3.GrpcMethodList': 'services',
  'envoy.config.core.v3.GrpcMethodList.Service': 'name method_names',
  'envoy.extensions.filters.http.health_check.v3.HealthCheck':
    'pass_through_mode cache_time cluster_min_healthy_percentages headers',
  'envoy.extensions.filters.http.buffer.v3.Buffer': 'max_request_bytes',
  'envoy.extensions.filters.http.buffer.v3.BufferPerRoute': 'disabled buffer',
  'envoy.extensions.filters.http.basic_auth.v3.BasicAuth':
    'users forward_username_header authentication_header allow_missing emit_dynamic_metadata',
  'envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute': 'users',
  'envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth': 'credentials key_sources forwarding',
  'envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute':
    'credentials key_sources allowed_clients forwarding',
  'envoy.extensions.filters.http.api_key_auth.v3.Credential': 'key client',
  'envoy.extensions.filters.http.api_key_auth.v3.KeySource': 'header query cookie',
  'envoy.extensions.filters.http.api_key_auth.v3.Forwarding': 'header hide_credentials',

  'envoy.extensions.filters.http.credential_injector.v3.CredentialInjector':
    'overwrite allow_request_without_credential credential',
  'envoy.extensions.http.injected_credentials.generic.v3.Generic': 'credential header header_value_prefix',

  'envoy.extensions.filters.http.oauth2.v3.OAuth2': 'config',
  'envoy.extensions.filters.http.oauth2.v3.OAuth2Config':
    'token_endpoint retry_policy authorization_endpoint end_session_endpoint post_logout_redirect_uri credentials redirect_uri redirect_path_matcher signout_path forward_bearer_token preserve_authorization_header pass_through_matcher auth_scopes resources auth_type use_refresh_token default_expires_in deny_redirect_matcher default_refresh_token_expires_in disable_id_token_set_cookie disable_access_token_set_cookie disable_refresh_token_set_cookie cookie_configs stat_prefix csrf_token_expires_in code_verifier_token_expires_in disable_token_encryption allow_failed_matcher original_request_uri allowed_redirect_domains use_access_token_expiry_for_id_token_cookie',
  'envoy.extensions.filters.http.oauth2.v3.OAuth2Credentials':
    'client_id token_secret hmac_secret cookie_names cookie_domain',
  'envoy.extensions.filters.http.oauth2.v3.OAuth2Credentials.CookieNames':
    'bearer_token oauth_hmac oauth_expires id_token refresh_token oauth_nonce code_verifier',
  'envoy.extensions.filters.http.oauth2.v3.CookieConfigs':
    'bearer_token_cookie_config oauth_hmac_cookie_config oauth_expires_cookie_config id_token_cookie_config refresh_token_cookie_config oauth_nonce_cookie_config code_verifier_cookie_config',
  'envoy.extensions.filters.http.oauth2.v3.CookieConfig': 'same_site path partitioned',
  'envoy.extensions.filters.http.oauth2.v3.PostLogoutRedirectUri': 'disabled uri',

  'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication':
    'providers rules filter_state_rules bypass_cors_preflight requirement_map strip_failure_response stat_prefix',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtProvider':
    'issuer audiences subjects require_expiration max_lifetime remote_jwks local_jwks forward from_headers from_params from_cookies forward_payload_header pad_forward_payload_header payload_in_metadata normalize_payload_in_metadata header_in_metadata clock_skew_seconds claim_to_headers clear_route_cache jwt_cache_config failed_status_in_metadata',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtCacheConfig': 'jwt_cache_size jwt_max_token_size',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtProvider.NormalizePayload': 'space_delimited_claims',
  'envoy.extensions.filters.http.jwt_authn.v3.RemoteJwks': 'http_uri cache_duration retry_policy async_fetch',
  'envoy.extensions.filters.http.jwt_authn.v3.JwksAsyncFetch': 'fast_listener failed_refetch_duration',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtHeader': 'name value_prefix',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtClaimToHeader': 'header_name claim_name claim_path',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtClaimToHeader.PathSegment': 'key',
  'envoy.extensions.filters.http.jwt_authn.v3.RequirementRule': 'match requires requirement_name',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement':
    'provider_name provider_and_audiences requires_any requires_all allow_missing_or_failed allow_missing extract_only_without_validation',
  'envoy.extensions.filters.http.jwt_authn.v3.ProviderWithAudiences': 'provider_name audiences',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementOrList': 'requirements',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementAndList': 'requirements',
  'envoy.extensions.filters.http.jwt_authn.v3.FilterStateRule': 'name requires',
  'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig': 'disabled requirement_name',
  'envoy.config.core.v3.HttpUri': 'uri cluster timeout',
  'envoy.config.core.v3.RetryPolicy': 'retry_back_off num_retries retry_on',
  'envoy.config.core.v3.BackoffStrategy': 'base_interval max_interval',
  'envoy.config.rbac.v3.SourcedMetadata': 'metadata_matcher metadata_source',
  'envoy.type.matcher.v3.MetadataMatcher': 'filter path value invert',
  'envoy.type.matcher.v3.MetadataMatcher.PathSegment': 'key',
  'envoy.type.matcher.v3.ValueMatcher':
    'null_match double_match string_match bool_match present_match list_match or_match',
  'envoy.type.matcher.v3.DoubleMatcher': 'range exact',
  'envoy.type.v3.DoubleRange': 'start end',
  'envoy.type.matcher.v3.ListMatcher': 'one_of',
  'envoy.type.matcher.v3.OrMatcher': 'value_matchers',
  'envoy.type.matcher.v3.FilterStateMatcher': 'key string_match',

  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz':
    'grpc_service http_service failure_mode_allow failure_mode_allow_header_add charge_cluster_response_stats with_request_body clear_route_cache status_on_error metadata_context_namespaces route_metadata_context_namespaces filter_enabled filter_enabled_metadata deny_at_disable stat_prefix allowed_headers disallowed_headers include_tls_session include_peer_certificate encode_raw_headers validate_mutations bootstrap_metadata_labels_key enforce_response_header_limits emit_filter_state_stats decoder_header_mutation_rules max_denied_response_body_bytes shadow_mode enable_dynamic_metadata_ingestion',
  'envoy.extensions.filters.http.ext_authz.v3.BufferSettings': 'max_request_bytes allow_partial_message pack_as_bytes',
  'envoy.extensions.filters.http.ext_authz.v3.HttpService':
    'server_uri path_prefix path_override authorization_request authorization_response retry_policy',
  'envoy.extensions.filters.http.ext_authz.v3.AuthorizationRequest': 'allowed_headers headers_to_add',
  'envoy.extensions.filters.http.ext_authz.v3.AuthorizationResponse':
    'allowed_upstream_headers allowed_upstream_headers_to_append allowed_client_headers allowed_client_headers_on_success dynamic_metadata_from_headers',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute': 'disabled check_settings',
  'envoy.extensions.filters.http.ext_authz.v3.CheckSettings':
    'context_extensions disable_request_body_buffering with_request_body grpc_service http_service',
  'envoy.type.matcher.v3.ListStringMatcher': 'patterns',
  'envoy.type.v3.HttpStatus': 'code',
};
