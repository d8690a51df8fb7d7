// The cluster a request goes to: chosen once, because weights leave it to chance, and asked for by filters before the router.
import type { Exchange } from '../http/exchange.ts';
import type { ClusterChoice, ForwardAction } from './table.ts';

export function chooseCluster(exchange: Exchange, action: ForwardAction, random: () => number): ClusterChoice {
  exchange.choice ??= action.pickCluster(exchange.request, random());
  return exchange.choice;
}

/** null: the route leads to no cluster. */
export function chosenCluster(exchange: Exchange, random: () => number): string | null {
  const action = exchange.route?.action;
  return action?.kind === 'forward' ? chooseCluster(exchange, action, random).cluster : null;
}
