// Where a request goes that every filter has let pass: to the cluster of its route, or back with an answer.
import type { LocalReply } from '../filter/filter.ts';
import { chooseCluster } from '../route/chosen-cluster.ts';
import { planFor } from '../route/request-plan.ts';
import type { ForwardAction } from '../route/table.ts';
import { cause, clusterNotFound } from './causes.ts';
import type { ConnectionManager } from './connection-manager.ts';
import type { ForwardTarget } from './forward-target.ts';
import { Forwarding } from './forwarding.ts';
import { routeReply } from './local-response.ts';
import { startMirrors } from './mirror.ts';
import { prepareForward, strictRefusal } from './prepare-forward.ts';

/** A forwarding that is yet to be started, or what is answered instead. */
export function dispatch(manager: ConnectionManager, target: ForwardTarget): Forwarding | LocalReply {
  const { exchange } = target;
  const { router } = manager.config;
  const refusal = strictRefusal(exchange.request.headers, router.strictHeaders);
  if (refusal !== null) return refusal;
  const action = exchange.route?.action;
  if (action === undefined) {
    manager.stats.no_route += 1;
    return cause.routeNotFound;
  }
  if (action.kind === 'forward') return forward(action, manager, target);
  if (action.kind === 'nowhere') return withoutCluster(manager, action.status);
  return routeReply(action, exchange, router, manager.services.clock.now());
}

function forward(action: ForwardAction, manager: ConnectionManager, target: ForwardTarget): Forwarding | LocalReply {
  const { services, config } = manager;
  const { exchange, body } = target;
  const plan = planFor(action, exchange.request, config.router);
  const choice = chooseCluster(exchange, action, services.random);
  exchange.cluster = choice.cluster;
  exchange.subset = choice.subset;
  const cluster = services.clusters.get(choice.cluster);
  if (cluster === undefined) return withoutCluster(manager, action.clusterNotFoundStatus);
  exchange.clusterStatName = cluster.config.statName;
  exchange.clusterMetadata = cluster.config.metadata;
  exchange.charges = exchange.route?.charge?.(exchange.request, services.filterStats) ?? null;
  prepareForward(exchange, action, plan, choice, config.router);
  if (plan.retry !== null || action.internalRedirect !== null) {
    body.keepForRetry(action.bufferLimit, () => {
      cluster.stats.retry_or_shadow_abandoned += 1;
    });
  }
  if (action.mirrors.length > 0) body.mirrors = startMirrors(exchange, action, plan, body, services);
  return new Forwarding(manager, cluster, action, plan, target);
}

function withoutCluster({ stats }: ConnectionManager, status: number): LocalReply {
  stats.no_cluster += 1;
  return clusterNotFound(status);
}
