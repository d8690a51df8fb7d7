// Which fields of the messages of HTTP filters this proxy implements: a part of `supported-fields.ts`.

export const filterFields: Readonly<Record<string, string>> = {
  'envoy.extensions.filters.http.rbac.v3.RBAC': 'rules shadow_rules',
  'envoy.extensions.filters.http.rbac.v3.RBACPerRoute': 'rbac',
  'envoy.config.rbac.v3.RBAC': 'action policies',
  'envoy.config.rbac.v3.Policy': 'permissions principals',
  'envoy.config.rbac.v3.Permission':
    'and_rules or_rules any header url_path destination_ip destination_port destination_port_range not_rule requested_server_name',
  'envoy.config.rbac.v3.Permission.Set': 'rules',
  'envoy.config.rbac.v3.Principal':
    'and_ids or_ids any authenticated source_ip direct_remote_ip remote_ip header url_path not_id',
  'envoy.config.rbac.v3.Principal.Set': 'ids',
  'envoy.config.rbac.v3.Principal.Authenticated': 'principal_name',
  'envoy.config.core.v3.CidrRange': 'address_prefix prefix_len',
  'envoy.type.matcher.v3.PathMatcher': 'path',
  'envoy.extensions.filters.http.fault.v3.HTTPFault': 'delay abort headers',
  'envoy.extensions.filters.http.fault.v3.FaultAbort': 'http_status percentage',
  'envoy.extensions.filters.common.fault.v3.FaultDelay': 'fixed_delay percentage',

  'envoy.extensions.filters.http.cors.v3.CorsPolicy':
    'allow_origin_string_match allow_methods allow_headers expose_headers max_age allow_credentials filter_enabled shadow_enabled allow_private_network_access forward_not_matching_preflights',
  'envoy.extensions.filters.http.csrf.v3.CsrfPolicy': 'filter_enabled shadow_enabled additional_origins',
  'envoy.extensions.filters.http.buffer.v3.Buffer': 'max_request_bytes',
  'envoy.extensions.filters.http.buffer.v3.BufferPerRoute': 'disabled buffer',
  'envoy.extensions.filters.http.basic_auth.v3.BasicAuth':
    'users forward_username_header authentication_header allow_missing emit_dynamic_metadata',
  'envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute': 'users',
};
