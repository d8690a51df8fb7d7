// Reads the metrics that Tulle's proxy shares with Istio's: istio_requests_total and istio_request_duration_milliseconds.
import type { WorkloadLabels } from '../mesh/plan.ts';
import type { Flow, FlowCounts, FlowReader } from './flow.ts';
import { FlowTable, type Labels, type SeriesTarget } from './flow-table.ts';

const REQUESTS = 'istio_requests_total';
const DURATION = 'istio_request_duration_milliseconds_bucket';

export function istioReader(): FlowReader {
  const table = new FlowTable((name) => name === REQUESTS || name === DURATION, meaning);
  return { path: '/stats/prometheus', read: (text) => table.read(text) };
}

function meaning(name: string, labels: Labels): SeriesTarget | null {
  const flow = flowOf(labels);
  if (flow === null) return null;
  const id = [flow.reporter, ...endKey(flow.source), ...endKey(flow.destination), ...Object.values(flow.service)].join(
    '|',
  );
  if (name === REQUESTS) return { id, flow, adds: countsOf(labels), bound: null };
  const bound = labels.get('le') === '+Inf' ? Infinity : Number(labels.get('le'));
  return Number.isNaN(bound) ? null : { id, flow, adds: [], bound };
}

function flowOf(labels: Labels): Flow | null {
  const reporter = labels.get('reporter');
  if (reporter !== 'source' && reporter !== 'destination') return null;
  return {
    reporter,
    source: endOf(labels, 'source'),
    destination: endOf(labels, 'destination'),
    service: {
      name: known(labels.get('destination_service_name') ?? labels.get('destination_service')),
      namespace: known(labels.get('destination_service_namespace')),
    },
  };
}

function endOf(labels: Labels, side: 'source' | 'destination'): WorkloadLabels {
  return {
    workload: known(labels.get(`${side}_workload`)),
    namespace: known(labels.get(`${side}_workload_namespace`)),
    app: known(labels.get(`${side}_app`) ?? labels.get(`${side}_canonical_service`)),
    version: known(labels.get(`${side}_version`) ?? labels.get(`${side}_canonical_revision`)),
  };
}

/** gRPC statuses that say the server failed: unknown, deadline exceeded, internal, unavailable, data loss. */
const GRPC_FAILURES: ReadonlySet<string> = new Set(['2', '4', '13', '14', '15']);

/** Flags of a proxy that has no such cluster, or no endpoint of it that may be asked. */
const NOBODY_FOUND = ['NC', 'UH'] as const;

function countsOf(labels: Labels): readonly (keyof FlowCounts)[] {
  const adds: (keyof FlowCounts)[] = ['requests'];
  const code = Number(labels.get('response_code'));
  const flags = (labels.get('response_flags') ?? '').split(',');
  const refused = flags.includes('RBAC') || flags.includes('UAEX');
  if (refused) adds.push('denied');
  else if (code >= 500 || GRPC_FAILURES.has(labels.get('grpc_response_status') ?? '')) {
    adds.push('failed');
    if (NOBODY_FOUND.some((flag) => flags.includes(flag)) && isUnanswered(labels)) adds.push('unsent');
  }
  const security = labels.get('connection_security_policy');
  if (security === 'mutual_tls') adds.push('secure');
  if (security === 'none') adds.push('plain');
  return adds;
}

/** No instance took it: one that failed elsewhere before, and then found nobody, has one. */
const isUnanswered = (labels: Labels): boolean =>
  labels.get('reporter') === 'source' && known(labels.get('destination_workload')) === '';

const known = (value: string | undefined): string => (value === undefined || value === 'unknown' ? '' : value);
const endKey = (end: WorkloadLabels | null): string[] =>
  end === null ? [] : [end.namespace, end.workload, end.version];
