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
import { compiler, type FilterKind } from './define.ts';
import type { FilterScope, HttpFilter, LocalReply } from './filter.ts';

export const healthCheck: FilterKind = { chain: compiler(HealthCheckSchema, createHealthCheck), route: null };

type Clusters = readonly (readonly [name: string, percent: number])[];

/** The last answer of what is behind, while it may stand for the next. */
type Cached = { status: number; until: number };

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
  const cached: Cached = { status: 0, until: 0 };
  return {
    name,
    request(exchange, scope) {
      if (!isCheck(exchange.request)) return undefined;
      exchange.healthCheck = true;
      if (!passes) return answer(enoughHealthy(clusters, scope) ? 200 : 503, scope);
      return scope.clock.now() < cached.until ? answer(cached.status, scope) : undefined;
    },
    response(exchange, head, scope) {
      if (!exchange.healthCheck || !isCheck(exchange.request)) return;
      mark(head, scope);
      if (cacheTime > 0 && scope.clock.now() >= cached.until) {
        cached.status = head.status;
        cached.until = scope.clock.now() + cacheTime;
      }
    },
  };
}

function answer(status: number, scope: FilterScope): LocalReply {
  const healthy = status === 200;
  const head = { status, headers: new HeaderMap() };
  mark(head, scope);
  return {
    status,
    body: '',
    details: healthy ? 'health_check_ok' : 'health_check_failed',
    flags: healthy ? 0 : flag.failedLocalHealthCheck,
    headers: head.headers,
  };
}

/** Which cluster this proxy is of: who asks may have reached another by mistake. */
function mark({ headers }: ResponseHead, { node }: FilterScope): void {
  if (node.cluster !== '') headers.set('x-envoy-upstream-healthchecked-cluster', node.cluster);
}

/** Degraded endpoints count as healthy here, as in Envoy. A cluster that is not there is no healthy one; one without endpoints is not at all. */
function enoughHealthy(clusters: Clusters, scope: FilterScope): boolean {
  return clusters.every(([name, percent]) => {
    const stats = scope.clusters.get(name)?.stats;
    if (stats === undefined) return false;
    if (stats.membership_total === 0) return percent === 0;
    return 100 * (stats.membership_healthy + stats.membership_degraded) >= stats.membership_total * percent;
  });
}
