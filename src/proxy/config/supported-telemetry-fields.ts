// The part of the supported fields that access logs and tracing read.

export const telemetryFields: Readonly<Record<string, string>> = {
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.HcmAccessLogOptions':
    'access_log_flush_interval flush_access_log_on_new_request',
  'envoy.config.accesslog.v3.AccessLog': 'filter typed_config',
  'envoy.config.accesslog.v3.AccessLogFilter':
    'status_code_filter duration_filter not_health_check_filter traceable_filter runtime_filter and_filter or_filter header_filter response_flag_filter grpc_status_filter metadata_filter log_type_filter extension_filter',
  'envoy.config.accesslog.v3.ExtensionFilter': 'name typed_config',
  'envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter': 'expression cel_config',
  'envoy.extensions.formatter.cel.v3.Cel': 'cel_config',
  'envoy.config.core.v3.CelExpressionConfig': 'enable_string_conversion enable_string_concat enable_string_functions',
  'envoy.config.accesslog.v3.StatusCodeFilter': 'comparison',
  'envoy.config.accesslog.v3.DurationFilter': 'comparison',
  'envoy.config.accesslog.v3.ComparisonFilter': 'op value',
  'envoy.config.core.v3.RuntimeUInt32': 'default_value runtime_key',
  'envoy.config.accesslog.v3.AndFilter': 'filters',
  'envoy.config.accesslog.v3.OrFilter': 'filters',
  'envoy.config.accesslog.v3.HeaderFilter': 'header',
  'envoy.config.accesslog.v3.ResponseFlagFilter': 'flags',
  'envoy.config.accesslog.v3.RuntimeFilter': 'runtime_key percent_sampled use_independent_randomness',
  'envoy.config.accesslog.v3.GrpcStatusFilter': 'statuses exclude',
  'envoy.config.accesslog.v3.MetadataFilter': 'matcher match_if_key_not_found',
  'envoy.type.matcher.v3.MetadataMatcher': 'filter path value invert',
  'envoy.type.matcher.v3.MetadataMatcher.PathSegment': 'key',
  'envoy.type.matcher.v3.ValueMatcher':
    'null_match double_match string_match bool_match present_match list_match or_match',
  'envoy.type.matcher.v3.ListMatcher': 'one_of',
  'envoy.type.matcher.v3.OrMatcher': 'value_matchers',
  'envoy.type.matcher.v3.DoubleMatcher': 'range exact',
  'envoy.type.v3.DoubleRange': 'start end',
  'envoy.config.accesslog.v3.LogTypeFilter': 'types exclude',
  'envoy.extensions.access_loggers.file.v3.FileAccessLog': 'path format json_format typed_json_format log_format',
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog': 'log_format',
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog': 'log_format',
  'envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig':
    'common_config http_service grpc_service disable_builtin_labels resource_attributes body attributes stat_prefix log_name',
  'envoy.extensions.access_loggers.grpc.v3.CommonGrpcAccessLogConfig':
    'log_name grpc_service transport_api_version buffer_flush_interval buffer_size_bytes filter_state_objects_to_log custom_tags',
  'envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig':
    'common_config additional_request_headers_to_log additional_response_headers_to_log additional_response_trailers_to_log',
  'envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig': 'common_config',
  'opentelemetry.proto.common.v1.AnyValue': 'string_value array_value kvlist_value',
  'opentelemetry.proto.common.v1.ArrayValue': 'values',
  'opentelemetry.proto.common.v1.KeyValue': 'key value',
  'opentelemetry.proto.common.v1.KeyValueList': 'values',
  'envoy.config.core.v3.SubstitutionFormatString':
    'text_format json_format text_format_source omit_empty_values content_type formatters',
  'envoy.config.core.v3.TypedExtensionConfig': 'name typed_config',

  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing':
    'client_sampling random_sampling overall_sampling operation upstream_operation verbose max_path_tag_length custom_tags provider spawn_upstream_span no_context_propagation',
  'envoy.config.trace.v3.Tracing.Http': 'name typed_config',
  'envoy.config.trace.v3.OpenTelemetryConfig':
    'grpc_service http_service service_name resource_detectors sampler max_cache_size set_telemetry_sdk_resource_attributes set_service_name_resource_attribute',
  'envoy.config.trace.v3.ZipkinConfig':
    'collector_cluster collector_endpoint collector_endpoint_version collector_hostname trace_id_128bit timestamp_trace_ids shared_span_context collector_service trace_context_option',
  'envoy.config.core.v3.HttpService': 'http_uri request_headers_to_add',
  'envoy.type.tracing.v3.CustomTag': 'tag literal environment request_header metadata value',
  'envoy.type.tracing.v3.CustomTag.Literal': 'value',
  'envoy.type.tracing.v3.CustomTag.Environment': 'name default_value',
  'envoy.type.tracing.v3.CustomTag.Header': 'name default_value',
  'envoy.type.tracing.v3.CustomTag.Metadata': 'kind metadata_key default_value',
  'envoy.type.metadata.v3.MetadataKind': 'request route cluster host',
  'envoy.type.metadata.v3.MetadataKey': 'key path',
  'envoy.type.metadata.v3.MetadataKey.PathSegment': 'key',
  'envoy.extensions.tracers.opentelemetry.samplers.v3.TraceIdRatioBasedSamplerConfig': 'sampling_percentage',
  'envoy.extensions.tracers.opentelemetry.samplers.v3.ParentBasedSamplerConfig': 'wrapped_sampler',
  'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig': 'attributes',
};
