// Flows → the edges of a graph and what goes into each workload. Both proxies of a request count it; this says whose word is taken for what.
import type { WorkloadLabels } from '../mesh/plan.ts';
import { addCounts, type FlowCounts, type FlowDelta, noCounts } from './flow.ts';
import { addLatency, type Latency, noLatency, quantile } from './latency.ts';

/** Rates per second, latencies in milliseconds, null where nothing was measured. */
export type Measures = {
  readonly rate: number;
  readonly failed: number;
  readonly denied: number;
  readonly success: number | null;
  readonly encrypted: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
};

/** Requests added up, before they are divided by anything. */
export type Traffic = { readonly seconds: number; readonly counts: FlowCounts; readonly latency: Latency };

export type Edge = {
  readonly from: WorkloadLabels;
  readonly to: WorkloadLabels;
  /** `name.namespace` of the services asked for, sorted. */
  readonly services: readonly string[];
  readonly traffic: Traffic;
};

export const workloadId = (end: WorkloadLabels): string => `${end.namespace}/${end.workload}`;

/** Who called whom; a caller or destination without a workload has the id `/`. Sorted by ends. */
export function edgesOf(deltas: readonly FlowDelta[]): Edge[] {
  const pairs = new Map<string, FlowDelta[]>();
  for (const delta of deltas) {
    const { source, destination, service } = delta.flow;
    if (source === null || (source.workload === '' && destination.workload === '')) continue;
    const unanswered = destination.workload === '' ? `${service.name}.${service.namespace}` : '';
    const key = `${workloadId(source)}>${workloadId(destination)}>${unanswered}`;
    const pair = pairs.get(key);
    if (pair === undefined) pairs.set(key, [delta]);
    else pair.push(delta);
  }
  const refused = refusals(deltas, pairs);
  return [...pairs.keys()].sort().map((key) => edge(pairs.get(key) ?? [], refused.get(key) ?? null));
}

/**
 * Envoy beside the called workload knows how many requests policy refused, but not whose; Envoys of callers know whose were answered 403,
 * but not by whom. Policy goes by who asks, so what was refused counts for the callers with the greatest share of 403 first. By key of the pair.
 */
function refusals(
  deltas: readonly FlowDelta[],
  pairs: ReadonlyMap<string, readonly FlowDelta[]>,
): ReadonlyMap<string, number> {
  const left = new Map<string, number>();
  for (const { flow, counts } of deltas) {
    if (flow.reporter !== 'destination' || flow.source !== null) continue;
    const id = workloadId(flow.destination);
    left.set(id, (left.get(id) ?? 0) + counts.denied);
  }
  const callers = [...pairs].map(([key, pair]) => {
    const { requests, denied } = sum(pair.filter(({ flow }) => flow.reporter === 'source')).counts;
    return { key, to: workloadId((pair[0] as FlowDelta).flow.destination), denied, share: denied / (requests || 1) };
  });
  const shares = new Map<string, number>();
  for (const { key, to, denied } of callers.sort((a, b) => b.share - a.share || (a.key < b.key ? -1 : 1))) {
    const budget = left.get(to);
    if (budget === undefined) continue;
    const own = Math.min(denied, budget);
    shares.set(key, own);
    left.set(to, budget - own);
  }
  return shares;
}

/** What comes in at a workload: its own proxies' word, else its callers'. */
export function inboundOf(deltas: readonly FlowDelta[], id: string): Traffic {
  return settle(
    deltas.filter(({ flow }) => workloadId(flow.destination) === id),
    'destination',
  );
}

/** What a workload sends, by its own proxies' word. */
export function outboundOf(deltas: readonly FlowDelta[], id: string): Traffic {
  const own = edgesOf(deltas).filter(({ from }) => workloadId(from) === id);
  return own.map(({ traffic }) => traffic).reduce(addTraffic, { ...nothing, seconds: deltas[0]?.seconds ?? 0 });
}

export function measure({ seconds, counts, latency }: Traffic): Measures {
  const per = (count: number) => (seconds > 0 ? count / seconds : 0);
  const share = (part: number, whole: number) => (whole > 0 ? Math.min(1, Math.max(0, part / whole)) : null);
  const allowed = counts.requests - counts.denied;
  return {
    rate: per(counts.requests),
    failed: per(counts.failed),
    denied: per(counts.denied),
    success: share(allowed - counts.failed, allowed),
    encrypted: share(counts.secure, counts.secure + counts.plain),
    p50: quantile(latency, 0.5),
    p95: quantile(latency, 0.95),
    p99: quantile(latency, 0.99),
  };
}

function edge(pair: readonly FlowDelta[], refused: number | null): Edge {
  const [{ flow }] = pair as [FlowDelta];
  const services = new Set(
    pair.flatMap(({ flow: { service } }) => (service.name === '' ? [] : [describeService(service)])),
  );
  const from = flow.source as WorkloadLabels;
  return { from, to: flow.destination, services: [...services].sort(), traffic: settle(pair, 'source', refused) };
}

/** `catalog.shop`; hosts outside the mesh have no namespace. */
function describeService({ name, namespace }: { name: string; namespace: string }): string {
  return namespace === '' ? name : `${name}.${namespace}`;
}

/**
 * Counts and latencies from the side in `trusted` when it counted anything, else from the other. Only the called side can tell
 * a refusal from an application's 403, and whether a request came encrypted: for these it is asked first. `refused`: what it says where
 * it cannot tell its callers apart.
 */
function settle(
  deltas: readonly FlowDelta[],
  trusted: 'source' | 'destination',
  refused: number | null = null,
): Traffic {
  const source = sum(deltas.filter(({ flow }) => flow.reporter === 'source'));
  const destination = sum(deltas.filter(({ flow }) => flow.reporter === 'destination'));
  const [first, second] = trusted === 'source' ? [source, destination] : [destination, source];
  const chosen = first.counts.requests > 0 ? first : second;
  const told = destination.counts.secure + destination.counts.plain > 0 ? destination : source;
  const claimed = destination.counts.requests > 0 ? destination.counts.denied : (refused ?? source.counts.denied);
  const denied = Math.min(chosen.counts.requests, claimed);
  const { secure, plain } = told.counts;
  return { ...chosen, counts: { ...chosen.counts, denied, secure, plain } };
}

function sum(deltas: readonly FlowDelta[]): Traffic {
  return deltas.reduce<Traffic>(addTraffic, { ...nothing, seconds: deltas[0]?.seconds ?? 0 });
}

const nothing: Traffic = { seconds: 0, counts: noCounts, latency: noLatency };

/** Of the same seconds. */
const addTraffic = ({ seconds, counts, latency }: Traffic, other: Traffic): Traffic => ({
  seconds,
  counts: addCounts(counts, other.counts),
  latency: addLatency(latency, other.latency),
});
