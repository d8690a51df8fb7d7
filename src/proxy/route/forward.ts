// RouteAction → the action that forwards a request.
import { RoutingPriority } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type HedgePolicy,
  RouteAction_ClusterNotFoundResponseCode as NotFound,
  type RetryPolicy as RetryPolicyMessage,
  type RouteAction,
  type RouteMatch,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { millis } from '../config/values.ts';
import { type ClusterLevel, compileClusterChoice } from './cluster-choice.ts';
import { compileHash } from './hash-policy.ts';
import { compileInternalRedirect } from './internal-redirect.ts';
import { compileMirrors } from './mirrors.ts';
import { compileRetryPolicy, tryTimeouts } from './retry-policy.ts';
import { compileAutoHost, compileRewrite } from './rewrite.ts';
import type { ForwardAction, ForwardPlan, MaxDuration } from './table.ts';
import { compileUpgrades } from './upgrades.ts';

const TIMEOUT = 15_000;

/** What a route takes from its virtual host and route configuration when it says nothing itself. */
export type Inherited = {
  readonly retry: { readonly policy: RetryPolicyMessage | undefined; readonly path: string };
  readonly hedge: HedgePolicy | undefined;
  readonly mirrors: ForwardAction['mirrors'];
  readonly attemptHeaders: ForwardAction['attemptHeaders'];
  readonly bufferLimit: number | null;
};

export function compileForward(
  action: RouteAction,
  match: RouteMatch,
  inherited: Inherited,
  level: ClusterLevel,
  path: string,
): ForwardAction {
  const mirrors = compileMirrors(action.requestMirrorPolicies, at(path, 'request_mirror_policies'));
  const idleTimeout = action.idleTimeout;
  return {
    kind: 'forward',
    priority: priorityOf(action.priority, at(path, 'priority')),
    ...compilePlan(action, inherited, path),
    ...compileClusterChoice(action, path, level),
    rewrite: compileRewrite(action, match, path),
    rewriteForHost: compileAutoHost(action),
    idleTimeout: idleTimeout === undefined ? null : millis(idleTimeout, 0, at(path, 'idle_timeout')),
    grpcTimeout: compileGrpcTimeout(action, path),
    maxDuration: compileMaxDuration(action, at(path, 'max_stream_duration')),
    mirrors: mirrors.length > 0 ? mirrors : inherited.mirrors,
    internalRedirect: compileInternalRedirect(action, path),
    bufferLimit: inherited.bufferLimit,
    attemptHeaders: inherited.attemptHeaders,
    hash: compileHash(action.hashPolicy, at(path, 'hash_policy')),
    ...compileUpgrades(action.upgradeConfigs, at(path, 'upgrade_configs')),
    clusterNotFoundStatus: notFoundStatus(action.clusterNotFoundResponseCode, path),
  };
}

/** `max_stream_duration` is the newer way to limit time: where it is set the older limits are not, as in Envoy. */
function compilePlan(action: RouteAction, inherited: Inherited, path: string): ForwardPlan {
  const policy = action.retryPolicy ?? inherited.retry.policy;
  const here = action.retryPolicy ? at(path, 'retry_policy') : inherited.retry.path;
  const retry = policy === undefined ? null : compileRetryPolicy(policy, here);
  const timeout = millis(action.timeout, TIMEOUT, at(path, 'timeout'));
  const limit = action.maxStreamDuration === undefined ? timeout : 0;
  const tries = tryTimeouts(policy, here);
  return {
    timeout: limit,
    perTryTimeout: limit > 0 && tries.perTryTimeout >= limit ? 0 : tries.perTryTimeout,
    perTryIdleTimeout: tries.perTryIdleTimeout,
    streamDuration: null,
    retry: retry !== null && retry.words.size > 0 ? retry : null,
    hedge: (action.hedgePolicy ?? inherited.hedge)?.hedgeOnPerTryTimeout ?? false,
  };
}

function compileGrpcTimeout(action: RouteAction, path: string): ForwardAction['grpcTimeout'] {
  const max = millis(action.maxGrpcTimeout, 0, at(path, 'max_grpc_timeout'));
  const offset = millis(action.grpcTimeoutOffset, 0, at(path, 'grpc_timeout_offset'));
  return action.maxGrpcTimeout === undefined || action.maxStreamDuration !== undefined ? null : { max, offset };
}

function compileMaxDuration({ maxStreamDuration }: RouteAction, path: string): MaxDuration | null {
  if (maxStreamDuration === undefined) return null;
  const { maxStreamDuration: limit, grpcTimeoutHeaderMax: max, grpcTimeoutHeaderOffset: offset } = maxStreamDuration;
  return {
    limit: limit === undefined ? null : millis(limit, 0, at(path, 'max_stream_duration')),
    grpc:
      max === undefined
        ? null
        : {
            max: millis(max, 0, at(path, 'grpc_timeout_header_max')),
            offset: millis(offset, 0, at(path, 'grpc_timeout_header_offset')),
          },
  };
}

function priorityOf(priority: RoutingPriority, path: string): ForwardAction['priority'] {
  switch (priority) {
    case RoutingPriority.DEFAULT:
      return 'default';
    case RoutingPriority.HIGH:
      return 'high';
    default:
      throw new ConfigError(path, 'is not known');
  }
}

function notFoundStatus(code: NotFound, path: string): number {
  switch (code) {
    case NotFound.SERVICE_UNAVAILABLE:
      return 503;
    case NotFound.NOT_FOUND:
      return 404;
    case NotFound.INTERNAL_SERVER_ERROR:
      return 500;
    default:
      throw new ConfigError(at(path, 'cluster_not_found_response_code'), 'is not known');
  }
}
