// Sparklines: the same measures as the live figures, one per step of time.
import { edgesOf, inboundOf, measure, outboundOf, type Traffic, workloadId } from '../telemetry/edges.ts';
import type { FlowDelta } from '../telemetry/flow.ts';
import type { DeltaFilter, TelemetryStore } from '../telemetry/store.ts';
import { calledId, callerId } from './graph.ts';
import type { HistoryResponse } from './types.ts';

/** A workload's inbound requests (a gateway's outbound ones), or an edge by its graph ids. */
export type HistorySubject =
  | { readonly kind: 'workload' | 'gateway'; readonly id: string }
  | { readonly kind: 'edge'; readonly from: string; readonly to: string };

/** `points` steps of `step` seconds, the last one ending with the last round. */
export function historyOf(
  store: TelemetryStore,
  subject: HistorySubject,
  points: number,
  step: number,
): HistoryResponse {
  const end = store.at;
  const start = end - points * step * 1000;
  const steps = Array.from({ length: points }, (_, i) => {
    const from = start + i * step * 1000;
    return measure(trafficOf(store.between(from, from + step * 1000, concerns(subject)), subject));
  });
  return {
    start,
    step,
    rate: steps.map(({ rate }) => rate),
    failed: steps.map(({ failed }) => failed),
    denied: steps.map(({ denied }) => denied),
    p50: steps.map(({ p50 }) => p50),
    p99: steps.map(({ p99 }) => p99),
  };
}

function concerns(subject: HistorySubject): DeltaFilter {
  if (subject.kind === 'edge') return () => true;
  return ({ source, destination }) =>
    workloadId(destination) === subject.id || (source !== null && workloadId(source) === subject.id);
}

function trafficOf(deltas: readonly FlowDelta[], subject: HistorySubject): Traffic {
  if (subject.kind !== 'edge') return (subject.kind === 'gateway' ? outboundOf : inboundOf)(deltas, subject.id);
  const edge = edgesOf(deltas).find((one) => callerId(one) === subject.from && calledId(one) === subject.to);
  return edge?.traffic ?? inboundOf([], '');
}
