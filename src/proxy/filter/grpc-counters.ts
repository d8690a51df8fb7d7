// Counters of gRPC calls under Envoy's names: by status code, `success`, `failure`, `total`.
import { pathOnly } from '../route/match/query.ts';

/** Codes have a counter once they have occurred. */
export type GrpcCounters = Record<string, number>;

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
  counters[name] = (counters[name] ?? 0) + by;
}
