// Reads Envoy's own metrics when it is the data plane: it counts per cluster, so the plan has to say which workloads stand behind one.
import type { WorkloadLabels } from '../mesh/plan.ts';
import type { FlowCounts, FlowReader, FlowReading } from './flow.ts';
import { FlowTable, type Labels, type SeriesTarget } from './flow-table.ts';

/** What an outbound cluster leads to. `workload: ''` in `destination` when several workloads share it. */
export type ClusterDestination = {
  readonly destination: WorkloadLabels;
  readonly service: { readonly name: string; readonly namespace: string };
};

/** `clusters` is by `clusterKey` of the cluster's name. */
export function envoyReader(self: WorkloadLabels, clusters: ReadonlyMap<string, ClusterDestination>): FlowReader {
  const table = new FlowTable(
    (name) => name === DENIED || CLUSTER_METRIC.test(name),
    (name, labels) => (name === DENIED ? denied(self) : counted(name, labels, self, clusters)),
  );
  return {
    path: '/stats/prometheus?usedonly&filter=upstream_rq_.xx|upstream_rq_time|upstream_rq_403|upstream_cx_total|ssl\\.handshake|rbac\\.denied',
    read(text) {
      const { readings, fault } = table.read(text);
      return { readings: readings.map(settleSecurity), fault };
    },
  };
}

/** How Envoy writes a cluster's name into a metric's name; what it cuts at the first dot is put together again by this. */
export const clusterKey = (name: string): string => name.replace(/[^a-zA-Z0-9]/g, '_');

const DENIED = 'envoy_http_rbac_denied';
/** Without its own tag rules Envoy takes `outbound|80||web` for the cluster and leaves `shop_svc_cluster_local` in the metric's name. */
const CLUSTER_METRIC =
  /^envoy_cluster_(?:(.+)_)?(upstream_rq_xx|upstream_rq|upstream_rq_time_bucket|upstream_cx_total|ssl_handshake)$/;

function denied(self: WorkloadLabels): SeriesTarget {
  return { ...inbound(self), adds: ['requests', 'denied'], bound: null };
}

function inbound(self: WorkloadLabels): Pick<SeriesTarget, 'id' | 'flow'> {
  const service = { name: '', namespace: '' };
  return { id: 'inbound', flow: { reporter: 'destination', source: null, destination: self, service } };
}

function counted(
  name: string,
  labels: Labels,
  self: WorkloadLabels,
  clusters: ReadonlyMap<string, ClusterDestination>,
): SeriesTarget | null {
  const [, rest, metric = ''] = CLUSTER_METRIC.exec(name) ?? [];
  const cluster = labels.get('envoy_cluster_name') ?? '';
  const meaning = amounts(metric, labels);
  if (meaning === null) return null;
  if (cluster.startsWith('inbound|')) return { ...inbound(self), ...meaning };
  const key = clusterKey(rest === undefined ? cluster : `${cluster}.${rest}`);
  const known = clusters.get(key);
  if (known === undefined) return null;
  const { destination, service } = known;
  return { id: key, flow: { reporter: 'source', source: self, destination, service }, ...meaning };
}

function amounts(metric: string, labels: Labels): Pick<SeriesTarget, 'adds' | 'bound'> | null {
  const adds = (...columns: (keyof FlowCounts)[]) => ({ adds: columns, bound: null });
  switch (metric) {
    case 'upstream_rq_xx':
      return labels.get('envoy_response_code_class') === '5' ? adds('requests', 'failed') : adds('requests');
    case 'upstream_rq':
      // A caller's Envoy cannot tell a policy's 403 from an application's: edges.ts asks the called side how many there were.
      return labels.get('envoy_response_code') === '403' ? adds('denied') : null;
    case 'upstream_rq_time_bucket': {
      const bound = labels.get('le') === '+Inf' ? Infinity : Number(labels.get('le'));
      return Number.isNaN(bound) ? null : { adds: [], bound };
    }
    // Connections for now; settleSecurity turns them into requests.
    case 'ssl_handshake':
      return adds('secure');
    case 'upstream_cx_total':
      return adds('plain');
    default:
      return null;
  }
}

/** A cluster that shook hands speaks TLS on all its connections. */
function settleSecurity(reading: FlowReading): FlowReading {
  if (reading.flow.reporter === 'destination')
    return { ...reading, counts: { ...reading.counts, secure: 0, plain: 0 } };
  const { requests, secure: handshakes, plain: connections } = reading.counts;
  const secure = handshakes > 0 ? requests : 0;
  const plain = handshakes === 0 && connections > 0 ? requests : 0;
  return { ...reading, counts: { ...reading.counts, secure, plain } };
}
