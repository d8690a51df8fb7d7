// The filter envoy.filters.http.health_check: whether this proxy, or what is behind it, may be sent requests.
import {
  type HealthCheck,
  HealthCheckSchema,
} from '../../xds/gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { millis } from '../config/values.ts';
import { flag } from '../http/flags.ts';
import { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import { compileHeaders } from '../route/match/header-matcher.ts';
import { compiler, type FilterKind, perScope } from './define.ts';
import type { FilterScope, HttpFilter, LocalReply } from './filter.ts';

export const healthCheck: FilterKind = { chain: compiler(HealthCheckSchema, createHealthCheck), route: null };

const DEGRADED = 'x-envoy-degraded';

type Clusters = readonly (readonly [name: string, percent: number])[];

class HealthCheckStats {
  request_total = 0;
  ok = 0;
  failed = 0;
  cached_response = 0;
  failed_cluster_not_found = 0;
  failed_cluster_empty = 0;
  failed_cluster_unhealthy = 0;
  degraded = 0;
}

/** The last answer of what is behind, while it may stand for the next. */
type Cached = { status: number; degraded: boolean; until: number };

type Finding = { readonly status: number; readonly details: string; readonly degraded: boolean };

const ok: Finding = { status: 200, details: 'health_check_ok', degraded: false };

function createHealthCheck(config: HealthCheck, name: string, path: string): HttpFilter {
  if (config.passThroughMode === undefined) throw new ConfigError(at(path, 'pass_through_mode'), 'is required');
  const passes = config.passThroughMode;
  const cacheTime = millis(config.cacheTime, 0, at(path, 'cache_time'));
  if (!passes && cacheTime > 0) throw new ConfigError(at(path, 'cache_time'), 'is for pass_through_mode only');
  const clusters: Clusters = Object.entries(config.clusterMinHealthyPercentages).map(([cluster, { value }]) => [
    cluster,
    value,
  ]);
  if (passes && clusters.length > 0)
    throw new ConfigError(at(path, 'cluster_min_healthy_percentages'), 'is not for pass_through_mode');
  const isCheck = compileHeaders(config.headers, at(path, 'headers'));
  const cached: Cached = { status: 0, degraded: false, until: 0 };
  const statsOf = perScope((scope) => scope.stats(`${scope.prefix}health_check`, () => new HealthCheckStats()));
  const isFresh = (scope: FilterScope) => scope.clock.now() < cached.until;
  const find = (stats: HealthCheckStats, scope: FilterScope): Finding => {
    if (scope.health.failing) return { status: 503, details: 'health_check_failed', degraded: false };
    if (!passes) return clusters.length === 0 ? ok : ofClusters(clusters, stats, scope);
    stats.cached_response += 1;
    return { ...cached, details: 'health_check_cached' };
  };
  return {
    name,
    request(exchange, scope) {
      if (!isCheck(exchange.request)) return undefined;
      exchange.healthCheck = true;
      if (passes && !scope.health.failing && !isFresh(scope)) return undefined;
      const stats = statsOf(scope);
      const found = find(stats, scope);
      stats.request_total += 1;
      stats[found.status === 200 ? 'ok' : 'failed'] += 1;
      if (found.degraded) stats.degraded += 1;
      return answer(found);
    },
    response(exchange, head, scope) {
      if (scope.health.failing) announceFailure(head);
      if (!exchange.healthCheck || !isCheck(exchange.request)) return;
      mark(head, scope);
      if (cacheTime > 0 && !isFresh(scope)) {
        cached.status = head.status;
        cached.degraded = head.headers.has(DEGRADED);
        cached.until = scope.clock.now() + cacheTime;
      }
    },
  };
}

function answer({ status, details, degraded }: Finding): LocalReply {
  return {
    status,
    body: '',
    details,
    flags: status === 200 ? 0 : flag.failedLocalHealthCheck,
    headers: degraded ? new HeaderMap([DEGRADED, '']) : null,
  };
}

/** Who balances requests to this proxy is told at once, and need not wait for its next check. */
function announceFailure({ headers }: ResponseHead): void {
  headers.set('x-envoy-immediate-health-check-fail', 'true');
}

/** Which cluster this proxy is of: who asks may have reached another by mistake. */
function mark({ headers }: ResponseHead, { node }: FilterScope): void {
  headers.set('x-envoy-upstream-healthchecked-cluster', node.cluster);
}

/** Degraded endpoints count as healthy here, as in Envoy. */
function ofClusters(clusters: Clusters, stats: HealthCheckStats, scope: FilterScope): Finding {
  for (const [name, percent] of clusters) {
    const why = lacking(name, percent, scope);
    if (why === null) continue;
    stats[COUNTERS[why]] += 1;
    return { status: 503, details: `health_check_failed_${why}`, degraded: false };
  }
  return { ...ok, details: 'health_check_ok_cluster_healthy' };
}

type Lack = 'no_cluster_found' | 'cluster_empty' | 'cluster_unhealthy';

const COUNTERS = {
  no_cluster_found: 'failed_cluster_not_found',
  cluster_empty: 'failed_cluster_empty',
  cluster_unhealthy: 'failed_cluster_unhealthy',
} as const;

/** null: enough of the cluster's endpoints are healthy. */
function lacking(name: string, percent: number, scope: FilterScope): Lack | null {
  const stats = scope.clusters.get(name)?.stats;
  if (stats === undefined) return 'no_cluster_found';
  if (stats.membership_total === 0) return percent === 0 ? null : 'cluster_empty';
  const fit = stats.membership_healthy + stats.membership_degraded;
  return 100 * fit >= stats.membership_total * percent ? null : 'cluster_unhealthy';
}
