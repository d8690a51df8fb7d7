// The cluster a request goes to: chosen once, because weights leave it to chance, and asked for by filters before the router.
import type { Exchange } from '../http/exchange.ts';
import type { ResponseHead } from '../http/message.ts';
import type { ClusterChoice, ForwardAction } from './table.ts';

export function chooseCluster(exchange: Exchange, action: ForwardAction, random: () => number): ClusterChoice {
  exchange.choice ??= action.pickCluster(exchange.request, random());
  return exchange.choice;
}

/** Where the route leads to: what there was to choose was chosen with it. null: to no cluster. */
export function plannedCluster({ choice, route, request }: Exchange): string | null {
  if (choice !== null) return choice.cluster;
  return route?.action.kind === 'forward' ? route.action.pickCluster(request, 0).cluster : null;
}

/** What logs and expressions call the cluster of a request: before it goes anywhere the one its route leads to, after that one that there is. */
export function clusterName(exchange: Exchange, response: ResponseHead | null, ended: number): string | undefined {
  if (exchange.clusterMetadata !== null) return exchange.cluster;
  return response !== null || ended !== 0 ? undefined : (plannedCluster(exchange) ?? undefined);
}

/** null: the route leads to no cluster. */
export function chosenCluster(exchange: Exchange, random: () => number): string | null {
  const action = exchange.route?.action;
  return action?.kind === 'forward' ? chooseCluster(exchange, action, random).cluster : null;
}
