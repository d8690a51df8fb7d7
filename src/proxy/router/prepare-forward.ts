// The last edits of a request before it is forwarded, after every filter has seen it as it came.
import type { LocalReply } from '../filter/filter.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import { announceTimeout, type RouterOptions } from '../route/request-plan.ts';
import { knowsAll } from '../route/retry-on.ts';
import type { ClusterChoice, ForwardAction, ForwardPlan } from '../route/table.ts';
import { malformedControl } from './causes.ts';

export function prepareForward(
  exchange: Exchange,
  action: ForwardAction,
  plan: ForwardPlan,
  choice: ClusterChoice,
  options: RouterOptions,
): void {
  const { request } = exchange;
  exchange.attempts = 1;
  announceTimeout(plan, action, request.headers, 0, options);
  if (action.attemptHeaders?.request === true) request.headers.set('x-envoy-attempt-count', '1');
  choice.editRequest(exchange);
  exchange.route?.editRequest(exchange);
  action.rewrite(exchange, options.suppressHeaders);
}

/** What is wrong with a header that the router is told to be strict about; null: nothing. */
export function strictRefusal(headers: HeaderMap, strict: readonly string[]): LocalReply | null {
  for (const name of strict) {
    const value = headers.get(name);
    if (value === undefined) continue;
    if (!isWellFormed(name, value)) return malformedControl(name, value);
  }
  return null;
}

function isWellFormed(name: string, value: string): boolean {
  if (name === 'x-envoy-retry-on') return knowsAll('http', value);
  if (name === 'x-envoy-retry-grpc-on') return knowsAll('grpc', value);
  return /^\d+$/.test(value);
}
