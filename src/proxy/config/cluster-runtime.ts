// What Envoy's runtime changes about clusters: its keys stand beside the fields of every cluster. They are looked up when a cluster or the runtime
// changes, so that no request pays for them.
import type { ConsecutiveConfig, Limits, OutlierConfig, PolicyConfig, RoutingPriority } from './cluster-types.ts';
import type { HealthCheckConfig } from './health-check-types.ts';
import { sensibleBias } from './policies.ts';
import type { RuntimeLookup } from './runtime-keys.ts';
import { sensibleAggression } from './slow-start.ts';
import type { ClusterConfig } from './types.ts';

/** The same object where the runtime says nothing. */
export function withRuntime(config: ClusterConfig, runtime: RuntimeLookup): ClusterConfig {
  const asked = new Asked(runtime);
  const { outlierDetection, healthChecks } = config;
  const limits = (priority: RoutingPriority) =>
    limited(config.limits[priority], asked.under(`circuit_breakers.${config.name}.${priority}.`));
  const changed: ClusterConfig = {
    ...config,
    balancing: balanced(config.balancing, asked),
    panicThreshold: Math.min(100, asked.integer('upstream.healthy_panic_threshold', config.panicThreshold)),
    limits: { default: limits('default'), high: limits('high') },
    outlierDetection: outlierDetection && detected(outlierDetection, asked.under('outlier_detection.')),
    healthChecks: healthChecks.map((check) => checked(check, asked.under('health_check.'))),
  };
  return asked.found ? changed : config;
}

/** Remembers whether any key was there. */
class Asked {
  readonly #runtime: RuntimeLookup;
  readonly #prefix: string;
  readonly #seen: { found: boolean };

  constructor(runtime: RuntimeLookup, prefix = '', seen = { found: false }) {
    this.#runtime = runtime;
    this.#prefix = prefix;
    this.#seen = seen;
  }

  get found(): boolean {
    return this.#seen.found;
  }

  under(prefix: string): Asked {
    return new Asked(this.#runtime, prefix, this.#seen);
  }

  integer(key: string, fallback: number): number {
    return this.#note(this.#runtime.integer(this.#prefix + key)) ?? fallback;
  }

  number(key: string, fallback: number): number {
    return this.#note(key === '' ? undefined : this.#runtime.number(this.#prefix + key)) ?? fallback;
  }

  #note(value: number | undefined): number | undefined {
    if (value !== undefined) this.#seen.found = true;
    return value;
  }
}

function balanced(policy: PolicyConfig, asked: Asked): PolicyConfig {
  if (policy.kind !== 'round-robin' && policy.kind !== 'least-request' && policy.kind !== 'reported-load')
    return policy;
  const slowStart = policy.slowStart && {
    ...policy.slowStart,
    aggression: sensibleAggression(asked.number(policy.slowStart.aggressionKey, policy.slowStart.aggression)),
  };
  if (policy.kind !== 'least-request') return { ...policy, slowStart };
  return { ...policy, slowStart, bias: sensibleBias(asked.number(policy.biasKey, policy.bias)) };
}

function limited(limits: Limits, asked: Asked): Limits {
  const budget = limits.retryBudget;
  return {
    ...limits,
    maxConnections: asked.integer('max_connections', limits.maxConnections),
    maxPendingRequests: asked.integer('max_pending_requests', limits.maxPendingRequests),
    maxRequests: asked.integer('max_requests', limits.maxRequests),
    maxRetries: asked.integer('max_retries', limits.maxRetries),
    retryBudget: budget && {
      percent: asked.number('retry_budget.budget_percent', budget.percent),
      minimum: asked.integer('retry_budget.min_retry_concurrency', budget.minimum),
    },
  };
}

function detected(outlier: OutlierConfig, asked: Asked): OutlierConfig {
  const { successRate, failurePercentage } = outlier;
  const inARow = (name: string, { count, enforcing }: ConsecutiveConfig): ConsecutiveConfig => ({
    count: asked.integer(`consecutive_${name}`, count),
    enforcing: asked.integer(`enforcing_consecutive_${name}`, enforcing),
  });
  return {
    ...outlier,
    interval: asked.integer('interval_ms', outlier.interval),
    baseEjection: asked.integer('base_ejection_time_ms', outlier.baseEjection),
    maxEjection: asked.integer('max_ejection_time_ms', outlier.maxEjection),
    maxEjectionJitter: asked.integer('max_ejection_time_jitter_ms', outlier.maxEjectionJitter),
    maxEjectionPercent: asked.integer('max_ejection_percent', outlier.maxEjectionPercent),
    consecutive5xx: inARow('5xx', outlier.consecutive5xx),
    consecutiveGatewayFailure: inARow('gateway_failure', outlier.consecutiveGatewayFailure),
    consecutiveLocalOriginFailure: inARow('local_origin_failure', outlier.consecutiveLocalOriginFailure),
    successRate: {
      minimumHosts: asked.integer('success_rate_minimum_hosts', successRate.minimumHosts),
      requestVolume: asked.integer('success_rate_request_volume', successRate.requestVolume),
      stdevFactor: asked.integer('success_rate_stdev_factor', successRate.stdevFactor),
      enforcing: asked.integer('enforcing_success_rate', successRate.enforcing),
      enforcingLocalOrigin: asked.integer('enforcing_local_origin_success_rate', successRate.enforcingLocalOrigin),
    },
    failurePercentage: {
      minimumHosts: asked.integer('failure_percentage_minimum_hosts', failurePercentage.minimumHosts),
      requestVolume: asked.integer('failure_percentage_request_volume', failurePercentage.requestVolume),
      threshold: asked.integer('failure_percentage_threshold', failurePercentage.threshold),
      enforcing: asked.integer('enforcing_failure_percentage', failurePercentage.enforcing),
      enforcingLocalOrigin: asked.integer(
        'enforcing_failure_percentage_local_origin',
        failurePercentage.enforcingLocalOrigin,
      ),
    },
  };
}

/** Milliseconds that no interval is shorter or longer than. */
function checked(check: HealthCheckConfig, asked: Asked): HealthCheckConfig {
  const shortest = asked.integer('min_interval', 0);
  const longest = asked.integer('max_interval', Number.POSITIVE_INFINITY);
  const within = (interval: number): number => Math.min(Math.max(interval, shortest), longest);
  return {
    ...check,
    interval: within(check.interval),
    noTrafficInterval: within(check.noTrafficInterval),
    noTrafficHealthyInterval: within(check.noTrafficHealthyInterval),
    unhealthyInterval: within(check.unhealthyInterval),
    unhealthyEdgeInterval: within(check.unhealthyEdgeInterval),
    healthyEdgeInterval: within(check.healthyEdgeInterval),
  };
}
