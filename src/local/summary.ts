// What came of a timed run: the figures that `up --for --json` prints, and whether every flow that the workloads announce was seen.
import type { Workload } from '../model/service.ts';
import { type Edge, edgesOf } from '../telemetry/edges.ts';
import type { FlowDelta } from '../telemetry/flow.ts';
import { annotation, listOf } from './annotations.ts';

type Summary = {
  /** Between services; what comes from outside the mesh is not counted. */
  readonly requests: number;
  /** Of these, over mutual TLS. */
  readonly encrypted: number;
  /** Failed for their caller, after retries; without what policy refused. */
  readonly failed: number;
  /** Of those, found nobody to go to: neither encrypted nor plain, they reached no one. */
  readonly unsent: number;
  readonly denied: number;
  readonly workloads: number;
  readonly dialects: readonly string[];
  readonly dashboard: string | null;
};

export type Outcome = {
  readonly summary: Summary /** Empty when all went well. */;
  readonly faults: readonly string[];
};

export type Run = {
  readonly totals: readonly FlowDelta[];
  readonly workloads: readonly Workload[];
  readonly dialects: readonly string[];
  readonly dashboard: string | null;
};

export function summarize({ totals, workloads, dialects, dashboard }: Run): Outcome {
  const edges = edgesOf(totals).filter(({ from }) => from.workload !== '');
  const total = (count: (edge: Edge) => number): number => edges.reduce((sum, edge) => sum + count(edge), 0);
  const summary = {
    requests: total(({ traffic }) => traffic.counts.requests),
    encrypted: total(encrypted),
    failed: total(({ traffic }) => traffic.counts.failed),
    unsent: total(({ traffic }) => traffic.counts.unsent),
    denied: total(({ traffic }) => traffic.counts.denied),
    workloads: workloads.length,
    dialects,
    dashboard,
  };
  return {
    summary,
    faults: [...generalFaults(summary), ...workloads.flatMap((workload) => flowFaults(workload, edges))],
  };
}

/** The called side says how requests came in, and it sees each try of a request; so its word is taken as a share. */
function encrypted({ traffic: { counts } }: Edge): number {
  if (counts.secure === 0) return 0;
  return Math.max(0, counts.requests - counts.unsent - counts.plain);
}

function generalFaults({ requests, encrypted, failed, unsent }: Summary): string[] {
  const faults: string[] = [];
  const sent = requests - unsent;
  if (requests === 0) faults.push('no request between services was seen');
  if (failed > unsent) faults.push(`${failed - unsent} of ${sent} requests failed`);
  if (unsent > 0) faults.push(`${unsent} of ${requests} requests found nobody to go to`);
  if (encrypted < sent) faults.push(`${sent - encrypted} of ${sent} requests were not encrypted`);
  return faults;
}

/** To the service itself, or to one that stands in for it: the parts of a split are of the same app. */
const leadsTo = ({ to, services }: Edge, service: string): boolean =>
  to.app === service || services.some((name) => name === service || name.startsWith(`${service}.`));

function flowFaults(workload: Workload, edges: readonly Edge[]): string[] {
  const counts = (service: string): { sent: number; denied: number } => {
    const found = edges.filter(
      (edge) =>
        edge.from.workload === workload.name && edge.from.namespace === workload.namespace && leadsTo(edge, service),
    );
    return found.reduce(
      (sum, { traffic }) => ({
        sent: sum.sent + traffic.counts.requests - traffic.counts.unsent,
        denied: sum.denied + traffic.counts.denied,
      }),
      { sent: 0, denied: 0 },
    );
  };
  const wanted = listOf(workload.annotations[annotation.calls]).flatMap((service) => {
    const { sent, denied } = counts(service);
    if (sent === 0) return [`${workload.name} never reached ${service}`];
    return denied > 0 ? [`${workload.name} was denied ${service} ${denied} times`] : [];
  });
  const forbidden = listOf(workload.annotations[annotation.forbidden]).flatMap((service) => {
    const { sent, denied } = counts(service);
    if (sent === 0) return [`${workload.name} never tried ${service}`];
    return denied < sent ? [`${workload.name} reached ${service} ${sent - denied} times`] : [];
  });
  return [...wanted, ...forbidden];
}
