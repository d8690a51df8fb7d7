// What the head of an answer says of the endpoint it came from.
import type { Host } from '../cluster/host.ts';
import { httpStatusOf, isGrpc } from '../http/grpc-status.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';

export function observeAnswer(host: Host, request: RequestHead, head: ResponseHead): void {
  const { cluster, stats } = host;
  if (head.status < 500) stats.rq_success += 1;
  else stats.rq_error += 1;
  if (cluster.config.outlierDetection !== null) cluster.observe(host, countedStatus(request, head));
  if (cluster.checked && head.headers.has('x-envoy-immediate-health-check-fail')) cluster.failHealth(host);
}

/** A request to it has no answer, or none in time; `status` is what its client gets. */
export function observeFailure(host: Host, status: number): void {
  host.stats.rq_error += 1;
  host.cluster.observeFailure(host, status);
}

/** An answer of gRPC that is an error from its head on counts as what it says. */
function countedStatus({ headers }: RequestHead, head: ResponseHead): number {
  const said = isGrpc(headers) ? head.headers.get('grpc-status') : undefined;
  return said === undefined ? head.status : httpStatusOf(Number(said));
}
