// A flow: requests between two ends as one proxy counts them, in terms that no data plane's metric names reach.
import type { WorkloadLabels } from '../mesh/plan.ts';
import type { Latency } from './latency.ts';
import type { ExpositionFault } from './prometheus-parser.ts';

export type Flow = {
  /** Which side counted: the caller's proxy or the called one's. */
  readonly reporter: 'source' | 'destination';
  /** null: the reporter cannot say who called. `workload: ''`: a caller without a proxy. */
  readonly source: WorkloadLabels | null;
  /** `workload: ''`: no instance answered; `service` says what was asked for. */
  readonly destination: WorkloadLabels;
  readonly service: { readonly name: string; readonly namespace: string };
};

export type FlowCounts = {
  readonly requests: number;
  /** Answered 5xx, or with a gRPC status that means the same. */
  readonly failed: number;
  /** Answered by the caller's own proxy, which found nobody to send them to; in `failed` too. 0 where the reporter cannot tell. */
  readonly unsent: number;
  /** Refused by policy; in `requests`, not in `failed`. */
  readonly denied: number;
  /** Over mutual TLS, and not; what the reporter cannot tell is in neither. */
  readonly secure: number;
  readonly plain: number;
};

/** What a proxy has counted since it started. `id` names the flow within the proxy. */
export type FlowReading = {
  readonly id: string;
  readonly flow: Flow;
  readonly counts: FlowCounts;
  readonly latency: Latency;
};

/** What was counted in `seconds`. */
export type FlowDelta = {
  readonly flow: Flow;
  readonly seconds: number;
  readonly counts: FlowCounts;
  readonly latency: Latency;
};

export const noCounts: FlowCounts = { requests: 0, failed: 0, unsent: 0, denied: 0, secure: 0, plain: 0 };

export function addCounts(a: FlowCounts, b: FlowCounts): FlowCounts {
  return {
    requests: a.requests + b.requests,
    failed: a.failed + b.failed,
    unsent: a.unsent + b.unsent,
    denied: a.denied + b.denied,
    secure: a.secure + b.secure,
    plain: a.plain + b.plain,
  };
}

/** Turns the text a proxy's admin interface gives into readings; keeps what it learnt of its labels between calls. */
export type FlowReader = {
  /** What to ask the admin interface for. */
  readonly path: string;
  read(text: string): { readonly readings: readonly FlowReading[]; readonly fault: ExpositionFault | null };
};
