// `stats_config.stats_tags` and `use_all_default_tags` → which parts of a statistic's name are tags.
import type { StatsConfig } from '../../xds/gen/envoy/config/metrics/v3/stats_pb.ts';
import { BootstrapError } from './bootstrap-error.ts';

export type TagRules = {
  /** Envoy's own that are looked for. */
  readonly defaults: ReadonlySet<string>;
  /** In the order in which they are looked for: before Envoy's that begin with a name's first word, and after them. */
  readonly early: readonly OwnTag[];
  readonly late: readonly OwnTag[];
};

/** `pattern`: its first group is left out of the name; the second, where there is one, is the value. */
export type OwnTag =
  | { readonly tag: string; readonly kind: 'fixed'; readonly value: string }
  | { readonly tag: string; readonly kind: 'pattern'; readonly pattern: RegExp };

/** Envoy's names of tags (api: "well known" tags of `TagSpecifier`). */
const DEFAULTS: ReadonlySet<string> = new Set([
  'cipher_suite',
  ...(
    'clientssl_prefix cluster_name connection_limit_prefix dns_filter_prefix dynamo_operation dynamo_partition_id dynamo_table ext_authz_prefix fault_downstream_cluster google_grpc_client_prefix ' +
    'grpc_bridge_method grpc_bridge_service health_check_name http_conn_manager_prefix http_user_agent listener_address local_http_ratelimit_prefix local_listener_ratelimit_prefix ' +
    'local_network_ratelimit_prefix mongo_callsite mongo_cmd mongo_collection mongo_prefix proxy_protocol_prefix proxy_protocol_version ratelimit_prefix rbac_http_prefix rbac_policy_name rbac_prefix ' +
    'rds_route_config redis_prefix response_code response_code_class route scoped_rds_config ssl_cipher ssl_curve ssl_sigalg ssl_version tcp_prefix thrift_prefix tls_certificate udp_prefix ' +
    'virtual_cluster virtual_host worker_id xds_resource_name'
  )
    .split(' ')
    .map((name) => `envoy.${name}`),
]);

export const ALL_DEFAULTS: TagRules = { defaults: DEFAULTS, early: [], late: [] };

/** A pattern that only fits names with this first word is looked for with them. */
const FIRST_WORD = /^\^\w+(?:\\\.|\(\?=\\\.\)|\$$)/;

/** @throws BootstrapError */
export function readTagRules(config: StatsConfig | undefined, path: string): TagRules {
  if (config === undefined) return ALL_DEFAULTS;
  const defaults = new Set(config.useAllDefaultTags === false ? [] : DEFAULTS);
  const early: OwnTag[] = [];
  const late: OwnTag[] = [];
  for (const [i, { tagName: tag, tagValue }] of config.statsTags.entries()) {
    const here = `${path}.stats_tags[${i}]`;
    if (tag === '') throw new BootstrapError(`${here}.tag_name: is empty`);
    if (tagValue.case === 'fixedValue') early.push({ tag, kind: 'fixed', value: tagValue.value });
    else if (tagValue.case === undefined || tagValue.value === '') {
      if (!DEFAULTS.has(tag)) throw new BootstrapError(`${here}: ${tag} is no tag of Envoy's and has no regex`);
      defaults.add(tag);
    } else {
      if (config.allowDefaultTagOverrides === true) defaults.delete(tag);
      const pattern = readPattern(tagValue.value, `${here}.regex`);
      (FIRST_WORD.test(tagValue.value) ? late : early).push({ tag, kind: 'pattern', pattern });
    }
  }
  return { defaults, early, late };
}

/** What C++ knows beyond JavaScript: names of characters within brackets. */
const POSIX: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  digit: '0-9',
  lower: 'a-z',
  space: '\\s',
  upper: 'A-Z',
  xdigit: '0-9A-Fa-f',
};

/** Envoy takes ECMAScript's syntax here, not RE2's; the bootstrap is its owner's own word, and names are short. */
function readPattern(source: string, path: string): RegExp {
  try {
    return new RegExp(
      source.replace(/\[:(\w+):\]/g, (all, name: string) => POSIX[name] ?? all),
      'd',
    );
  } catch (error) {
    throw new BootstrapError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
