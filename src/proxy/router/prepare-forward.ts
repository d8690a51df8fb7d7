// The last edits of a request before it is forwarded, after every filter has seen it as it came.
import type { Exchange } from '../http/exchange.ts';
import type { ClusterChoice, ForwardAction } from '../route/table.ts';

export function prepareForward(exchange: Exchange, action: ForwardAction, choice: ClusterChoice): void {
  const { request } = exchange;
  const expected = expectedTimeout(action);
  if (expected > 0) request.headers.set('x-envoy-expected-rq-timeout-ms', String(expected));
  choice.editRequest(exchange);
  exchange.route?.editRequest(exchange);
  const { path } = request;
  action.rewrite(request);
  if (request.path !== path) exchange.originalPath = path;
}

/** Milliseconds one try may take, 0 without limit. */
function expectedTimeout({ timeout, retry }: ForwardAction): number {
  const perTry = retry?.perTryTimeout ?? 0;
  return perTry > 0 && (timeout === 0 || perTry < timeout) ? perTry : timeout;
}
