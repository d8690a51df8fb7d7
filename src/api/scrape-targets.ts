// Which proxies telemetry has to ask, and with which reader: one reader per proxy, kept as long as its plan.
import type { ClusterPlan, ProxyPlan, WorkloadLabels } from '../mesh/plan.ts';
import { workloadId } from '../telemetry/edges.ts';
import { type ClusterDestination, clusterKey, envoyReader } from '../telemetry/envoy-reader.ts';
import type { FlowReader } from '../telemetry/flow.ts';
import { istioReader } from '../telemetry/istio-reader.ts';
import type { ScrapeTarget } from '../telemetry/scrape.ts';
import type { MeshView, RunningProxy } from './mesh-view.ts';

/** Call it before each round; a name in `ScrapeTarget` is the proxy's node id. */
export function scrapeTargets(view: Pick<MeshView, 'plans' | 'proxies'>): () => ScrapeTarget[] {
  let kept = new Map<string, { reader: FlowReader; plan: ProxyPlan | undefined }>();
  return () => {
    const plans = new Map(view.plans().map((plan) => [plan.proxy.id, plan]));
    const next: typeof kept = new Map();
    const targets = view.proxies().flatMap(({ admin, ...proxy }) => {
      if (admin === null) return [];
      const plan = plans.get(proxy.nodeId);
      const known = kept.get(proxy.nodeId);
      // Only Envoy's reader depends on the plan.
      const fits = known !== undefined && (proxy.dataPlane === 'tulle' || known.plan === plan);
      const reader = fits ? known.reader : readerFor(proxy, plan);
      next.set(proxy.nodeId, { reader, plan });
      return [{ name: proxy.nodeId, ...admin, reader }];
    });
    kept = next;
    return targets;
  };
}

function readerFor(proxy: Pick<RunningProxy, 'dataPlane'>, plan: ProxyPlan | undefined): FlowReader {
  if (proxy.dataPlane === 'tulle' || plan === undefined) return istioReader();
  return envoyReader(plan.proxy.workload, clusterDestinations(plan.clusters));
}

function clusterDestinations(clusters: readonly ClusterPlan[]): ReadonlyMap<string, ClusterDestination> {
  const known = new Map<string, ClusterDestination>();
  for (const cluster of clusters) {
    if (cluster.kind !== 'service') continue;
    const { name, namespace } = cluster.service;
    const workloads = new Map(cluster.endpoints.map(({ workload }) => [workloadId(workload), workload]));
    const [only = several] = workloads.values();
    known.set(clusterKey(cluster.name), {
      destination: workloads.size === 1 ? only : several,
      service: { name, namespace },
    });
  }
  return known;
}

const several: WorkloadLabels = { workload: '', namespace: '', app: '', version: '' };
