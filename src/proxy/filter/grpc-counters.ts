// Counters of gRPC calls under Envoy's names: by status code, `success`, `failure`, `total`.
import { Histogram } from '../../lib/histogram.ts';
import { pathOnly } from '../route/match/query.ts';

/** Codes have a counter once they have occurred, `upstream_rq_time` a histogram. */
export type GrpcCounters = Record<string, number | Histogram>;

export type GrpcMethod = { readonly service: string; readonly method: string };

/** null: the path is no method's. */
export function methodOf(path: string): GrpcMethod | null {
  const [, service, method, more] = pathOnly(path).split('/');
  return !service || !method || more !== undefined ? null : { service, method };
}

export function countStatus(counters: GrpcCounters, status: string): void {
  const ok = status === '0';
  count(counters, status, 1);
  count(counters, 'success', ok ? 1 : 0);
  count(counters, 'failure', ok ? 0 : 1);
  count(counters, 'total', 1);
}

export function count(counters: GrpcCounters, name: string, by: number): void {
  const before = counters[name];
  counters[name] = (typeof before === 'number' ? before : 0) + by;
}

/** Milliseconds from the end of the request to the end of the response, as the upstream saw them. */
export function recordTime(counters: GrpcCounters, millis: number): void {
  const known = counters['upstream_rq_time'];
  const times = known instanceof Histogram ? known : new Histogram();
  counters['upstream_rq_time'] = times;
  times.record(millis);
}
