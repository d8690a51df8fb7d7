// What a repeated request says of itself: which try it is, and how much time is left.
import type { Exchange } from '../http/exchange.ts';
import { announceTimeout, type RouterOptions } from '../route/request-plan.ts';
import type { ForwardAction, ForwardPlan } from '../route/table.ts';

/** `late`: the try before took too long. */
export function announceRetry(
  { request: { headers }, attempts, requestEnded }: Exchange,
  plan: ForwardPlan,
  action: ForwardAction,
  options: RouterOptions,
  late: boolean,
  now: number,
): void {
  if (action.attemptHeaders?.request === true) headers.set('x-envoy-attempt-count', String(attempts));
  if (action.attemptHeaders?.timeoutRetry === true) headers.set('x-envoy-is-timeout-retry', String(late));
  announceTimeout(plan, action, headers, requestEnded === 0 ? 0 : now - requestEnded, options);
}
