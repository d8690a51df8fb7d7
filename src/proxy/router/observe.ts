// What the answer to a request says of the endpoint it came from.
import type { Host } from '../cluster/host.ts';
import { httpStatusOf, isGrpc } from '../http/grpc-status.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';

/** An answer of gRPC is as good as what it says. true: it says that with its trailers, and `observeTrailers` is due. */
export function observeAnswer(host: Host, request: RequestHead, head: ResponseHead, last: boolean): boolean {
  const { cluster } = host;
  const grpc = isGrpc(request.headers);
  const said = grpc ? head.headers.get('grpc-status') : undefined;
  const status = said === undefined ? head.status : httpStatusOf(Number(said));
  const due = grpc && said === undefined && !last && head.status < 500;
  if (!due) countOutcome(host, head.status < 500 && status < 500 && (!grpc || said !== undefined));
  if (cluster.config.outlierDetection !== null) cluster.observe(host, status);
  if (cluster.checked && head.headers.has('x-envoy-immediate-health-check-fail')) cluster.failHealth(host);
  return due;
}

export function observeTrailers(host: Host, trailers: HeaderMap | null): void {
  const said = trailers?.get('grpc-status');
  countOutcome(host, said !== undefined && httpStatusOf(Number(said)) < 500);
}

/** A request to it has no answer, or none in time; `status` is what its client gets. */
export function observeFailure(host: Host, status: number): void {
  host.stats.rq_error += 1;
  host.cluster.observeFailure(host, status);
}

function countOutcome({ stats }: Host, good: boolean): void {
  if (good) stats.rq_success += 1;
  else stats.rq_error += 1;
}
