// What the head of an answer says of the endpoint it came from.
import type { Host } from '../cluster/host.ts';
import { httpStatusOf, isGrpc } from '../http/grpc-status.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';

export function observeAnswer(host: Host, request: RequestHead, head: ResponseHead): void {
  const { cluster } = host;
  if (cluster.config.outlierDetection !== null) cluster.observe(host, countedStatus(request, head));
  if (cluster.checked && head.headers.has('x-envoy-immediate-health-check-fail')) cluster.failHealth(host);
}

/** An answer of gRPC that is an error from its head on counts as what it says. */
function countedStatus({ headers }: RequestHead, head: ResponseHead): number {
  const said = isGrpc(headers) ? head.headers.get('grpc-status') : undefined;
  return said === undefined ? head.status : httpStatusOf(Number(said));
}
