// Which fields of routes, and of what they are made of, this proxy implements: see supported-fields.ts.

export const routeFields: Readonly<Record<string, string>> = {
  'envoy.config.route.v3.RouteConfiguration':
    'cluster_specifier_plugins name validate_clusters virtual_hosts vhds response_headers_to_add response_headers_to_remove request_headers_to_add request_headers_to_remove most_specific_header_mutations_wins request_mirror_policies internal_only_headers vhost_header ignore_path_parameters_in_path_matching ignore_port_in_host_matching typed_per_filter_config metadata max_direct_response_body_size_bytes',
  'envoy.config.route.v3.Vhds': 'config_source',
  'envoy.config.route.v3.VirtualHost':
    'rate_limits name domains routes matcher metadata virtual_clusters request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove typed_per_filter_config retry_policy request_mirror_policies require_tls include_request_attempt_count include_attempt_count_in_response include_is_timeout_retry_header hedge_policy per_request_buffer_limit_bytes request_body_buffer_limit',
  'envoy.config.route.v3.VirtualCluster': 'headers name',
  'envoy.config.route.v3.RouteList': 'routes',
  'envoy.config.route.v3.Decorator': 'operation propagate',
  'envoy.config.route.v3.Route':
    'stat_prefix decorator tracing name match route redirect direct_response non_forwarding_action metadata typed_per_filter_config request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove per_request_buffer_limit_bytes request_body_buffer_limit',
  'envoy.config.route.v3.RouteMatch':
    'prefix path safe_regex path_separated_prefix case_sensitive runtime_fraction headers query_parameters cookies grpc connect_matcher path_match_policy tls_context dynamic_metadata filter_state',
  'envoy.config.route.v3.HeaderMatcher':
    'name exact_match safe_regex_match range_match present_match prefix_match suffix_match contains_match string_match invert_match treat_missing_header_as_empty',
  'envoy.config.route.v3.QueryParameterMatcher': 'name string_match present_match',
  'envoy.config.route.v3.CookieMatcher': 'name string_match invert_match',
  'envoy.config.core.v3.RuntimeFractionalPercent': 'default_value runtime_key',
  'envoy.type.v3.FractionalPercent': 'numerator denominator',
  'envoy.type.v3.Int64Range': 'start end',
  'envoy.type.v3.Int32Range': 'start end',
  'envoy.type.matcher.v3.StringMatcher': 'exact prefix suffix safe_regex contains ignore_case',
  'envoy.type.matcher.v3.RegexMatcher': 'regex',
  'envoy.type.matcher.v3.RegexMatchAndSubstitute': 'pattern substitution',
  'envoy.config.route.v3.RouteAction':
    'cluster_specifier_plugin inline_cluster_specifier_plugin rate_limits include_vh_rate_limits priority cluster upgrade_configs cluster_header weighted_clusters cluster_not_found_response_code prefix_rewrite regex_rewrite host_rewrite_literal auto_host_rewrite host_rewrite_header host_rewrite_path_regex append_x_forwarded_host timeout idle_timeout retry_policy request_mirror_policies hash_policy metadata_match path_rewrite_policy path_rewrite host_rewrite max_grpc_timeout grpc_timeout_offset max_stream_duration internal_redirect_policy internal_redirect_action max_internal_redirects hedge_policy',
  'envoy.config.route.v3.ClusterSpecifierPlugin': 'extension is_optional',
  'envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier': 'cluster_matcher',
  'envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction': 'cluster',
  'envoy.config.route.v3.RouteAction.UpgradeConfig': 'upgrade_type enabled connect_config',
  'envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig': 'proxy_protocol_config allow_post',
  'envoy.config.route.v3.WeightedCluster': 'clusters header_name use_hash_policy runtime_key_prefix',
  'envoy.config.route.v3.WeightedCluster.ClusterWeight':
    'name weight request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove host_rewrite_literal metadata_match cluster_header typed_per_filter_config',
  'envoy.config.route.v3.RouteAction.RequestMirrorPolicy':
    'cluster runtime_fraction cluster_header disable_shadow_host_suffix_append host_rewrite_literal request_headers_mutations trace_sampled',
  'envoy.config.route.v3.RouteAction.HashPolicy':
    'header cookie connection_properties query_parameter terminal filter_state',
  'envoy.config.route.v3.RouteAction.HashPolicy.Header': 'header_name regex_rewrite',
  'envoy.config.route.v3.RouteAction.HashPolicy.Cookie': 'name ttl path attributes',
  'envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties': 'source_ip',
  'envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter': 'name',
  'envoy.config.route.v3.RetryPolicy':
    'retry_on num_retries per_try_timeout retry_priority retry_host_predicate host_selection_retry_max_attempts retriable_status_codes retriable_headers retry_back_off per_try_idle_timeout rate_limited_retry_back_off retriable_request_headers',
  'envoy.config.route.v3.RetryPolicy.RetryPriority': 'name typed_config',
  'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig': 'update_frequency',
  'envoy.config.route.v3.RetryPolicy.RetryHostPredicate': 'name typed_config',
  'envoy.config.route.v3.RetryPolicy.RetryBackOff': 'base_interval max_interval',
  'envoy.config.route.v3.RedirectAction':
    'https_redirect scheme_redirect host_redirect port_redirect path_redirect path_rewrite prefix_rewrite regex_rewrite response_code strip_query',
  'envoy.config.route.v3.DirectResponseAction': 'status body body_format',
  'envoy.config.route.v3.Tracing':
    'client_sampling random_sampling overall_sampling custom_tags operation upstream_operation',
  'envoy.config.route.v3.FilterConfig': 'config disabled is_optional',
  'envoy.config.route.v3.RouteMatch.TlsContextMatchOptions': 'presented validated',
  'envoy.config.route.v3.RouteAction.MaxStreamDuration':
    'max_stream_duration grpc_timeout_header_max grpc_timeout_header_offset',
  'envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute': 'name value',
  'envoy.config.route.v3.RouteAction.HashPolicy.FilterState': 'key',
  'envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff': 'reset_headers max_interval',
  'envoy.config.route.v3.RetryPolicy.ResetHeader': 'name format',
  'envoy.config.route.v3.HedgePolicy': 'hedge_on_per_try_timeout',
  'envoy.config.route.v3.InternalRedirectPolicy':
    'max_internal_redirects redirect_response_codes predicates allow_cross_scheme_redirect response_headers_to_copy',
  'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig': 'path_template',
  'envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig': 'path_template_rewrite',
  'envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig': 'metadata_match',
  'envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig': 'allowed_route_names',
  'envoy.extensions.filters.http.router.v3.Router':
    'dynamic_stats suppress_grpc_request_failure_code_stats suppress_envoy_headers strict_check_headers respect_expected_rq_timeout start_child_span',
};
