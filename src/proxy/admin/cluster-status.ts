// Envoy's /clusters: every endpoint the proxy knows, as text or JSON.
import type { JsonObject } from '@bufbuild/protobuf';
import type { Endpoint } from '../balance/balancer.ts';
import { HEALTH_FLAG_NAMES, unfit } from '../balance/health.ts';
import type { Limits } from '../config/cluster-types.ts';
import { localityFields } from '../config/locality.ts';
import type { ClusterConfig } from '../config/types.ts';

/** What is read of a running cluster. */
export type ClusterView = { readonly config: ClusterConfig; readonly hosts: readonly HostView[] };

/** Plain values: it may come from another thread. */
export type HostView = Pick<
  Endpoint,
  'name' | 'address' | 'port' | 'hostname' | 'activeRequests' | 'health' | 'weight' | 'locality' | 'priority'
> & { readonly canary: boolean; readonly stats: HostFigures; readonly successRates: SuccessRates };

/** `HostStats`. */
export type HostFigures = Readonly<Record<(typeof COUNTERS)[number] | 'cx_active' | 'rq_pending_active', number>>;

/** Percent; -1 where nothing can be said. */
type SuccessRates = { readonly external: number; readonly local: number };

const COUNTERS = ['cx_connect_fail', 'cx_total', 'rq_error', 'rq_success', 'rq_timeout', 'rq_total'] as const;

type RunningHost = Omit<HostView, 'canary' | 'successRates'> &
  Pick<Endpoint, 'metadata'> & {
    readonly outlier: { readonly external: { readonly percent: number }; readonly local: { readonly percent: number } };
  };

export function viewOf(host: RunningHost): HostView {
  const { name, address, port, hostname, activeRequests, health, weight, locality, priority, stats, outlier } = host;
  const balancing: unknown = host.metadata['envoy.lb'];
  return {
    ...{ name, address, port, hostname, activeRequests, health, weight, locality, priority },
    stats: { ...stats },
    canary: typeof balancing === 'object' && balancing !== null && Reflect.get(balancing, 'canary') === true,
    successRates: { external: outlier.external.percent, local: outlier.local.percent },
  };
}

/** `isStatic`: it stands in the bootstrap. */
type DescribedCluster = ClusterView & { readonly isStatic: boolean };

/** Fields that hold protobuf's default are left out, as Envoy prints them. */
export function clustersJson(clusters: readonly DescribedCluster[]): JsonObject {
  return {
    cluster_statuses: clusters.map(({ config, hosts, isStatic }) => ({
      name: config.name,
      ...(isStatic ? {} : { added_via_api: true }),
      ...(config.discovery.kind === 'eds' && { eds_service_name: config.discovery.serviceName }),
      observability_name: config.statName,
      circuit_breakers: {
        thresholds: [limitsOf(config.limits.default), { priority: 'HIGH', ...limitsOf(config.limits.high) }],
      },
      ...(hosts.length === 0 ? {} : { host_statuses: hosts.map(hostJson) }),
    })),
  };
}

function hostJson(host: HostView): JsonObject {
  const { address, port, hostname, activeRequests, weight, priority, stats, successRates } = host;
  const value = (count: number): JsonObject => (count === 0 ? {} : { value: String(count) });
  const gauges = { cx_active: stats.cx_active, rq_active: activeRequests, rq_pending_active: stats.rq_pending_active };
  return {
    address: { socket_address: { address, port_value: port } },
    stats: [
      ...COUNTERS.map((name) => ({ ...value(stats[name]), name })),
      ...Object.entries(gauges).map(([name, count]) => ({ type: 'GAUGE', ...value(count), name })),
    ],
    health_status: healthStatus(host),
    ...(successRates.external < 0 ? {} : { success_rate: { value: successRates.external } }),
    ...(successRates.local < 0 ? {} : { local_origin_success_rate: { value: successRates.local } }),
    weight,
    ...(hostname === '' ? {} : { hostname }),
    ...(priority === 0 ? {} : { priority }),
    locality: Object.fromEntries(Object.entries(placeOf(host)).filter(([, name]) => name !== '')),
  };
}

export function clustersText(clusters: readonly DescribedCluster[]): string {
  const lines = clusters.flatMap(({ config, hosts, isStatic }) =>
    [
      `observability_name::${config.statName}`,
      ...(config.outlierDetection === null ? [] : NO_AVERAGES),
      ...Object.entries(config.limits).flatMap(([priority, limits]) =>
        Object.entries(limitsOf(limits)).map(([name, value]) => `${priority}_priority::${name}::${value}`),
      ),
      `added_via_api::${!isStatic}`,
      ...(config.discovery.kind === 'eds' ? [`eds_service_name::${config.discovery.serviceName}`] : []),
      ...hosts.flatMap((host) => hostLines(host).map((line) => `${host.name}::${line}`)),
    ].map((line) => `${config.name}::${line}\n`),
  );
  return lines.join('');
}

/** They are worked out once an interval and not kept. */
const NO_AVERAGES = [
  'success_rate_average',
  'success_rate_ejection_threshold',
  'local_origin_success_rate_average',
  'local_origin_success_rate_ejection_threshold',
].map((name) => `outlier::${name}::-1`);

function hostLines(host: HostView): string[] {
  const { stats, hostname, weight, canary, priority, successRates } = host;
  const figures = { ...stats, rq_active: host.activeRequests };
  return [
    ...Object.entries(figures).sort(([a], [b]) => (a < b ? -1 : 1)),
    ['hostname', hostname],
    ['health_flags', healthFlags(host)],
    ['weight', weight],
    ...Object.entries(placeOf(host)),
    ['canary', canary],
    ['priority', priority],
    ['success_rate', successRates.external],
    ['local_origin_success_rate', successRates.local],
  ].map(([name, value]) => `${name}::${value}`);
}

function placeOf({ locality }: HostView) {
  const { region, zone, subZone } = localityFields(locality);
  return { region, zone, sub_zone: subZone };
}

function limitsOf(limits: Limits) {
  return {
    max_connections: limits.maxConnections,
    max_pending_requests: limits.maxPendingRequests,
    max_requests: limits.maxRequests,
    max_retries: limits.maxRetries,
  };
}

function healthFlags({ health }: HostView): string {
  const flags = HEALTH_FLAG_NAMES.filter(([bit]) => (health & bit) !== 0);
  return flags.map(([, name]) => name).join('') || 'healthy';
}

/** Fields of `HostHealthStatus` that are true, beside what the control plane says. */
const STATUS_FIELDS: readonly (readonly [bit: number, field: string])[] = [
  [unfit.failedActiveCheck, 'failed_active_health_check'],
  [unfit.failedOutlierCheck, 'failed_outlier_check'],
  [unfit.degradedActiveCheck, 'failed_active_degraded_check'],
  [unfit.pendingRemoval, 'pending_dynamic_removal'],
  [unfit.pendingActiveCheck, 'pending_active_hc'],
  [unfit.excludedByImmediateFailure, 'excluded_via_immediate_hc_fail'],
  [unfit.activeCheckTimeout, 'active_hc_timeout'],
];

function healthStatus({ health }: HostView): JsonObject {
  const set = STATUS_FIELDS.filter(([bit]) => (health & bit) !== 0).map(([, field]) => [field, true] as const);
  return { ...Object.fromEntries(set), eds_health_status: edsStatus(health) };
}

function edsStatus(health: number): string {
  if ((health & unfit.failedEds) !== 0) return 'UNHEALTHY';
  if ((health & unfit.edsDraining) !== 0) return 'DRAINING';
  return (health & unfit.degradedEds) === 0 ? 'HEALTHY' : 'DEGRADED';
}
