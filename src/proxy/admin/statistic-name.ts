// Names of statistics: which are gauges, how Envoy writes them, and what of a name is a label for Prometheus (Envoy's tag extraction).

/** Everything that goes down as well as up; whatever is no gauge is a counter. */
const GAUGES =
  /(?:_active|_buffered|_open|_open_gauge|^cluster_manager\.\w+_clusters|membership_(?:total|healthy|degraded|excluded)|max_host_weight|\.remaining_\w+|\.pressure|connected_state|^listener_manager\.total_\w+|\.draining_listeners|^server\.(?:live|state|uptime|concurrency|version|total_connections|parent_connections|memory_\w+|event_loop_lag_ms|days_until_first_cert_expiring))$/;

export function isGauge(name: string): boolean {
  return GAUGES.test(name);
}

/** Fields that Envoy keeps in a scope of their own: `ssl_handshake` is `ssl.handshake` there. */
const SCOPED = /^(ssl|outlier_detection|circuit_breakers_default|circuit_breakers_high)_/;

/** Our statistics are fields of objects, which hold no dots. */
export function statisticName(name: string): string {
  const dot = name.lastIndexOf('.');
  const field = name.slice(dot + 1);
  const scoped = field.replace(
    SCOPED,
    (_, scope: string) => `${scope.replace(/^circuit_breakers_/, 'circuit_breakers.')}.`,
  );
  return scoped === field ? name : `${name.slice(0, dot + 1)}${scoped}`;
}

export type PrometheusName = { readonly metric: string; readonly labels: Tags };

/** A name without its variable parts, and these as tags: `cluster.upstream_rq_xx` of `envoy.cluster_name` and `envoy.response_code_class`. */
export type TaggedName = { readonly name: string; readonly tags: Tags };

type Tags = readonly (readonly [name: string, value: string])[];

const TAGS: Readonly<Record<string, string>> = {
  cluster: 'envoy.cluster_name',
  http: 'envoy.http_conn_manager_prefix',
  listener: 'envoy.listener_address',
  tcp: 'envoy.tcp_prefix',
};

/** Scopes that stand between a name, which may hold dots itself, and a field. */
const INNER =
  /\.((?:ssl|outlier_detection|circuit_breakers\.(?:default|high)|rbac|fault|cors|csrf|ext_authz|ext_proc|jwt_authn|ratelimit|http_local_rate_limit|health_check|health|tracing|grpc|compressor|decompressor|buffer|http1|http2|upgrades)\.[\w.]*)$/;

/** `cluster.a.b.upstream_rq_2xx` is `envoy_cluster_upstream_rq_xx` of class 2 of the cluster `a.b`. */
export function prometheusName(name: string): PrometheusName {
  const { name: short, tags } = taggedName(name);
  return { metric: `envoy_${sanitized(short)}`, labels: tags.map(([tag, value]) => [sanitized(tag), value]) };
}

export function taggedName(name: string): TaggedName {
  const [kind = ''] = name.split('.', 1);
  const tag = TAGS[kind];
  if (tag === undefined) return { name, tags: [] };
  const rest = name.slice(kind.length + 1);
  const [, scope, worker = '', own] = /^(.*)\.worker_(\d+)\.(\w+)$/.exec(rest) ?? [];
  if (scope !== undefined) {
    return {
      name: `${kind}.worker_${own}`,
      tags: [
        ['envoy.worker_id', worker],
        [tag, scope],
      ],
    };
  }
  const inner = INNER.exec(`.${rest}`)?.[1];
  const field = inner ?? rest.slice(rest.lastIndexOf('.') + 1);
  const value = rest.slice(0, Math.max(0, rest.length - field.length - 1));
  const coded = responseCode(field);
  return { name: `${kind}.${coded.field}`, tags: [...coded.tags, [tag, value]] };
}

function responseCode(field: string): { readonly field: string; readonly tags: Tags } {
  const [, scope, digits, xx] = /^(.*_rq)_(\d)(xx|\d\d)$/.exec(field) ?? [];
  if (scope === undefined || digits === undefined || xx === undefined) return { field, tags: [] };
  if (xx === 'xx') return { field: `${scope}_xx`, tags: [['envoy.response_code_class', digits]] };
  return { field: scope, tags: [['envoy.response_code', `${digits}${xx}`]] };
}

function sanitized(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_');
}
