// The mesh's workloads (from the plans) and what flows between them (from telemetry), as the graph every client shows.
import type { ProxyRef, WorkloadLabels } from '../mesh/plan.ts';
import { type Edge, edgesOf, inboundOf, type Measures, measure, outboundOf, workloadId } from '../telemetry/edges.ts';
import type { FlowDelta } from '../telemetry/flow.ts';
import type { Golden, GraphEdge, GraphNode, GraphResponse, NodeKind } from './types.ts';

export function graphOf(
  proxies: readonly ProxyRef[],
  deltas: readonly FlowDelta[],
  at: number,
  window: number,
): GraphResponse {
  // A service that nobody answered for is shown while somebody asks, not for as long as somebody once did.
  const edges = edgesOf(deltas).filter(({ to, traffic }) => to.workload !== '' || traffic.counts.requests > 0);
  const nodes = new Map(workloadNodes(proxies, deltas).map((node) => [node.id, node]));
  for (const edge of edges) {
    for (const node of [callerNode(edge), calledNode(edge)]) if (!nodes.has(node.id)) nodes.set(node.id, node);
  }
  const sorted = [...nodes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { at, window, nodes: sorted, edges: edges.map(graphEdge) };
}

/** Every workload that has a proxy, also those without traffic; by id. */
export function workloadNodes(proxies: readonly ProxyRef[], deltas: readonly FlowDelta[]): GraphNode[] {
  const byWorkload = new Map<string, ProxyRef[]>();
  for (const proxy of proxies) {
    const id = workloadId(proxy.workload);
    byWorkload.set(id, [...(byWorkload.get(id) ?? []), proxy]);
  }
  return [...byWorkload].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, group]) => workloadNode(id, group, deltas));
}

function golden({ rate, success, denied, p50, p95, p99, encrypted }: Measures): Golden {
  return { rate, success, denied, p50, p95, p99, encrypted };
}

/** What node an edge ends in; a destination nobody answered for is its service. */
export const calledId = (edge: Edge): string =>
  edge.to.workload === '' ? `service:${edge.services[0] ?? 'unknown'}` : workloadId(edge.to);
export const callerId = (edge: Edge): string => (edge.from.workload === '' ? OUTSIDE : workloadId(edge.from));

function graphEdge(edge: Edge): GraphEdge {
  const from = callerId(edge);
  const to = calledId(edge);
  return { id: `${from}>${to}`, from, to, services: edge.services, golden: golden(measure(edge.traffic)) };
}

const OUTSIDE = 'outside';

/** A gateway is entered from outside, where nobody counts: what it sends is its traffic. */
function workloadNode(id: string, group: readonly ProxyRef[], deltas: readonly FlowDelta[]): GraphNode {
  const [{ kind, workload, identity }] = group as [ProxyRef];
  const gateway = kind === 'gateway';
  const traffic = gateway ? outboundOf(deltas, id) : inboundOf(deltas, id);
  return {
    ...nodeOf(id, gateway ? 'gateway' : 'workload', workload),
    identity,
    proxies: group.length,
    inbound: golden(measure(traffic)),
  };
}

function callerNode(edge: Edge): GraphNode {
  const node =
    edge.from.workload === ''
      ? nodeOf(OUTSIDE, 'outside', named('outside'))
      : nodeOf(workloadId(edge.from), 'workload', edge.from);
  return { ...node, inbound: idle };
}

function calledNode(edge: Edge): GraphNode {
  if (edge.to.workload !== '')
    return { ...nodeOf(workloadId(edge.to), 'workload', edge.to), inbound: golden(measure(edge.traffic)) };
  const [name = 'unknown', namespace = ''] = (edge.services[0] ?? '').split('.');
  const service = { ...named(name), namespace };
  return { ...nodeOf(calledId(edge), 'service', service), inbound: golden(measure(edge.traffic)) };
}

function nodeOf(id: string, kind: NodeKind, labels: WorkloadLabels): GraphNode {
  const { workload: name, namespace, app, version } = labels;
  return { id, kind, name, namespace, app: app || name, version, identity: '', proxies: 0, inbound: idle };
}

const named = (workload: string): WorkloadLabels => ({ workload, namespace: '', app: workload, version: '' });

const idle: Golden = { rate: 0, success: null, denied: 0, p50: null, p95: null, p99: null, encrypted: null };
