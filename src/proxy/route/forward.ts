// RouteAction → the action that forwards a request.
import {
  RouteAction_ClusterNotFoundResponseCode as NotFound,
  type RetryPolicy as RetryPolicyMessage,
  type RouteAction,
  type RouteAction_RequestMirrorPolicy,
  type RouteMatch,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { millis, runtimeShare } from '../config/values.ts';
import { compileClusterChoice } from './cluster-choice.ts';
import { compileHash } from './hash-policy.ts';
import type { HeaderEdits } from './header-edits.ts';
import { compileRetryPolicy } from './retry-policy.ts';
import { compileRewrite } from './rewrite.ts';
import type { ForwardAction } from './table.ts';
import { compileUpgrades } from './upgrades.ts';

const TIMEOUT = 15_000;

/** What a route takes from its virtual host and route configuration when it says nothing itself. */
export type Inherited = {
  readonly retry: { readonly policy: RetryPolicyMessage | undefined; readonly path: string };
  readonly mirrors: ForwardAction['mirrors'];
};

export function compileForward(
  action: RouteAction,
  match: RouteMatch,
  inherited: Inherited,
  aroundCluster: (edits: HeaderEdits) => HeaderEdits,
  path: string,
): ForwardAction {
  const mirrors = compileMirrors(action.requestMirrorPolicies, at(path, 'request_mirror_policies'));
  const idleTimeout = action.idleTimeout;
  return {
    kind: 'forward',
    pickCluster: compileClusterChoice(action, path, aroundCluster),
    rewrite: compileRewrite(action, match, path),
    timeout: millis(action.timeout, TIMEOUT, at(path, 'timeout')),
    idleTimeout: idleTimeout === undefined ? null : millis(idleTimeout, 0, at(path, 'idle_timeout')),
    retry: action.retryPolicy
      ? compileRetryPolicy(action.retryPolicy, at(path, 'retry_policy'))
      : compileRetryPolicy(inherited.retry.policy, inherited.retry.path),
    mirrors: mirrors.length > 0 ? mirrors : inherited.mirrors,
    hash: compileHash(action.hashPolicy, at(path, 'hash_policy')),
    ...compileUpgrades(action.upgradeConfigs, at(path, 'upgrade_configs')),
    clusterNotFoundStatus: notFoundStatus(action.clusterNotFoundResponseCode, path),
  };
}

export function compileMirrors(
  policies: readonly RouteAction_RequestMirrorPolicy[],
  path: string,
): ForwardAction['mirrors'] {
  return mapAt(policies, path, ({ cluster, runtimeFraction }, here) => {
    if (cluster === '') throw new ConfigError(at(here, 'cluster'), 'is empty');
    return { cluster, share: runtimeShare(runtimeFraction, 1) };
  });
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
